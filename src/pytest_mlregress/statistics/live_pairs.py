"""The verdict on live pairs, look by look: both sides are fresh and grow together.

Harm, safety and gain are tests of the same n pairs (see `pair_tests`): by sign flips and by the two
samples at one joint level, so that nothing has to be known of the correlation. The
automatic margin is that of the two-sample test, from the base's spread, whatever the candidate and
the pairs show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics.acceptance import Safety, excluded_loss
from pytest_mlregress.statistics.collapsed_seeds import CollapsedSeeds, collapsed_seeds
from pytest_mlregress.statistics.comparison import Comparison, compare
from pytest_mlregress.statistics.failures import OnNonfinite
from pytest_mlregress.statistics.margins import MarginLike, parse_margin
from pytest_mlregress.statistics.one_sided_tests import ComparisonTest, with_margin
from pytest_mlregress.statistics.pair_design import (
    LEAST_PAIRS_AT_END,
    LEAST_PAIRS_TO_REJECT,
    PairDesign,
    pair_design,
    pair_looks,
    safety_test,
)
from pytest_mlregress.statistics.pair_levels import level_of_samples
from pytest_mlregress.statistics.pair_spread import spread_of_base, spread_of_sides
from pytest_mlregress.statistics.pair_tests import (
    PairPValues,
    PairTest,
    pair_pvalues,
    t_pvalue,
)
from pytest_mlregress.statistics.power import DETECTION_POWER, noncentral_t
from pytest_mlregress.statistics.promised_margin import margin_factor
from pytest_mlregress.statistics.relabellings import smallest_attainable_p
from pytest_mlregress.statistics.roots import find_root
from pytest_mlregress.statistics.samples import (
    FloatArray,
    as_sample,
    mean,
    median,
    one_constant,
    winsorise,
)
from pytest_mlregress.statistics.special_functions import ndtri, stdtrit
from pytest_mlregress.statistics.t_tests import mean_difference

#: An interim look accepts only while the evidence of harm is weaker than this: the early pairs of a
#: small loss in closely linked seeds all point one way.
NO_SIGN_OF_HARM: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLook:
    """What one look decided, and on which figures. Losses are positive if the candidate is worse.

    Attributes:
        n_pairs: number of pairs of the look.
        last: whether it is the last one.
        action: `continue`, `reject`, `accept`, or at the last look `inconclusive`.
        level: the level of harm at this look; 0 where it cannot be shown.
        safety_level: the level of safety.
        harm: the p-values of harm.
        harm_shown: whether this look or an earlier one showed harm.
        better_shown: whether an accepted candidate is better at this look's level.
        margin: in metric units.
        fixed_margin: whether the user declared it, or it is the metric's resolution.
        estimated_loss: mean loss of the pairs in metric units, winsorised; infinite with a
            non-finite value.
        collapsed: the candidate's seeds far below all others.
        excluded_loss: the smallest loss that an inconclusive last look excludes; NaN otherwise.
        error_of_side: standard error of a side's mean over all pairs, in metric units: with an
            automatic margin the least loss that is red.
        comparison: the comparison with the p-values of the pairs.
    """

    n_pairs: int
    last: bool
    action: Literal["continue", "reject", "accept", "inconclusive"]
    level: float
    safety_level: float
    harm: PairPValues
    harm_shown: bool
    better_shown: bool
    margin: float
    fixed_margin: bool
    estimated_loss: float
    collapsed: CollapsedSeeds
    excluded_loss: float
    error_of_side: float
    comparison: Comparison

    @property
    def collapse_forbids(self) -> bool:
        """Whether collapsed seeds of the candidate alone forbid to accept it.

        A declared margin says which mean loss is accepted, an automatic one nothing of the kind.
        """
        return self.collapsed.only_candidate and not self.fixed_margin


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePairCheck:
    """The comparison of one metric, as it was fixed before its first pair.

    Attributes:
        design: the looks and their levels.
        alpha: level of the comparison.
        higher_is_better: the metric's direction.
        margin: the smallest loss that matters, as declared.
        resolution: the smallest step of the metric.
        test: what shows harm.
        classical: a test of `compare` in its place, with all pairs at once.
        on_nonfinite: what failed seeds do, see `failure_test`.
    """

    design: PairDesign
    alpha: float
    higher_is_better: bool
    margin: MarginLike = "auto"
    resolution: float | None = None
    test: PairTest = "both"
    classical: ComparisonTest | None = None
    on_nonfinite: OnNonfinite = "fail"

    def follow(self, base: ArrayLike, candidate: ArrayLike) -> tuple[PairLook, ...]:
        """The decisions of all looks that the pairs reach, until one ends the comparison.

        Args:
            base: the base's values of the first seeds, shape (n,), in metric units.
            candidate: the candidate's values of the same seeds, shape (n,).

        Returns:
            One decision per look.

        Raises:
            ValueError: a bad sample, or sides of different lengths.
        """
        before, after = as_sample(base, "base"), as_sample(candidate, "candidate")
        if before.size != after.size:
            raise ValueError(f"{before.size} base and {after.size} candidate values are no pairs")
        looks: list[PairLook] = []
        for index, n in enumerate(self.design.looks):
            if n > before.size:
                break
            shown = bool(looks) and looks[-1].harm_shown
            looks.append(self.look(index, before[:n], after[:n], harm_shown=shown))
            if looks[-1].action != "continue":
                break
        return tuple(looks)

    def look(
        self, index: int, base: FloatArray, candidate: FloatArray, *, harm_shown: bool = False
    ) -> PairLook:
        """One look.

        Harm is shown by the pairs at the look's level, and at the last look also by Fisher's test
        on collapsed seeds. It is red if the estimated loss matters: at least a fixed margin (at the
        last look: unless the data exclude the margin), or the standard error of a side's mean if
        the margin is automatic. Acceptance requires that the data exclude a loss of the margin, and
        with an automatic one that no seed of the candidate alone collapsed.

        Args:
            index: index of the look.
            base: shape (n,), in metric units.
            candidate: shape (n,).
            harm_shown: whether an earlier look showed harm.

        Returns:
            The decision.
        """
        n, last = base.size, index == len(self.design.looks) - 1
        sides = _Sides.of(base, candidate, self)
        margin, fixed = self._margin(sides, last_n=self.design.looks[-1])
        collapsed = collapsed_seeds(sides.base, sides.candidate, margin)
        level = self.design.reject[index]
        if last and collapsed.affordable(self.alpha):
            level = collapsed.left_of(level, self.alpha)
        compared = self._compared(sides, margin, level, self.design.accept[index], last=last)
        harm = compared.harm
        shown = harm_shown or harm.combined <= level or (last and collapsed.shown(self.alpha))
        look = PairLook(
            n_pairs=n,
            last=last,
            action="continue",
            level=level,
            safety_level=self.design.accept[index],
            harm=harm,
            harm_shown=shown,
            better_shown=False,
            margin=margin,
            fixed_margin=fixed,
            estimated_loss=sides.loss,
            collapsed=collapsed,
            excluded_loss=math.nan,
            error_of_side=sides.error_of_mean(self.design.looks[-1]),
            comparison=compared.comparison,
        )
        action = self._action(look, sides)
        better = action == "accept" and compared.comparison.p_better <= level
        look = replace(look, action=action, better_shown=better)
        if action == "inconclusive":
            look = replace(look, excluded_loss=self._excluded_loss(look, sides))
        return self._with_interval(look, sides, compared)

    def _margin(self, sides: _Sides, *, last_n: int) -> tuple[float, bool]:
        """The margin in metric units, and whether it is fixed."""
        detected = math.inf
        base_sd = spread_of_base(sides.base)
        if base_sd is not None:
            level = self.design.reject[-1]
            detected = base_sd * detectable_sd(last_n, level, df_of_spread=sides.n - 1)
        declared = parse_margin(self.margin)
        margin = declared.resolve(sides.raw_base, detected, self.resolution)
        given = declared.kind != "auto" or margin > detected
        return margin, given and math.isfinite(margin) and margin > 0.0

    def _detectable(self, sides: _Sides) -> float:
        """The loss, in metric units, that all pairs show with 90 % power if they are not linked."""
        if sides.sd is None:
            return math.inf
        return sides.sd * detectable_sd(self.design.looks[-1], self.design.reject[-1])

    def _compared(
        self, sides: _Sides, margin: float, level: float, safety_level: float, *, last: bool
    ) -> _Compared:
        comparison = compare(
            sides.raw_base,
            sides.raw_candidate,
            higher_is_better=self.higher_is_better,
            margin=margin if math.isfinite(margin) else "auto",
            alpha=self.alpha,
            beta=safety_level or None,
            test=self.classical or "robust-t",
            on_nonfinite=self.on_nonfinite,
        )
        comparison = replace(
            comparison, margin=margin, beta=safety_level, detectable=self._detectable(sides)
        )
        comparison = _unless_the_base_failed_too(comparison)
        if not sides.finite or self.on_nonfinite == "test" or self.classical is not None:
            p = comparison.p_harm
            return _Compared(comparison, PairPValues(p, p, p, p))
        beyond = sides.n >= LEAST_PAIRS_TO_REJECT or (last and sides.n >= LEAST_PAIRS_AT_END)
        harm, better = (
            pair_pvalues(
                *ordered,
                test=self.test,
                resolution=self.resolution,
                beyond_resolution=beyond,
            )
            for ordered in ((sides.base, sides.candidate), (sides.candidate, sides.base))
        )
        safety = self._safety(sides, margin)
        return _Compared(
            replace(
                comparison,
                reasons=(),  # which speak of the smallest p-value of another test
                p_harm=harm.at(level),
                p_better=better.combined,
                p_safe=safety.p_test,
                safety=safety,
            ),
            harm,
            better,
        )

    def _with_interval(self, look: PairLook, sides: _Sides, compared: _Compared) -> PairLook:
        """The look with the interval of the test that decided it: paired, or of two samples."""
        if compared.better is None:
            return look
        if look.better_shown:
            by_pairs = compared.better.by_pairs
        elif look.action == "accept" and not look.harm_shown:
            by_pairs = self._safe_by_pairs(sides, look.margin)
        else:
            by_pairs = compared.harm.by_pairs_at(look.level)
        if not by_pairs:
            return look
        comparison = look.comparison
        paired = mean_difference(sides.raw_base, sides.raw_candidate, kind="paired")
        interval = paired.interval(comparison.interval_level)
        return replace(look, comparison=replace(comparison, interval=interval, theta=1.0))

    def _safe_by_pairs(self, sides: _Sides, margin: float) -> bool:
        """Whether the differences exclude a loss of `margin`, and not the two samples."""
        if one_constant(sides.base, sides.candidate) or not math.isfinite(margin):
            return False
        shifted = with_margin(sides.base, sides.candidate, margin)
        return pair_pvalues(shifted, sides.base, test=safety_test(sides.n, self.test)).by_pairs

    def _safety(self, sides: _Sides, margin: float) -> Safety:
        """What excludes a loss of `margin`, by exact tests and by t-tests."""
        if one_constant(sides.base, sides.candidate):
            return Safety(0.0, 0.0, 0.0, 0.0)
        losses = (
            mean(sides.base) - mean(sides.candidate),
            median(sides.base) - median(sides.candidate),
        )
        if not math.isfinite(margin):
            return Safety(1.0, 1.0, *losses)
        shifted = with_margin(sides.base, sides.candidate, margin)
        test = safety_test(sides.n, self.test)
        exact = pair_pvalues(shifted, sides.base, test=test)
        return Safety(exact.combined, t_pvalue(shifted, sides.base, test=test), *losses)

    def _action(
        self, look: PairLook, sides: _Sides
    ) -> Literal["continue", "reject", "accept", "inconclusive"]:
        comparison = look.comparison
        if comparison.verdict == "diverged":
            return "reject"
        safe = (
            look.safety_level > 0.0
            and math.isfinite(look.margin)
            and comparison.safety.excludes(look.margin, look.safety_level)
            and not look.collapse_forbids
        )
        if look.harm_shown and not look.fixed_margin:
            # Otherwise a tiny loss of closely linked seeds would be a regression.
            if look.estimated_loss >= look.error_of_side:
                return "reject"
            return ("accept" if safe else "reject") if look.last else "continue"
        if look.last:
            return "accept" if safe else "reject" if look.harm_shown else "inconclusive"
        if look.harm_shown and look.estimated_loss >= look.margin:
            return "reject"
        if safe and not look.harm_shown and look.harm.combined > NO_SIGN_OF_HARM:
            return "accept"
        return "continue"

    def _excluded_loss(self, look: PairLook, sides: _Sides) -> float:
        """The smallest loss, in metric units, that acceptance would find excluded."""
        if not sides.finite or sides.n < 2 or self.classical is not None:
            return math.inf
        safety = look.comparison.safety
        least = max(look.margin, safety.mean_loss, safety.median_loss)
        reach = float(np.ptp(np.concatenate((sides.base, sides.candidate))))

        def excluded(loss: float) -> bool:
            return self._safety(sides, loss).excludes(loss, look.safety_level)

        return excluded_loss(excluded, least=least, most=least + 2.0 * reach)


def plan_live_pairs(
    n_pairs: int,
    *,
    higher_is_better: bool,
    margin: MarginLike = "auto",
    alpha: float = 0.05,
    test: PairTest = "both",
    classical: ComparisonTest | None = None,
    on_nonfinite: OnNonfinite = "fail",
    resolution: float | None = None,
    early: bool = True,
) -> LivePairCheck:
    """Fix the comparison of one metric before its first pair.

    Args:
        n_pairs: the largest number of pairs.
        higher_is_better: the metric's direction.
        margin: the smallest loss that matters: absolute, `"1%"`, `"1sd"` or `"auto"`.
        alpha: level of the comparison.
        test: what shows harm.
        classical: a test of `compare` in its place, which takes all pairs at once.
        on_nonfinite: what failed seeds do, see `failure_test`.
        resolution: the smallest step of the metric.
        early: whether the comparison may end before its last pair.

    Returns:
        The check.

    Raises:
        ValueError: a bad value.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha={alpha!r} is not a probability; allowed is 0 < alpha < 1")
    parse_margin(margin)
    looks = pair_looks(n_pairs) if early and classical is None else (n_pairs,)
    return LivePairCheck(
        design=pair_design(looks, alpha, test),
        alpha=alpha,
        higher_is_better=higher_is_better,
        margin=margin,
        resolution=resolution,
        test=test,
        classical=classical,
        on_nonfinite=on_nonfinite,
    )


