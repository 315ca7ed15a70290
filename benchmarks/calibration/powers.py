"""Power: how often a loss is red."""

from __future__ import annotations

from math import comb

from benchmarks.calibration.distributions import (
    DISTRIBUTIONS,
    DIVERGED_2,
    DIVERGED_10,
    NORMAL,
    NORMAL_DIVERGED_2,
    NORMAL_DIVERGED_10,
    Distribution,
)
from benchmarks.calibration.measures import Section, share
from benchmarks.calibration.trials import draw, early_stop, fixed_reds, sequential_outcome

SHAPE = (20, 5)
ALPHA = 0.01
LOSS_SD = 2.0

#: Enumerated, as the product does it: 20,000 drawn ones cost 0.003 of power.
EVERY_RELABELLING = comb(sum(SHAPE), SHAPE[1])

#: The least power, of all seeds at once and with early stop.
LEAST = {NORMAL.name: 0.85, DIVERGED_2.name: 0.85, DIVERGED_10.name: 0.55}


ALL = (*DISTRIBUTIONS, NORMAL_DIVERGED_2, NORMAL_DIVERGED_10)


def run(checks: int, distributions: tuple[Distribution, ...] = ALL) -> list[Section]:
    """The power against a loss of 2 standard deviations, 20 against 5 seeds, alpha 0.01."""
    design, detectable = early_stop(SHAPE, ALPHA)
    rows = []
    for distribution in distributions:
        trials = draw(
            distribution, SHAPE, checks, loss_sd=LOSS_SD, seed=2, relabellings=EVERY_RELABELLING
        )
        reds = fixed_reds(trials, ALPHA)
        stopped, _ = sequential_outcome(trials, design)
        limit = LEAST.get(distribution.name)
        rows.append(
            (distribution.name, (share(reds, limit, "at least"), share(stopped, limit, "at least")))
        )
    return [
        Section(
            "Power: 20 against 5 seeds, alpha 0.01, a loss of 2 SD",
            ("all seeds at once", f"early stop at {design.looks[0]}"),
            tuple(rows),
            "at least 0.85 for normal and 2 % diverged, 0.55 for 10 % diverged",
            (
                "Diverged seeds are those of an accuracy (beta) that ends at chance; the last two "
                "rows have normal healthy seeds instead, and no target.",
                f"The automatic margin of early stop at 5 seeds is {detectable:.2f} SD.",
            ),
        )
    ]
