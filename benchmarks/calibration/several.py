"""Several metrics of one test: one relabelling for all of them against Bonferroni's level each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from benchmarks.calibration.distributions import (
    DIVERGED_2,
    NORMAL,
    SKEWED,
    Distribution,
    Floats,
)
from benchmarks.calibration.measures import Measure, Section, share
from benchmarks.calibration.trials import early_stop
from pytest_mlregress.statistics.batched_pvalues import harm_pvalues
from pytest_mlregress.statistics.multiple_comparisons import comparison_alpha, min_p_levels
from pytest_mlregress.statistics.promised_margin import automatic_margins
from pytest_mlregress.statistics.simulation import safety_of_samples

METRICS = 5

#: Levels of the whole test.
ALPHAS = (0.05, 0.01)

#: By level and metrics that lost: a loss in SDs that Bonferroni finds in about three of five.
LOSSES: dict[tuple[float, int], float] = {
    (0.05, 1): 1.5,
    (0.05, METRICS): 1.2,
    (0.01, 1): 1.9,
    (0.01, METRICS): 1.6,
}
SHAPE = (20, 5)

#: Unchanged candidates: of shapes with few relabellings, which are as exact; 8 seeds have 3 looks.
UNCHANGED: tuple[tuple[Distribution, tuple[int, int]], ...] = (
    (NORMAL, (12, 5)),
    (SKEWED, (12, 5)),
    (DIVERGED_2, (12, 5)),
    (NORMAL, (8, 8)),
)

#: What one relabelling adds to the power at least, by correlation.
GAINS = {0.0: 0.0, 0.5: 0.01, 0.9: 0.05}


@dataclass(frozen=True, slots=True)
class Tests:
    """Tests of several metrics: baselines (s, m, n_b) and candidates (s, m, n_c)."""

    baseline: Floats
    candidate: Floats


@dataclass(frozen=True, slots=True)
class Reds:
    """Which tests are red, shape (s,): with a level for each metric alone, and with joint ones."""

    alone: NDArray[np.bool_]
    joint: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Checks:
    """Simulated tests per figure: of candidates that lost, of unchanged ones."""

    powers: int
    levels: int


def run(checks: Checks) -> list[Section]:
    """The power and the level of tests of five metrics."""
    return [power(checks.powers), level(checks.levels)]


def power(checks: int, losses: Mapping[tuple[float, int], float] = LOSSES) -> Section:
    """How often a loss in one metric, or in all, makes a test red."""
    rows = []
    for (alpha, lost), loss in losses.items():
        measures: list[Measure] = []
        for rho, least in GAINS.items():
            found = reds(draw(NORMAL, SHAPE, rho, checks, loss_sd=loss, lost=lost), alpha)
            gain = float((found.joint & ~found.alone).mean())
            # Not that of a gain which few tests have missed altogether.
            assumed = max(gain, least)
            error = math.sqrt(assumed * (1.0 - assumed) / checks)
            measures += (share(found.alone), Measure(gain, least, "at least", error))
        words = "1 metric" if lost == 1 else f"{lost} metrics"
        rows.append((f"{words} {loss:g} SD worse, alpha {alpha}", tuple(measures)))
    return Section(
        f"Power of tests of {METRICS} metrics, {SHAPE[0]} against {SHAPE[1]} seeds, early stop",
        tuple(f"{what}, rho {rho:g}" for rho in GAINS for what in ("alone", "gain")),
        tuple(rows),
        "gained at least "
        + ", ".join(f"{gain:g} at rho {rho:g}" for rho, gain in GAINS.items() if gain),
        (f"{checks} normal tests a pair of figures; alpha is that of the whole test.",),
    )


def level(
    checks: int, unchanged: tuple[tuple[Distribution, tuple[int, int]], ...] = UNCHANGED
) -> Section:
    """How often an unchanged test is red, at equal metrics too."""
    correlations = (*GAINS, 1.0)
    rows = []
    for distribution, shape in unchanged:
        tests = [draw(distribution, shape, rho, checks) for rho in correlations]
        for alpha in ALPHAS:
            measures: list[Measure] = []
            for of_one in tests:
                found = reds(of_one, alpha)
                measures += (share(found.alone), share(found.joint, alpha))
            label = f"{distribution.name}, {shape[0]}v{shape[1]} at {alpha}"
            rows.append((label, tuple(measures)))
    return Section(
        f"False alarms of tests of {METRICS} metrics, early stop",
        tuple(f"{what}, rho {rho:g}" for rho in correlations for what in ("alone", "joint")),
        tuple(rows),
        f"at most alpha + 3 standard errors; {checks} unchanged tests a pair of figures",
    )


def draw(
    distribution: Distribution,
    shape: tuple[int, int],
    rho: float,
    checks: int,
    *,
    loss_sd: float = 0.0,
    lost: int = 0,
) -> Tests:
    """Tests whose metrics go together by a normal copula; the first `lost` ones lost `loss_sd`."""
    n_baseline, n_candidate = shape
    seeds = n_baseline + n_candidate
    generator = np.random.default_rng([61, *shape, round(1000 * rho), lost])
    common = generator.normal(size=(checks, 1, seeds))
    own = generator.normal(size=(checks, METRICS, seeds))
    values = math.sqrt(rho) * common + math.sqrt(1.0 - rho) * own
    if distribution is not NORMAL:
        quantiles = _quantiles(distribution)
        values = quantiles[np.floor(ndtr(values) * quantiles.size).astype(int)]
    candidate = values[:, :, n_baseline:].copy()
    candidate[:, :lost] -= loss_sd * distribution.sd
    return Tests(values[:, :, :n_baseline], candidate)


@lru_cache(maxsize=4)
def _quantiles(distribution: Distribution) -> Floats:
    return np.sort(distribution.draw(np.random.default_rng(1), (200_001,)))


def reds(tests: Tests, alpha: float) -> Reds:
    """Play the tests look by look with automatic margins, by the rule of the verdict.

    Both rules accept and go on alike until the joint one is red.
    """
    checks, metrics, n_baseline = tests.baseline.shape
    baseline = tests.baseline.reshape(checks * metrics, -1)
    candidate = tests.candidate.reshape(checks * metrics, -1)
    shape = n_baseline, candidate.shape[1]
    design, _ = early_stop(shape, comparison_alpha(alpha, metrics))
    every = comb(sum(shape), n_baseline)
    margins = automatic_margins(baseline, design)
    safe = safety_of_samples(baseline, candidate, margins, design, most=every)
    alone, joint = np.zeros(checks, dtype=np.bool_), np.zeros(checks, dtype=np.bool_)
    going_on = np.arange(checks * metrics)
    for n, reject, accept in zip(design.looks, design.reject, design.accept, strict=True):
        own = float(ndtr(-reject))
        pvalues = np.ones(checks * metrics)
        pvalues[going_on] = harm_pvalues(
            baseline[going_on], candidate[going_on, :n], max_relabellings=every
        )
        smallest = pvalues.reshape(checks, metrics).min(axis=1)
        alone |= smallest <= own
        joint |= alone
        for test in np.flatnonzero(~joint & (smallest <= metrics * own)):
            values = tests.baseline[test], tests.candidate[test, :, :n]
            joint[test] = smallest[test] <= min_p_levels(*values, [own] * metrics)[0]
        if n == design.looks[-1]:
            break
        harmless = going_on[pvalues[going_on] >= float(ndtr(-accept))]
        accepted = harmless[safe(n, harmless)]
        going_on = np.setdiff1d(going_on[~alone[going_on // metrics]], accepted)
    return Reds(alone, joint)
