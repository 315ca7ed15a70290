"""What matched seeds add to a check: evidence of harm that the unpaired test cannot see.

The unpaired sequential test decides as without them, at 0.9 of alpha. At some looks the seed-linked
test may show harm too, at levels that sum to the remaining 0.1: by the union bound the level of the
two together is alpha at any correlation, and however their looks depend on each other. Matched
seeds never accept anything: a correlation that has dropped since the earlier runs then costs little
power, and a check that stops early does so as without them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from pytest_mlregress.statistics import special_functions as special
from pytest_mlregress.statistics.comparison import Comparison, compare
from pytest_mlregress.statistics.early_stop import SequentialCheck
from pytest_mlregress.statistics.margins import detectable_noncentrality
from pytest_mlregress.statistics.pairing import LinkedSamples, link_weight, seed_linked
from pytest_mlregress.statistics.power import DETECTION_POWER
from pytest_mlregress.statistics.run_noise import RunNoise
from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.sign_flip import sign_flip_test, smallest_flip_p
from pytest_mlregress.statistics.spread import spread_of
from pytest_mlregress.statistics.t_tests import mean_difference

#: The share of alpha that the linked test spends; 0.5 would cost 7 to 10 points of power if the
#: correlation has dropped to 0, this costs 1.
LINKED_SHARE: Final = 0.1

#: A t-test of fewer differences than this does not keep its level where they are skewed.
LEAST_SEEDS: Final = 5

#: From this many pairs on the sign-flip test is used if its p-values are small enough.
SIGN_FLIP_FROM: Final = 11


@dataclass(frozen=True, slots=True)
class LinkedLook:
    """One look of the linked test.

    Attributes:
        n_seeds: number of candidate seeds of the look.
        level: level of its test.
        exact: whether that is the sign-flip test, not a t-test.
    """

    n_seeds: int
    level: float
    exact: bool


@dataclass(frozen=True, slots=True)
class LinkedEvidence:
    """What the matched seeds of one look show.

    Attributes:
        level: level of the look.
        shown: whether they show harm at that level.
        red: whether the harm is one of the margin.
        loss: the linked estimate, in metric units, positive when the candidate is worse.
        comparison: the comparison that a report shows.
    """

    level: float
    shown: bool
    red: bool
    loss: float
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedCheck:
    """The linked part of a check, as it was fixed before its first seed.

    Attributes:
        looks: the looks at which the linked test runs.
        theta: regression weight of the baseline's value.
        margin: absolute, in metric units: the user's, otherwise the loss that the linked test
            detects with 90 % power at the correlation of the earlier runs, if that is less than
            what the unpaired one detects. It is never below the standard error of the baseline's
            mean: a loss below the baseline's own uncertainty matters only if declared.
        fixed_margin: whether the margin is the user's, or the resolution.
        higher_is_better: the metric's direction.
        beta: level of the test that excludes a loss of the margin.
        run_effect: how much runs differ beyond their seeds, in metric units, which no linking
            removes.
    """

    looks: tuple[LinkedLook, ...]
    theta: float
    margin: float
    fixed_margin: bool
    higher_is_better: bool
    beta: float
    run_effect: float = 0.0

    def at(
        self, baseline_by_seed: Mapping[int, float], candidate_by_seed: Mapping[int, float]
    ) -> LinkedEvidence | None:
        """The evidence of the first candidate seeds by number, as many as one look takes.

        Harm is red at an earlier look of a fixed margin if the estimated loss is at least the
        margin, and otherwise unless the data exclude a loss of the margin at level `beta`.

        Args:
            baseline_by_seed: the baseline's value of each seed, in metric units.
            candidate_by_seed: the candidate's.

        Returns:
            The evidence; None if there is no linked look after this many seeds, a seed has no
            baseline value, or a value is not finite.
        """
        look = next((at for at in self.looks if at.n_seeds == len(candidate_by_seed)), None)
        if look is None or not linkable(baseline_by_seed, candidate_by_seed):
            return None
        theta = 1.0 if look.exact else self.theta
        samples = seed_linked(baseline_by_seed, candidate_by_seed, theta)
        comparison = self._compared(baseline_by_seed, candidate_by_seed, samples, look)
        loss = self._sign * float(np.mean(samples.baseline) - np.mean(samples.candidate))
        shown = comparison.p_harm <= look.level
        early = look is not self.looks[-1]
        matters = (
            loss >= self.margin if early and self.fixed_margin else comparison.p_safe > self.beta
        )
        return LinkedEvidence(look.level, shown, shown and matters, loss, comparison)

    @property
    def _sign(self) -> float:
        return 1.0 if self.higher_is_better else -1.0

    def _compared(
        self,
        baseline_by_seed: Mapping[int, float],
        candidate_by_seed: Mapping[int, float],
        samples: LinkedSamples,
        look: LinkedLook,
    ) -> Comparison:
        """The comparison that a report shows, with the p-values of the look's own test."""
        comparison = compare(
            tuple(baseline_by_seed.values()),
            tuple(candidate_by_seed.values()),
            higher_is_better=self.higher_is_better,
            margin=self.margin,
            alpha=look.level,
            beta=self.beta,
            linked=samples,
        )
        before = self._sign * np.array(samples.baseline)
        after = self._sign * np.array(samples.candidate)
        kind = "flip" if look.exact else samples.test
        harm, better = linked_tails(before, after, kind)
        _, safe = linked_tails(before, after + self.margin, kind)
        own = replace(
            comparison,
            p_harm=harm,
            p_better=better,
            p_safe=safe,
            safety=replace(comparison.safety, p_test=safe, p_welch=safe),
        )
        error = mean_difference(before, after, samples.test).standard_error
        # In units of its own standard error the difference has the information 1.
        own = RunNoise(self.run_effect, error).in_evidence(
            own,
            1.0,
            loss=float(before.mean() - after.mean()),
            smallest_p=smallest_flip_p(look.n_seeds) if look.exact else 0.0,
        )
        return replace(own, detectable=self.margin)