@lru_cache(maxsize=1024)
def detectable_sd(n_pairs: int, level: float, *, df_of_spread: float = math.inf) -> float:
    """The loss, in standard deviations, that unlinked pairs show in 90 % of the cases.

    Args:
        n_pairs: number of pairs.
        level: joint level of both tests.
        df_of_spread: degrees of freedom of the estimate of the standard deviation, which enlarges
            the loss, see `margin_factor`.

    Returns:
        The loss; infinite for fewer than two pairs.
    """
    if n_pairs < 2 or not 0.0 < level < 1.0:
        return math.inf
    alone = level_of_samples(n_pairs, level)
    # Below the smallest exact p-value a t-test with the degrees of freedom of one side judges.
    exact = alone >= smallest_attainable_p(n_pairs, n_pairs)
    df = float((2 if exact else 1) * (n_pairs - 1))
    critical = -float(stdtrit(df, alone))
    drift = float(
        find_root(
            lambda nc: 1.0 - noncentral_t(critical, df, nc) - DETECTION_POWER,
            0.0,
            8.0 * critical + 8.0,
        )
    )
    factor = margin_factor(df_of_spread, float(ndtri(DETECTION_POWER) - ndtri(alone)))
    return factor * drift * math.sqrt(2.0 / n_pairs)


