"""Seeds saved by early stop, against all seeds at once with the same error rates."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from benchmarks.calibration.distributions import NORMAL, Floats
from benchmarks.calibration.measures import Measure, Section, share
from benchmarks.calibration.trials import Trials, draw, early_stop, sequential_outcome

N_BASELINE = 20
SETTINGS: tuple[tuple[int, float], ...] = ((5, 0.01), (8, 0.01), (11, 0.01), (11, 0.05), (20, 0.01))

#: Seeds after which a bit-identical commit is known to be one, and the share of such commits.
IDENTICAL_AFTER = 2
IDENTICAL_SHARE = 0.8

#: The settings that the targets are for: maxima that leave something to stop.
TARGETED = ((11, 0.01), (20, 0.01))

#: Monte-Carlo standard error of a share saved, from repetitions with 4,000 checks.
SAVED_ERROR = 0.012

COLUMNS = (
    "margin (SD)",
    "power",
    "seeds at once",
    "seeds unchanged",
    "saved",
    "seeds at margin",
    "saved at margin",
    "saved, 80 % identical",
)


def run(checks: int, settings: tuple[tuple[int, float], ...] = SETTINGS) -> list[Section]:
    """What early stop costs and saves at the default looks, normal seeds, 20 of them recorded."""
    return [
        Section(
            "Seeds saved by early stop",
            COLUMNS,
            tuple((f"20v{n} at {alpha}", _saved(n, alpha, checks)) for n, alpha in settings),
            "at least 0.5 unchanged, 0.2 at the margin, 0.7 where 80 % are bit-identical",
            (
                "The targets are for checks of up to 11 and 20 seeds at alpha "
                "0.01; a small maximum, or a large alpha, leaves less to stop.",
                "'seeds at once' is the fixed number of seeds with the same alpha and, at the "
                "margin, the same power, interpolated between simulated numbers of seeds.",
            ),
        )
    ]


def _saved(n: int, alpha: float, checks: int) -> tuple[Measure, ...]:
    design, margin_sd = early_stop((N_BASELINE, n), alpha)
    lost = draw(NORMAL, (N_BASELINE, n), checks, loss_sd=margin_sd, seed=3)
    idle = draw(NORMAL, (N_BASELINE, n), checks, loss_sd=0.0, seed=3)
    red, at_margin = sequential_outcome(lost, design)
    _, unchanged = sequential_outcome(idle, design)
    at_once = _seeds_at_once(lost, float(red.mean()), alpha)
    targets = (0.5, 0.2, 0.7) if (n, alpha) in TARGETED else (None, None, None)
    mixed = IDENTICAL_SHARE * IDENTICAL_AFTER + (1.0 - IDENTICAL_SHARE) * float(unchanged.mean())
    return (
        Measure(margin_sd, style=".2f"),
        share(red),
        Measure(at_once, style=".2f"),
        Measure(float(unchanged.mean()), style=".2f"),
        Measure(1.0 - float(unchanged.mean()) / at_once, targets[0], "at least", SAVED_ERROR),
        Measure(float(at_margin.mean()), style=".2f"),
        Measure(1.0 - float(at_margin.mean()) / at_once, targets[1], "at least", SAVED_ERROR),
        Measure(1.0 - mixed / at_once, targets[2], "at least", SAVED_ERROR),
    )


def _seeds_at_once(trials: Trials, power: float, level: float) -> float:
    """The number of seeds, between integers, with which all at once have that power and level.

    On the probit scale power is smooth in the square root of the information; a parabola through
    all numbers of seeds takes the noise of each out.
    """
    numbers = np.arange(3, trials.candidate.shape[1] + 1)
    powers = np.array([(trials.pvalues(int(n)) <= level).mean() for n in numbers])
    usable = (powers > 0.02) & (powers < 0.98)
    curve = np.polyfit(_root_information(numbers[usable]), ndtri(powers[usable]), 2)
    between = np.linspace(3.0, float(numbers[-1]), 1001)
    fitted = np.polyval(curve, _root_information(between))
    return float(np.interp(ndtri(power), fitted, between))


def _root_information(numbers: Floats) -> Floats:
    return np.asarray(1.0 / np.sqrt(1.0 / numbers + 1.0 / N_BASELINE))