def linkable(baseline_by_seed: Mapping[int, float], candidate_by_seed: Mapping[int, float]) -> bool:
    """True where every candidate seed has a baseline value, and all values are finite.

    Args:
        baseline_by_seed: the baseline's value of each seed.
        candidate_by_seed: the candidate's.

    Returns:
        Whether the seeds can be linked.
    """
    return (
        len(candidate_by_seed) > 1
        and candidate_by_seed.keys() <= baseline_by_seed.keys()
        and all(map(math.isfinite, (*baseline_by_seed.values(), *candidate_by_seed.values())))
    )


def linked_looks(
    looks: Sequence[int], *, n_baseline: int, alpha: float, skewed: bool
) -> tuple[LinkedLook, ...]:
    """The looks at which the linked test runs, with levels that sum to `alpha`.

    Those of at least 5 seeds, and the last one of at least 3. With information times t of the
    unpaired design the first k of them spend alpha t_k^1.5 together.

    Args:
        looks: increasing numbers of candidate seeds.
        n_baseline: number of baseline seeds.
        alpha: level of the linked test.
        skewed: whether the recorded pairs are skewed, which rules the t-test out.

    Returns:
        The looks, with the sign-flip test from 11 seeds on if it can reach the look's level,
        otherwise the t-test; no look where neither applies.
    """
    asked = [n for n in looks if n >= LEAST_SEEDS or (n == looks[-1] and n >= 3)]
    if skewed:
        asked = [n for n in asked if n >= SIGN_FLIP_FROM and smallest_flip_p(n) <= alpha]
    if not asked:
        return ()
    information = [1.0 / (1.0 / n + 1.0 / n_baseline) for n in asked]
    spent = [0.0, *(alpha * (i / information[-1]) ** 1.5 for i in information)]
    levels = [after - before for before, after in pairwise(spent)]
    found = [
        LinkedLook(n, level, n >= SIGN_FLIP_FROM and smallest_flip_p(n) <= level)
        for n, level in zip(asked, levels, strict=True)
    ]
    return tuple(look for look in found if look.exact or not skewed)