@dataclass(frozen=True, slots=True)
class _Compared:
    comparison: Comparison
    harm: PairPValues
    better: PairPValues | None = None  # where no test of the pairs was made


def _unless_the_base_failed_too(comparison: Comparison) -> Comparison:
    """Failures of all candidate seeds are no divergence if the base's failed as often."""
    alike = comparison.failed_baseline and comparison.p_failures > comparison.alpha
    if comparison.verdict != "diverged" or not alike:
        return comparison
    return replace(comparison, verdict="inconclusive")


@dataclass(frozen=True, slots=True)
class _Sides:
    """The pairs of a look, as recorded and oriented so that higher is better."""

    raw_base: FloatArray
    raw_candidate: FloatArray
    base: FloatArray
    candidate: FloatArray

    @classmethod
    def of(cls, base: FloatArray, candidate: FloatArray, check: LivePairCheck) -> _Sides:
        sign = 1.0 if check.higher_is_better else -1.0
        return cls(base, candidate, sign * base, sign * candidate)

    @property
    def n(self) -> int:
        return self.base.size

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.base).all() and np.isfinite(self.candidate).all())

    @property
    def sd(self) -> float | None:
        """The spread within a side; None without two finite values."""
        return spread_of_sides(self.base, self.candidate)

    @property
    def loss(self) -> float:
        if not self.finite:
            return math.inf
        return -mean(winsorise(self.candidate - self.base))

    def error_of_mean(self, n: int) -> float:
        """The standard error of a mean of n seeds of one side."""
        return (self.sd or 0.0) / math.sqrt(n) if self.finite else 0.0
