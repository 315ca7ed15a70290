"""Matched seeds: the seed-linked Welch test, and its weight as estimated from earlier runs.

A small change keeps the seeds of both sides correlated: a lucky initialisation stays lucky. The
seed-linked test subtracts what the baseline's value of a seed predicts, theta times that value,
from each candidate value. theta is fixed from earlier runs, never from the run being judged. It is
a control variate (Glasserman 2003, Monte Carlo Methods, 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.skewness import skewness_z

#: What earlier runs must show before seeds are linked.
LEAST_RHO: Final = 0.5
LEAST_PAIRS: Final = 20
LEAST_COMMITS: Final = 2

#: One-sided confidence of the lower bound of rho, as a normal quantile: 90 %.
_BOUND_Z: Final = 1.2815515655446004

#: One-sided level, as a normal quantile, at which residuals count as skewed: 5 %.
_SKEWED_Z: Final = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class LinkedSamples:
    """Two independent samples whose means differ by the seed-linked estimate of the change.

    Attributes:
        baseline: (1 - w) b_j of the unmatched seeds, in metric units; zeros for the paired test.
        candidate: c_i - w b_i of the matched seeds, in metric units.
        test: the classical t-test that compares them.
        theta: the regression weight.
        weight: w, what each matched baseline value is multiplied with before it is subtracted.
    """

    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    test: Literal["welch", "paired"]
    theta: float
    weight: float


def seed_linked(
    baseline_by_seed: Mapping[int, float], candidate_by_seed: Mapping[int, float], theta: float
) -> LinkedSamples:
    """The samples x_i = c_i - w b_i over matched seeds and y_j = (1 - w) b_j over the others.

    The difference of their means is that of c_i - theta b_i (matched seeds) and (1 - theta) b_j
    (all baseline seeds). There the matched seeds are on both sides, and the two are independent
    only if the correlation is theta in this run as well. Moving the matched part of the second mean
    to the first, which makes the weight w = theta + (1 - theta) n_matched / n_baseline, gives the
    same difference from disjoint seeds, so that Welch's test holds its level at any correlation.

    With theta = 1, or fewer than two unmatched baseline seeds, w is 1 and the test is the paired
    t-test: y is then 0 for each pair.

    Args:
        baseline_by_seed: the baseline's value of each seed, in metric units.
        candidate_by_seed: the candidate's.
        theta: the regression weight, from earlier runs.

    Returns:
        The two samples.

    Raises:
        ValueError: a theta outside [0, 1], a non-finite value, a candidate seed that the baseline
            lacks, or fewer than two matched seeds.
    """
    _check_linkable(baseline_by_seed, candidate_by_seed, theta)
    matched = sorted(candidate_by_seed)
    others = sorted(baseline_by_seed.keys() - candidate_by_seed.keys())
    weight = link_weight(theta, len(baseline_by_seed), len(matched))
    linked = tuple(
        float(candidate_by_seed[seed] - weight * baseline_by_seed[seed]) for seed in matched
    )
    if weight == 1:
        return LinkedSamples((0.0,) * len(matched), linked, "paired", theta, weight)
    rest = tuple(float((1 - weight) * baseline_by_seed[seed]) for seed in others)
    return LinkedSamples(rest, linked, "welch", theta, weight)


def link_weight(theta: float, n_baseline: int, n_matched: int) -> float:
    """The weight w of a matched baseline value.

    Args:
        theta: the regression weight.
        n_baseline: number of baseline seeds.
        n_matched: how many of them are matched.

    Returns:
        The weight; 1 for theta = 1, or fewer than 2 other seeds.
    """
    if theta == 1 or n_baseline - n_matched < 2:
        return 1.0
    return theta + (1 - theta) * n_matched / n_baseline


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """The matched seeds of one earlier run.

    Attributes:
        commit: the commit of the run.
        pairs: (baseline, candidate) values of each seed, in metric units.
    """

    commit: str
    pairs: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class LinkEstimate:
    """What earlier runs say about pairing.

    Attributes:
        rho: correlation of matched seeds within runs.
        rho_lower: its lower 90 % confidence bound.
        theta: slope of candidate on baseline values, clipped to [0, 1].
        skewness: skewness of the residuals c - theta b as a standard normal deviate, positive for a
            long upper tail.
        n_pairs: number of pairs.
        n_runs: number of runs.
        n_commits: number of their commits.
        eligible: whether seeds may be linked.
        reason: why they may not.
    """

    rho: float
    rho_lower: float
    theta: float
    skewness: float
    n_pairs: int
    n_runs: int
    n_commits: int
    eligible: bool
    reason: str

    def skewed(self, *, higher_is_better: bool) -> bool:
        """Whether the residuals have a long tail at the good end, at level 0.05.

        That tail makes a t-test for a loss reject too often; one at the bad end makes it reject too
        rarely.

        Args:
            higher_is_better: the metric's direction.

        Returns:
            True if they have.
        """
        return (self.skewness if higher_is_better else -self.skewness) > _SKEWED_Z


def estimate_theta(history: Sequence[EarlierRun]) -> LinkEstimate:
    """Correlation and regression weight of matched seeds within earlier runs.

    Each run is centred on its own means, so that the changes themselves do not count as
    correlation; runs then pool their sums of squares. The bound of rho is Fisher's, z = atanh(rho)
    with standard error 1 / sqrt(pairs - runs - 2). Pairs with a non-finite value, runs of a single
    pair and runs whose pairs are all equal are left out: a run in which no bit changed says how
    deterministic the training is, not how a change correlates.

    Pairing is eligible if the bound is at least 0.5, from at least 20 pairs of at least 2 commits.

    Args:
        history: the earlier runs.

    Returns:
        The estimate, and whether it is eligible.
    """
    runs = [(run.commit, _finite_pairs(run)) for run in history]
    runs = [(commit, pairs) for commit, pairs in runs if len(pairs) > 1 and _shifted(pairs)]
    n_pairs, n_commits = sum(len(pairs) for _, pairs in runs), len({commit for commit, _ in runs})
    rho, slope = _pooled_correlation([pairs for _, pairs in runs])
    lower = _lower_bound(rho, n_pairs - len(runs))
    theta = min(1.0, max(0.0, slope))
    reason = ""
    if n_pairs < LEAST_PAIRS:
        reason = f"{n_pairs} matched seeds in earlier runs, {LEAST_PAIRS} needed"
    elif n_commits < LEAST_COMMITS:
        reason = f"{n_commits} commit in earlier runs, {LEAST_COMMITS} needed"
    elif lower < LEAST_RHO:
        reason = (
            f"correlation {rho:.2f} of matched seeds in earlier runs, at least {lower:.2f} with "
            f"90 % confidence, {LEAST_RHO} needed"
        )
    return LinkEstimate(
        rho=rho,
        rho_lower=lower,
        theta=theta,
        skewness=skewness_z(_residuals([pairs for _, pairs in runs], theta)),
        n_pairs=n_pairs,
        n_runs=len(runs),
        n_commits=n_commits,
        eligible=not reason,
        reason=reason,
    )


def equivalent_seeds(n_baseline: int, n_candidate: int, *, theta: float, rho: float) -> float:
    """The number of unpaired candidate seeds that are as informative as `n_candidate` linked ones.

    The baseline is assumed to grow in proportion. All `n_candidate` seeds are matched.

    Args:
        n_baseline: number of baseline seeds.
        n_candidate: number of candidate seeds.
        theta: the regression weight.
        rho: correlation of matched seeds.

    Returns:
        The number: below `n_candidate`, pairing loses; infinite for perfectly correlated seeds.

    Raises:
        ValueError: the baseline has fewer seeds than the candidate.
    """
    if not 1 <= n_candidate <= n_baseline:
        raise ValueError(
            f"{n_candidate} linked seeds of {n_baseline} baseline seeds; "
            "allowed is at least 1 and no more than the baseline has"
        )
    weight = theta + (1 - theta) * n_candidate / n_baseline
    linked = (1 - 2 * rho * weight + weight**2) / n_candidate
    if n_baseline > n_candidate:
        linked += (1 - weight) ** 2 / (n_baseline - n_candidate)
    unpaired = 1 / n_candidate + 1 / n_baseline
    return n_candidate * unpaired / linked if linked > 0 else math.inf


def _finite_pairs(run: EarlierRun) -> list[tuple[float, float]]:
    return [pair for pair in run.pairs if math.isfinite(pair[0]) and math.isfinite(pair[1])]


def _shifted(pairs: Sequence[tuple[float, float]]) -> bool:
    return any(before != after for before, after in pairs)


def _lower_bound(rho: float, centred_pairs: int) -> float:
    """The lower confidence bound of a correlation; -1 where there are too few pairs for one."""
    if centred_pairs < 3:
        return -1.0
    if abs(rho) >= 1.0:
        return math.copysign(1.0, rho)
    return math.tanh(math.atanh(rho) - _BOUND_Z / math.sqrt(centred_pairs - 2))


def _residuals(runs: Sequence[Sequence[tuple[float, float]]], theta: float) -> FloatArray:
    """C - theta b of all runs, each centred and scaled to unit spread, so that none dominates."""
    scaled = []
    for pairs in runs:
        values = np.array(pairs, dtype=np.float64)
        residuals = values[:, 1] - theta * values[:, 0]
        residuals -= residuals.mean()
        spread = float(residuals.std())
        if spread > 0.0:
            scaled.append(residuals / spread)
    return np.concatenate(scaled) if scaled else np.zeros(0)


def _pooled_correlation(runs: Sequence[Sequence[tuple[float, float]]]) -> tuple[float, float]:
    """Within-run correlation and slope; both 0 where a side does not vary."""
    moments = np.zeros((2, 2))
    for pairs in runs:
        values = np.array(pairs, dtype=np.float64)
        centred = values - values.mean(axis=0)
        moments += centred.T @ centred
    baseline, candidate, joint = moments[0, 0], moments[1, 1], moments[0, 1]
    if baseline <= 0 or candidate <= 0:
        return 0.0, 0.0
    rho = float(joint / np.sqrt(baseline * candidate))
    return min(1.0, max(-1.0, rho)), float(joint / baseline)


def _check_linkable(
    baseline_by_seed: Mapping[int, float], candidate_by_seed: Mapping[int, float], theta: float
) -> None:
    if not 0 <= theta <= 1:
        raise ValueError(f"theta={theta!r}; allowed is 0 <= theta <= 1")
    missing = sorted(candidate_by_seed.keys() - baseline_by_seed.keys())
    if missing:
        raise ValueError(f"seeds {missing} have no baseline value to be linked with")
    if len(candidate_by_seed) < 2:
        raise ValueError(f"{len(candidate_by_seed)} matched seed; linking needs at least 2")
    values = [*baseline_by_seed.values(), *candidate_by_seed.values()]
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a non-finite value cannot be linked: compare the samples unpaired")