def plan_linked_check(
    baseline_by_seed: Mapping[int, float],
    check: SequentialCheck,
    *,
    alpha: float,
    theta: float,
    rho: float,
    skewed: bool = False,
    resolution: float | None = None,
) -> LinkedCheck | None:
    """Fix the linked part of a `check`, at `alpha`, from what earlier runs say of its seeds.

    Args:
        baseline_by_seed: the baseline's value of each seed, in metric units.
        check: the unpaired check.
        alpha: level of the linked test.
        theta: the weight of `estimate_theta`.
        rho: its correlation; NaN, without earlier runs, leaves the margin that of the check.
        skewed: whether the recorded pairs are skewed.
        resolution: the smallest step of the metric.

    Returns:
        The linked check; None if no look can use matched seeds: too few, skewed, a baseline with
        non-finite values or without spread.
    """
    values = np.array(tuple(baseline_by_seed.values()), dtype=np.float64)
    looks = linked_looks(check.design.looks, n_baseline=values.size, alpha=alpha, skewed=skewed)
    if not looks or not np.isfinite(values).all():
        return None
    unit = spread_of(values).sd
    if not unit > 0.0:
        return None
    margin, fixed = check.margin, check.fixed_margin
    if not (fixed or math.isnan(rho)):
        in_sd = linked_margin_sd(
            looks[-1],
            n_baseline=values.size,
            theta=theta,
            rho=rho,
            run_effect_sd=check.noise.tau / unit,
        )
        least = in_sd * unit
        fixed = resolution is not None and least < resolution
        margin = min(check.margin, max(least, resolution or 0.0))
    if not math.isfinite(margin):
        return None
    return LinkedCheck(
        looks=looks,
        theta=theta,
        margin=margin,
        fixed_margin=fixed,
        higher_is_better=check.higher_is_better,
        beta=check.beta,
        run_effect=check.noise.tau,
    )


def linked_margin_sd(
    look: LinkedLook, *, n_baseline: int, theta: float, rho: float, run_effect_sd: float = 0.0
) -> float:
    """The automatic margin of linked seeds, in the baseline's standard deviations.

    Args:
        look: the look that has to detect it with 90 % power.
        n_baseline: number of baseline seeds.
        theta: regression weight of the baseline's value.
        rho: correlation of matched seeds.
        run_effect_sd: run effect in the baseline's standard deviations.

    Returns:
        The margin, never below the standard error of the baseline's mean.
    """
    detected = detectable_linked(
        look, n_baseline=n_baseline, theta=theta, rho=rho, run_effect_sd=run_effect_sd
    )
    return max(detected, 1.0 / math.sqrt(n_baseline))


def detectable_linked(
    look: LinkedLook,
    *,
    n_baseline: int,
    theta: float,
    rho: float,
    power: float = DETECTION_POWER,
    run_effect_sd: float = 0.0,
) -> float:
    """The loss that a linked look finds with a given power, in the baseline's standard deviations.

    Both sides have one spread and the correlation `rho`.

    Args:
        look: the look.
        n_baseline: number of baseline seeds.
        theta: regression weight of the baseline's value.
        rho: correlation of matched seeds.
        power: the power.
        run_effect_sd: run effect in the same unit, noise that the link does not remove.

    Returns:
        The loss; infinite if the look finds none.
    """
    n = look.n_seeds
    weight = 1.0 if look.exact else link_weight(theta, n_baseline, n)
    variance = (1.0 - 2.0 * rho * weight + weight**2) / n
    if weight < 1.0:
        variance += (1.0 - weight) ** 2 / (n_baseline - n)
    variance += 2.0 * run_effect_sd**2
    return detectable_noncentrality(n - 1.0, look.level, power) * math.sqrt(max(variance, 0.0))


def linked_tails(
    baseline: FloatArray, candidate: FloatArray, kind: Literal["flip", "paired", "welch"]
) -> tuple[float, float]:
    """p-values for a lower and for a higher candidate.

    Welch's own degrees of freedom are estimated, and with 5 differences against 15 values that
    test rejects up to 3 times too often at small levels; n - 1 of the smaller side keeps the level
    (Mickey and Brown 1966, Ann. Math. Stat. 37, 639) and costs little, because most of the variance
    is on that side. Without any spread, and for `flip`, the signs of the differences are flipped.
    """
    difference = None if kind == "flip" else mean_difference(baseline, candidate, kind)
    if difference is None or not difference.standard_error > 0.0:
        tails = sign_flip_test(candidate - baseline.mean())
        return tails.less, tails.greater
    df = min(baseline.size, candidate.size) - 1.0
    return (
        float(special.stdtr(df, difference.statistic)),
        float(special.stdtr(df, -difference.statistic)),
    )
