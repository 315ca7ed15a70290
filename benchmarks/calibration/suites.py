"""Whole suites, and seeds that fail."""

from __future__ import annotations

import numpy as np
from benchmarks.calibration.distributions import DISTRIBUTIONS, NORMAL
from benchmarks.calibration.measures import Measure, Section, share
from benchmarks.calibration.trials import draw, sequential_outcome

from pytest_mlregress.statistics.affordability import seeds_needed
from pytest_mlregress.statistics.early_stop import plan_check
from pytest_mlregress.statistics.multiplicity import comparison_alpha
from pytest_mlregress.statistics.power import design_for_power
from pytest_mlregress.statistics.sequential import default_looks

N_BASELINE = 20
COMPARISONS = 50
SUITE_ALPHA = 0.05
LOSS_SD = 2.0


def run(suites: int, lost_checks: int) -> list[Section]:
    """Fifty comparisons at once, and checks that lost seeds."""
    return [fifty(suites), lost_seeds(lost_checks)]


def fifty(suites: int) -> Section:
    """Suites of 50 unchanged comparisons, their distributions in turn; power on normal ones."""
    alpha = comparison_alpha(SUITE_ALPHA, COMPARISONS)
    n = seeds_needed(LOSS_SD, n_baseline=N_BASELINE, alpha=alpha).candidate
    assert n is not None
    design, _ = design_for_power(default_looks(n), n_baseline=N_BASELINE, alpha=alpha)
    red = np.zeros(suites, dtype=bool)
    seeds = []
    for comparison in range(COMPARISONS):
        distribution = DISTRIBUTIONS[comparison % len(DISTRIBUTIONS)]
        trials = draw(distribution, (N_BASELINE, n), suites, loss_sd=0.0, seed=100 + comparison)
        reds, used = sequential_outcome(trials, design)
        red |= reds > 0
        seeds.append(float(used.mean()))
    lost, used = sequential_outcome(
        draw(NORMAL, (N_BASELINE, n), suites, loss_sd=LOSS_SD, seed=99), design
    )
    return Section(
        f"{COMPARISONS} comparisons, at most {n} seeds each, looks {design.looks}",
        ("P(any false red)", "power at 2 SD", "seeds unchanged", "seeds at 2 SD"),
        (
            (
                f"alpha {SUITE_ALPHA} / {COMPARISONS}",
                (
                    share(red, SUITE_ALPHA),
                    share(lost, 0.9, "at least"),
                    Measure(float(np.mean(seeds)), 4.5, style=".2f"),
                    Measure(float(used.mean()), style=".2f"),
                ),
            ),
        ),
        "false reds at most 0.05 + 3 SE; power at least 0.90; at most 4.5 seeds on average",
        (f"{suites} simulated suites, their comparisons of all 13 distributions in turn.",),
    )


def lost_seeds(checks: int) -> Section:
    """Checks of 5 seeds of which some are NaN, by the product's own decisions."""
    generator = np.random.default_rng(7)
    rows = []
    for policy in ("fail", "test"):
        measures = []
        for lost, limit in ((5, 1.0), (3, 0.95), (2, None)):
            ends = []
            for _ in range(checks):
                baseline = generator.normal(size=N_BASELINE)
                candidate = generator.normal(size=5)
                candidate[generator.permutation(5)[:lost]] = np.nan
                check = plan_check(
                    baseline,
                    default_looks(5),
                    higher_is_better=True,
                    alpha=0.05,
                    on_nonfinite=policy,
                )
                ends.append(check.follow(baseline, candidate)[-1].action == "reject")
            wanted = limit if policy == "fail" or lost == 5 else None
            measures.append(share(ends, wanted, "at least"))
        rows.append((f'on_nonfinite="{policy}"', tuple(measures)))
    return Section(
        "Red although nothing else changed: 5 seeds, alpha 0.05",
        ("all NaN", "3 of 5 NaN", "2 of 5 NaN"),
        tuple(rows),
        "1 where all are NaN, at least 0.95 where half are",
        ('With "test" lost seeds are part of the game and only enter the test: no target.',),
    )
