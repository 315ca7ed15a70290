"""The verdict of a group-sequential check, look by look.

`plan_check` fixes everything before the first seed; afterwards only `SequentialCheck.follow` is
called. The plugin and the calibration suite call the same functions. A look uses the first n seeds
by number: the order in which seeds finish changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics.acceptance import excluded_loss, safety_levels
from pytest_mlregress.statistics.collapsed_seeds import CollapsedSeeds, collapsed_seeds
from pytest_mlregress.statistics.comparison import Comparison, compare
from pytest_mlregress.statistics.failures import OnNonfinite
from pytest_mlregress.statistics.margins import MarginLike, parse_margin
from pytest_mlregress.statistics.one_sided_tests import ComparisonTest
from pytest_mlregress.statistics.power import (
    DETECTION_POWER,
    design_for_margin,
    design_for_power,
    draws_of,
)
from pytest_mlregress.statistics.promised_margin import drift_at_detectable, margin_factor
from pytest_mlregress.statistics.run_noise import RunNoise
from pytest_mlregress.statistics.samples import as_sample, winsorised_pair
from pytest_mlregress.statistics.sequential import SequentialDesign
from pytest_mlregress.statistics.special_functions import ndtr, ndtri
from pytest_mlregress.statistics.spread import Spread, spread_of
from pytest_mlregress.statistics.t_tests import mean_difference

#: What a look decides: harm, acceptance by evidence, or neither. `inconclusive` is possible at the
#: last look only.
Action: TypeAlias = Literal["continue", "reject", "accept", "inconclusive"]

#: The tests whose p-values the boundaries hold for, because they are exact for few seeds.
SEQUENTIAL_TESTS: Final[tuple[ComparisonTest, ...]] = ("robust-t", "rank")

_UNKNOWN_SPREAD: Final = Spread(math.inf, math.inf, lower_bound=False)

_SEEDS_ALONE: Final = RunNoise(0.0, math.inf)


@dataclass(frozen=True, slots=True)
class LookDecision:
    """What one look decided, and on which figures.

    Attributes:
        n_seeds: number of candidate seeds of the look.
        action: the decision.
        z: Phi^-1(1 - p of harm), infinite if p is 0 or 1.
        reject: the look's rejection boundary on z.
        accept: its acceptance boundary on z.
        harm_shown: whether this look or an earlier one crossed `reject`.
        better_shown: whether an accepted candidate is better than its baseline by the same
            boundary.
        safety_level: the level that both p-values of safety are held to.
        estimated_loss: in metric units, positive when the candidate is worse; infinite if a value
            is non-finite.
        collapsed: the seeds far below all others.
        excluded_loss: the smallest loss, in metric units, that the data of an inconclusive last
            look exclude; infinite if they exclude none, NaN at other looks.
        comparison: the comparison of the look's seeds with the baseline.
    """

    n_seeds: int
    action: Action
    z: float
    reject: float
    accept: float
    harm_shown: bool
    better_shown: bool
    safety_level: float
    estimated_loss: float
    collapsed: CollapsedSeeds
    excluded_loss: float
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialCheck:
    """One metric's check as it was fixed before its first seed.

    Attributes:
        design: the boundaries.
        margin: absolute, in metric units.
        fixed_margin: whether the user declared the margin, or it is the metric's resolution.
        safety_levels: the level of the safety test at each look.
        higher_is_better: the metric's direction.
        alpha: level of the check.
        beta: probability of accepting a loss of the margin.
        test: the test that judges.
        on_nonfinite: what failed seeds do, see `failure_test`.
        noise: how much runs differ beyond their seeds, which widens the evidence of each look.
    """

    design: SequentialDesign
    margin: float
    fixed_margin: bool
    safety_levels: tuple[float, ...]
    higher_is_better: bool
    alpha: float
    beta: float
    test: ComparisonTest
    on_nonfinite: OnNonfinite
    noise: RunNoise = _SEEDS_ALONE

    def follow(
        self,
        baseline: ArrayLike,
        candidate: ArrayLike,
        *,
        joint_levels: Mapping[int, float] | None = None,
    ) -> tuple[LookDecision, ...]:
        """The decisions of all looks that `candidate` reaches, until one ends the check.

        Args:
            baseline: the baseline's values, shape (n_b,), in metric units.
            candidate: the values of the first seeds by number, without a gap, shape (m,) with any m
                >= 1; seeds beyond the deciding look are ignored.
            joint_levels: by number of seeds, levels that replace those of their looks, see
                `min_p_levels`.

        Returns:
            One decision per look; empty before the first look.

        Raises:
            ValueError: a bad sample.
        """
        joint = joint_levels or {}
        base, values = as_sample(baseline, "baseline"), as_sample(candidate, "candidate")
        decisions: list[LookDecision] = []
        harm_shown = False
        for look, n in enumerate(self.design.looks):
            if n > values.size:
                break
            decision = decide_at_look(
                look, base, values[:n], check=self, harm_shown=harm_shown, level=joint.get(n)
            )
            decisions.append(decision)
            harm_shown = decision.harm_shown
            if decision.action != "continue":
                break
        return tuple(decisions)

    def level_at(self, baseline: ArrayLike, candidate: ArrayLike) -> float:
        """The level of the t-test of harm at the look of this many candidate seeds.

        The values enter only through the pooled sample, by the part that Fisher's test takes at the
        last look.

        Args:
            baseline: the baseline's values, shape (n_b,).
            candidate: the values of the look's seeds, shape (n_c,).

        Returns:
            The level.

        Raises:
            ValueError: there is no look at n_c seeds.
        """
        base, values = as_sample(baseline, "baseline"), as_sample(candidate, "candidate")
        look = self.design.looks.index(values.size)
        return float(ndtr(-_rejection(look, _collapsed(base, values, self), self)))


def plan_check(
    baseline: ArrayLike,
    looks: Sequence[int],
    *,
    higher_is_better: bool,
    margin: MarginLike = "auto",
    alpha: float = 0.05,
    test: ComparisonTest = "robust-t",
    on_nonfinite: OnNonfinite = "fail",
    resolution: float | None = None,
    earlier: Sequence[ArrayLike] = (),
    run_effect: float = 0.0,
) -> SequentialCheck:
    """Fix the design of a check from its baseline and the looks.

    With `margin="auto"` the margin is the loss that the design detects with 90 % power, in the
    baseline's winsorised standard deviations, enlarged for the error of such an estimate
    (`margin_factor`). If that is less than `resolution`, the margin is one step and counts as
    fixed. A fixed margin is converted to standard deviations. A baseline without spread has no such
    unit: it gets the automatic design, and a margin of 0 if neither a margin nor a resolution is
    known.

    Args:
        baseline: shape (n_b,), in metric units.
        looks: increasing numbers of candidate seeds.
        higher_is_better: the metric's direction.
        margin: the smallest loss that matters, as in `compare`.
        alpha: level of the check.
        test: the test that judges.
        on_nonfinite: what failed seeds do, see `failure_test`.
        resolution: the smallest step of the metric.
        earlier: the samples of earlier revisions of the baseline, whose spread is pooled with its
            own, for margins only.
        run_effect: the standard deviation, in metric units, of what the values of a run have in
            common; it enlarges margins as much as it widens the evidence of the last look.

    Returns:
        The check.

    Raises:
        ValueError: a bad value, or several looks with a test whose p-values the boundaries do not
            hold for.
    """
    base = as_sample(baseline, "baseline")
    if len(looks) > 1 and test not in SEQUENTIAL_TESTS:
        raise ValueError(
            f"test={test!r} cannot stop early: its p-values are not exact for few seeds; allowed "
            f"are {' and '.join(SEQUENTIAL_TESTS)}, or a single look at all seeds"
        )
    estimated = spread_of(base, earlier) if np.isfinite(base).sum() > 1 else _UNKNOWN_SPREAD
    spread = estimated.sd
    automatic, detectable = design_for_power(looks, n_baseline=base.size, alpha=alpha)
    drift = drift_at_detectable(automatic)
    factor = margin_factor(estimated.df, drift)
    noise = RunNoise(run_effect, spread)
    unit = noise.total_sd(automatic.information[-1])
    detected = factor * detectable * unit if unit > 0.0 else 0.0
    declared = parse_margin(margin)
    absolute = declared.resolve(base, detected, resolution)
    given = declared.kind != "auto" or absolute > detected
    fixed = given and math.isfinite(absolute) and absolute > 0.0
    design = automatic
    if fixed and 0.0 < spread < math.inf:
        design = design_for_margin(
            looks, n_baseline=base.size, alpha=alpha, margin_sd=absolute / unit
        )
    return SequentialCheck(
        design=design,
        margin=absolute,
        fixed_margin=fixed,
        safety_levels=safety_levels(design.looks, base.size),
        higher_is_better=higher_is_better,
        alpha=alpha,
        beta=1.0 - DETECTION_POWER,
        test=test,
        on_nonfinite=on_nonfinite,
        noise=noise,
    )


def decide_at_look(
    look: int,
    baseline: ArrayLike,
    candidate: ArrayLike,
    *,
    check: SequentialCheck,
    harm_shown: bool = False,
    level: float | None = None,
) -> LookDecision:
    """Decide the look of that index from the first `check.design.looks[look]` candidate values.

    Harm is shown when z reaches the rejection boundary, now or at an earlier look (`harm_shown`),
    and at the last look also by Fisher's test on collapsed seeds. With an automatic margin that
    ends the check. With a fixed one it does so before the last look only if the estimated loss is
    at least the margin; otherwise the loss may be real but smaller than what matters, and the check
    goes on.

    Acceptance requires that z does not exceed the acceptance boundary, and that the data exclude a
    loss of the margin at the look's safety level (see `acceptance`). The last look requires only
    the latter: harm without it is rejection, neither is inconclusive. A divergence (see
    `failure_test`) rejects at once.

    Args:
        look: index of the look.
        baseline: the baseline's values, shape (n_b,), in metric units.
        candidate: the values of the look's seeds, shape (n_c,), in metric units.
        check: the check as planned.
        harm_shown: whether an earlier look showed harm.
        level: replaces the level of the rejection boundary: the joint one of several metrics.

    Returns:
        The decision and its figures.

    Raises:
        ValueError: the number of candidate values is not that of the look.
    """
    base, values = as_sample(baseline, "baseline"), as_sample(candidate, "candidate")
    design = check.design
    if values.size != design.looks[look]:
        raise ValueError(
            f"look {look} takes the first {design.looks[look]} seeds; got {values.size} values"
        )
    comparison = compare(
        base,
        values,
        higher_is_better=check.higher_is_better,
        margin=check.margin if math.isfinite(check.margin) else "auto",
        alpha=check.alpha,
        beta=check.beta,
        test=check.test,
        on_nonfinite=check.on_nonfinite,
        draws=draws_of(design),
    )
    comparison = _with_noise(comparison, base, values, look, check)
    z = -float(ndtri(comparison.p_harm))
    collapsed = _collapsed(base, values, check)
    boundary = _rejection(look, collapsed, check) if level is None else -float(ndtri(level))
    shown = harm_shown or z >= boundary
    if look == len(design.looks) - 1 and not check.noise.matters:
        shown = shown or collapsed.shown(check.alpha)
    loss = _estimated_loss(base, values, check.higher_is_better)
    action = _action(look, z, boundary, shown, loss, comparison, check)
    better = comparison.p_better <= float(ndtr(-design.reject[look]))
    return LookDecision(
        n_seeds=values.size,
        action=action,
        z=z,
        reject=design.reject[look],
        accept=design.accept[look],
        harm_shown=shown,
        better_shown=action == "accept" and better,
        safety_level=check.safety_levels[look],
        estimated_loss=loss,
        collapsed=collapsed,
        excluded_loss=_excluded_loss(base, values, comparison, check)
        if action == "inconclusive"
        else math.nan,
        comparison=comparison,
    )


def _with_noise(
    comparison: Comparison,
    baseline: np.ndarray,
    candidate: np.ndarray,
    look: int,
    check: SequentialCheck,
) -> Comparison:
    """The comparison with the run effect in its evidence, which no pairing of seeds removes."""
    if check.test != "paired" or not check.noise.matters:
        return check.noise.in_evidence(comparison, check.design.information[look])
    error = mean_difference(baseline, candidate, "paired").standard_error
    # In units of its own standard error the difference has the information 1.
    return RunNoise(check.noise.tau, error).in_evidence(comparison, 1.0)


def _collapsed(
    baseline: np.ndarray, candidate: np.ndarray, check: SequentialCheck
) -> CollapsedSeeds:
    sign = 1.0 if check.higher_is_better else -1.0
    return collapsed_seeds(sign * baseline, sign * candidate, check.margin)


def _rejection(look: int, collapsed: CollapsedSeeds, check: SequentialCheck) -> float:
    """The rejection boundary of a look; at the last one Fisher's test takes its share.

    With a run effect that test takes nothing: a whole run may lie beyond the limit of single seeds.
    """
    boundary = check.design.reject[look]
    if look < len(check.design.looks) - 1 or check.noise.matters:
        return boundary
    if not collapsed.affordable(check.alpha):
        return boundary
    return float(-ndtri(collapsed.left_of(float(ndtr(-boundary)), check.alpha)))


def _action(
    look: int,
    z: float,
    boundary: float,
    shown: bool,
    loss: float,
    comparison: Comparison,
    check: SequentialCheck,
) -> Action:
    design = check.design
    last = look == len(design.looks) - 1
    if comparison.verdict == "diverged":
        return "reject"
    if shown and not check.fixed_margin:
        return "reject"
    safe = comparison.safety.excludes(check.margin, check.safety_levels[look])
    if last:
        return "accept" if safe else "reject" if shown else "inconclusive"
    if shown and loss >= check.margin:
        return "reject"
    # Harm shown now rules out acceptance now, even where the two boundaries meet.
    if safe and z <= design.accept[look] and z < boundary:
        return "accept"
    return "continue"


def _excluded_loss(
    baseline: np.ndarray, candidate: np.ndarray, comparison: Comparison, check: SequentialCheck
) -> float:
    """The smallest loss, in metric units, that acceptance would find excluded; maybe infinite."""

    def excluded(loss: float) -> bool:
        shifted = compare(
            baseline,
            candidate,
            higher_is_better=check.higher_is_better,
            margin=loss,
            alpha=check.alpha,
            beta=check.safety_levels[-1],
            test=check.test,
            on_nonfinite=check.on_nonfinite,
        )
        shifted = check.noise.in_evidence(shifted, check.design.information[-1])
        return shifted.safety.excludes(loss, check.safety_levels[-1])

    least = max(check.margin, comparison.safety.mean_loss, comparison.safety.median_loss)
    finite = np.concatenate((baseline, candidate))
    finite = finite[np.isfinite(finite)]
    reach = float(np.ptp(finite)) if finite.size else math.inf
    return excluded_loss(excluded, least=least, most=least + 2.0 * reach)


def _estimated_loss(baseline: np.ndarray, candidate: np.ndarray, higher_is_better: bool) -> float:
    """The difference of the means that the test compares: winsorised together."""
    if not (np.isfinite(baseline).all() and np.isfinite(candidate).all()):
        return math.inf
    before, after = winsorised_pair(baseline, candidate)
    difference = float(before.mean() - after.mean())
    return difference if higher_is_better else -difference
