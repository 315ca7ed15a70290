"""Matched seeds: what linking them gains, and what it costs where they are no longer correlated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from benchmarks.calibration.distributions import DISTRIBUTIONS, NORMAL, Distribution, Floats
from benchmarks.calibration.measures import Measure, Section, share
from pytest_mlregress.looks import default_looks
from pytest_mlregress.statistics.early_stop import plan_check
from pytest_mlregress.statistics.linked_check import LINKED_SHARE, plan_linked_check

N_BASELINE = 20

#: Seeds of a check, its level, the loss in SDs, and the correlation that the earlier runs had.
SETTINGS: tuple[tuple[int, float, float, float], ...] = (
    (5, 0.05, 0.0, 0.9),
    (5, 0.05, 1.0, 0.9),
    (5, 0.05, 1.5, 0.9),
    (5, 0.05, 1.0, 0.99),
    (11, 0.005, 1.0, 0.9),
    (11, 0.005, 1.0, 0.99),
)

#: Correlations of today's change.
TODAY: tuple[float, ...] = (0.0, 0.9, 0.99)

#: What the linked part may cost where the correlation is gone.
COST = 0.03

#: Of the linked seeds alone: a larger level than a check gives them, so that it can be measured.
LEVEL = 0.02
SKEWED_NAMES = ("logit-normal skewed", "lognormal loss")


@dataclass(frozen=True, slots=True)
class _Ends:
    """How many checks ended red and undecided, and their mean seeds."""

    red: float
    yellow: float
    seeds: float


def run(checks: int) -> list[Section]:
    """The verdict with and without a link, and the linked part alone."""
    return [beside(checks), alone(5 * checks)]


def beside(
    checks: int, settings: tuple[tuple[int, float, float, float], ...] = SETTINGS
) -> Section:
    """Normal seeds, one row per setting."""
    rows = tuple(
        (f"20v{n} at {alpha}, loss {loss:g} SD, rho {rho:g} before", _row(setting, checks))
        for setting in settings
        for n, alpha, loss, rho in [setting]
    )
    columns = (
        "red unpaired",
        *(f"red, rho {rho:g}" for rho in TODAY),
        "undecided unpaired",
        "undecided, rho 0",
        "seeds unpaired",
        "seeds, rho 0",
    )
    return Section(
        "Linked seeds beside the unpaired check",
        columns,
        rows,
        f"at rho 0 the power without linking less {COST:g}; level, seeds and undecided kept",
        (
            f"{checks} checks a figure, of 11 seeds a quarter of that, the same data for both; "
            "theta and the linked margin come from the correlation before.",
        ),
    )


def alone(checks: int) -> Section:
    """How often linked seeds show harm where nothing changed, at any of their looks."""
    rows = []
    for distribution in (NORMAL, *(d for d in DISTRIBUTIONS if d.name in SKEWED_NAMES)):
        for name, sign in (("", 1.0), (", good tail", -1.0)):
            if distribution is NORMAL and sign < 0.0:
                continue
            measures = tuple(
                share(_shown(distribution, sign, n, rho, checks), LEVEL if sign > 0.0 else None)
                for n in (5, 7)
                for rho in TODAY
            )
            rows.append((distribution.name + name, measures))
    return Section(
        f"Harm shown by linked seeds alone, level {LEVEL}, theta 0.9",
        tuple(f"20v{n}, rho {rho:g}" for n in (5, 7) for rho in TODAY),
        tuple(rows),
        "at most the level, without the unpaired check that stops most of them earlier",
        (
            f"{checks} unchanged checks a figure. Skewed histories are not refused here, which is "
            "why a tail at the good end has no target.",
        ),
    )


def _shown(distribution: Distribution, sign: float, n: int, rho: float, checks: int) -> list[bool]:
    """Checks of seeds that keep their rank with the correlation `rho`, by a normal copula."""
    generator = np.random.default_rng([53, n, round(1000 * rho)])
    quantiles = np.sort(distribution.draw(np.random.default_rng(1), (200_001,)))
    found = []
    for _ in range(checks):
        before = generator.normal(size=N_BASELINE)
        after = rho * before[:n] + math.sqrt(1.0 - rho**2) * generator.normal(size=n)
        baseline, candidate = (
            sign * quantiles[np.floor(ndtr(z) * quantiles.size).astype(int)]
            for z in (before, after)
        )
        by_seed = dict(enumerate(baseline.tolist()))
        check = plan_check(baseline, default_looks(n), higher_is_better=True, alpha=0.05)
        linked = plan_linked_check(by_seed, check, alpha=LEVEL, theta=0.9, rho=0.9)
        assert linked is not None
        evidence = [
            linked.at(by_seed, dict(enumerate(candidate[: look.n_seeds].tolist())))
            for look in linked.looks
        ]
        found.append(any(seen is not None and seen.shown for seen in evidence))
    return found


def _row(setting: tuple[int, float, float, float], checks: int) -> tuple[Measure, ...]:
    n, alpha, loss, before = setting
    # The permutations of 11 seeds take ten times as long.
    checks = checks if n == 5 else checks // 4
    ends = {rho: _ends(n, alpha, loss, rho, before, checks) for rho in TODAY}
    unpaired = _ends(n, alpha, loss, 0.0, None, checks)
    error = math.sqrt(alpha * (1.0 - alpha) / checks)
    # Both checks see the same data, so that only few of them end differently.
    differs = math.sqrt(2.0 * COST / checks)
    if loss == 0.0:
        reds = [Measure(ends[rho].red, alpha, error=error, style=".4f") for rho in TODAY]
    else:
        least = unpaired.red - COST
        reds = [Measure(ends[rho].red, least, "at least", differs) for rho in TODAY]
    dropped = ends[0.0]
    return (
        Measure(unpaired.red, style=".4f" if loss == 0.0 else ".3f"),
        *reds,
        Measure(unpaired.yellow),
        Measure(dropped.yellow, unpaired.yellow + 0.01, error=differs),
        Measure(unpaired.seeds, style=".2f"),
        Measure(dropped.seeds, unpaired.seeds + 0.1, error=0.02, style=".2f"),
    )


def _ends(
    n: int, alpha: float, loss: float, rho: float, before: float | None, checks: int
) -> _Ends:
    """Checks whose seeds have the correlation `rho`, linked if there was one `before`."""
    generator = np.random.default_rng([47, n, round(1000 * loss), round(1000 * rho)])
    red = yellow = seeds = 0
    for _ in range(checks):
        baseline = generator.normal(size=N_BASELINE)
        candidate = rho * baseline[:n] + math.sqrt(1.0 - rho**2) * generator.normal(size=n) - loss
        action, used = _followed(baseline, candidate, alpha, before)
        red += action == "reject"
        yellow += action == "inconclusive"
        seeds += used
    return _Ends(red / checks, yellow / checks, seeds / checks)


def _followed(
    baseline: Floats, candidate: Floats, alpha: float, before: float | None
) -> tuple[str, int]:
    """(how the check ends, after how many seeds), by the rule of the verdict."""
    share = 0.0 if before is None else LINKED_SHARE
    looks = default_looks(candidate.size)
    check = plan_check(baseline, looks, higher_is_better=True, alpha=(1.0 - share) * alpha)
    by_seed = dict(enumerate(baseline.tolist()))
    linked = before and plan_linked_check(
        by_seed, check, alpha=share * alpha, theta=before, rho=before
    )
    for decision in check.follow(baseline, candidate):
        if decision.action != "reject" and linked:
            of_look = dict(enumerate(candidate[: decision.n_seeds].tolist()))
            evidence = linked.at(by_seed, of_look)
            if evidence is not None and evidence.red:
                return "reject", decision.n_seeds
    return decision.action, decision.n_seeds
