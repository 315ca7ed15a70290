"""The comparison of a candidate with its baseline on one metric, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics.acceptance import Safety, safety_of
from pytest_mlregress.statistics.failures import FailureTestResult, OnNonfinite, failure_test
from pytest_mlregress.statistics.margins import (
    Margin,
    MarginLike,
    detectable_loss,
    parse_margin,
)
from pytest_mlregress.statistics.one_sided_tests import (
    CERTAIN_HARM,
    ComparisonTest,
    Evidence,
    gather_evidence,
    gather_evidence_by_order,
    smallest_p,
    with_margin,
)
from pytest_mlregress.statistics.pairing import LinkedSamples
from pytest_mlregress.statistics.rank import mann_whitney_u
from pytest_mlregress.statistics.relabellings import MAX_RELABELLINGS
from pytest_mlregress.statistics.samples import FloatArray, as_sample, mean, sd, worst_end
from pytest_mlregress.statistics.t_tests import (
    MeanDifference,
    TTestResult,
    mean_difference,
    require_pairs,
    robust_difference,
    t_test,
)
from pytest_mlregress.statistics.tails import require_choice

#: The verdicts that two samples alone can give.
ComparisonVerdict: TypeAlias = Literal[
    "pass", "improvement", "minor", "regression", "inconclusive", "diverged"
]

#: Confidence level of `Comparison.interval`.
INTERVAL_LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two samples of one metric say about a change, and the figures a report needs.

    Quantities in metric units are not oriented: for a loss a positive `difference` is bad. p-values
    are oriented.

    Attributes:
        verdict: the verdict that the two samples give.
        reasons: what the figures do not show, as sentences without a full stop.
        p_harm: small when the candidate is worse.
        p_safe: small when a loss as large as `margin` is excluded.
        safety: what acceptance requires: `p_safe`, Welch's p-value on the same values, the raw
            losses.
        p_better: small when the candidate is better.
        p_failures: Fisher's exact test on the numbers of failed seeds.
        difference: candidate mean minus baseline mean, in metric units; NaN if a value is
            non-finite.
        interval: confidence interval of the difference of means; the whole line if it cannot be
            bounded.
        interval_level: its confidence level.
        margin: absolute, in metric units; infinite or NaN if the samples give none.
        detectable: loss, in metric units, that this many seeds find with 90 % power at `alpha`;
            infinite if there is none.
        smallest_p: the smallest p-value that the test can give for this many seeds.
        alpha: level of the test of harm.
        beta: level of the test of safety.
        test: The test that judged: "rank" wherever a value is non-finite.
        theta: How much of a matched baseline value the test subtracted; None for unpaired samples.
        statistic: t (or Mann-Whitney's U), signed candidate minus baseline.
        welch: the classical two-sided Welch test, whatever test judged.
        higher_is_better: the metric's direction.
        n_baseline: number of baseline seeds.
        n_candidate: number of candidate seeds.
        failed_baseline: how many of the baseline's values are non-finite.
        failed_candidate: how many of the candidate's are.
        mean_baseline: in metric units; NaN with a non-finite value, as those below.
        mean_candidate: in metric units.
        sd_baseline: in metric units, ddof 1.
        sd_candidate: in metric units, ddof 1.
    """

    verdict: ComparisonVerdict
    reasons: tuple[str, ...]
    p_harm: float
    p_safe: float
    safety: Safety
    p_better: float
    p_failures: float
    difference: float
    interval: tuple[float, float]
    interval_level: float
    margin: float
    detectable: float
    smallest_p: float
    alpha: float
    beta: float
    test: ComparisonTest
    theta: float | None
    statistic: float
    welch: TTestResult
    higher_is_better: bool
    n_baseline: int
    n_candidate: int
    failed_baseline: int
    failed_candidate: int
    mean_baseline: float
    mean_candidate: float
    sd_baseline: float
    sd_candidate: float


def compare(
    baseline: ArrayLike,
    candidate: ArrayLike,
    *,
    higher_is_better: bool,
    margin: MarginLike = "auto",
    alpha: float = 0.05,
    beta: float | None = None,
    test: ComparisonTest = "robust-t",
    on_nonfinite: OnNonfinite = "fail",
    linked: LinkedSamples | None = None,
    resolution: float | None = None,
    draws: int = MAX_RELABELLINGS,
) -> Comparison:
    """Compare a candidate with its baseline, one value per seed.

    Two one-sided tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15, 657): *harm* (the
    candidate is worse) at level `alpha`, and *safety* (a loss of `margin` or more is excluded,
    tested after adding the margin to the candidate) at level `beta`. With `margin="auto"`, the loss
    found with 90 % power, `beta=0.1` is the complement of that power: safety then begins about
    where harm ends, so that an unchanged candidate passes with probability about 1 - alpha instead
    of being inconclusive, and a loss of the margin passes with probability 0.1.

    `regression`: harm, not safe. `minor`: harm, but safe. `pass`: safe; `improvement`: safe and
    better at `alpha`. `inconclusive`: neither. A candidate is safe if its `safety` excludes the
    margin: by the test, by Welch's test on the same values, and in the raw mean and median.
    `diverged`: see `failure_test`. Two samples that are the same constant pass.

    Non-finite values (give NaN for a seed that raised) are never dropped; each counts as the worst
    value, +inf too. A sample with such values has ranks but no scale, so every `test` is then the
    rank test in which ties of failed seeds never help (`failed_rank_pvalues`). With
    `on_nonfinite="test"`, where one may occur at any time, that test judges from the start. Hence
    replacing a finite candidate value by NaN never raises `p_harm`, lowers `p_safe` or `p_better`,
    or makes a verdict greener. A worse finite value moves these p-values the same way if ranks
    judge and the margin does not depend on it.

    Args:
        baseline: shape (n_b,), in metric units.
        candidate: shape (n_c,), in metric units.
        higher_is_better: the metric's direction.
        margin: the smallest loss that matters: absolute, `"1%"`, `"1sd"` or `"auto"`.
        alpha: level of the test of harm.
        beta: level of the test of safety, by default `alpha`.
        test: the test that judges.
        on_nonfinite: `"fail"`: failures are red if the baseline has none; `"test"`: they only enter
            the test.
        linked: samples of `seed_linked`, tested in place of the raw ones, in metric units and by
            their classical t-test, if all values are finite.
        resolution: the smallest step of the metric, a lower bound of the automatic margin.
        draws: how many relabellings the robust t-test draws where its p-value may be small, see
            `draws_for`.

    Returns:
        The verdict and its figures.

    Raises:
        ValueError: a bad margin, resolution, level, test, policy or sample; the message names it.
    """
    require_choice("test", test, get_args(ComparisonTest))
    alpha = _level("alpha", alpha)
    settings = _Settings(
        higher_is_better=bool(higher_is_better),
        alpha=alpha,
        beta=alpha if beta is None else _level("beta", beta),
        test=test,
        on_nonfinite=on_nonfinite,
        margin=parse_margin(margin),
        resolution=resolution,
        draws=draws,
    )
    return _compare_samples(settings, _sides(baseline, candidate, settings, linked))


@dataclass(frozen=True, slots=True)
class _Settings:
    """The settings of a comparison."""

    higher_is_better: bool
    alpha: float
    beta: float
    test: ComparisonTest
    on_nonfinite: OnNonfinite
    margin: Margin
    resolution: float | None
    draws: int

    @property
    def sign(self) -> float:
        """What a value is multiplied with so that higher is better."""
        return 1.0 if self.higher_is_better else -1.0


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both samples as recorded, their failures, and how they are to be tested.

    Attributes:
        baseline: as recorded, shape (n_b,).
        candidate: as recorded, shape (n_c,).
        failures: the test of the numbers of failed seeds.
        by_order: by ranks alone: a value is non-finite, or may be.
        linked: the samples to be tested in their place.
    """

    baseline: FloatArray
    candidate: FloatArray
    failures: FailureTestResult
    by_order: bool
    linked: LinkedSamples | None

    def tested(self) -> tuple[FloatArray, FloatArray]:
        """The samples that the test sees."""
        if self.linked is None:
            return self.baseline, self.candidate
        return np.array(self.linked.baseline), np.array(self.linked.candidate)


def _sides(
    baseline: ArrayLike, candidate: ArrayLike, settings: _Settings, linked: LinkedSamples | None
) -> _Sides:
    baseline, candidate = as_sample(baseline, "baseline"), as_sample(candidate, "candidate")
    if settings.test == "paired":
        require_pairs(baseline, candidate)
    failures = failure_test(
        failed_baseline=int(np.count_nonzero(~np.isfinite(baseline))),
        n_baseline=baseline.size,
        failed_candidate=int(np.count_nonzero(~np.isfinite(candidate))),
        n_candidate=candidate.size,
        alpha=settings.alpha,
        on_nonfinite=settings.on_nonfinite,
    )
    any_failed = failures.failed_baseline or failures.failed_candidate
    by_order = bool(any_failed) or settings.on_nonfinite == "test"
    return _Sides(baseline, candidate, failures, by_order, None if by_order else linked)


def _compare_samples(settings: _Settings, sides: _Sides) -> Comparison:
    test: ComparisonTest = settings.test
    if sides.by_order:
        test = "rank"
    elif sides.linked is not None:
        test = sides.linked.test
    baseline, candidate = sides.tested()
    detectable = detectable_loss(
        baseline,
        candidate,
        settings.alpha,
        test,
        linked=sides.linked is not None,
        draws=settings.draws,
    )
    margin = settings.margin.resolve(sides.baseline, detectable, settings.resolution)
    evidence = _evidence(settings, sides, test, margin)
    safety = _safety(settings, sides, test, margin, evidence)
    safe = safety.excludes(margin, settings.beta)
    attainable = smallest_p(baseline.size, candidate.size, test, settings.draws)
    kind = test if test in ("student", "paired") else "welch"
    difference = mean_difference(baseline, candidate, kind)
    return Comparison(
        verdict=_verdict(settings, sides.failures, evidence, safe),
        reasons=_reasons(sides, attainable, settings.alpha),
        p_harm=evidence.harm,
        p_safe=evidence.safe,
        safety=safety,
        p_better=evidence.better,
        p_failures=sides.failures.pvalue,
        difference=difference.value,
        interval=difference.interval(INTERVAL_LEVEL),
        interval_level=INTERVAL_LEVEL,
        margin=margin,
        detectable=detectable,
        smallest_p=attainable,
        alpha=settings.alpha,
        beta=settings.beta,
        test=test,
        theta=None if sides.linked is None else sides.linked.theta,
        statistic=_statistic(settings, sides, test, difference),
        welch=_welch(sides, difference, kind),
        higher_is_better=settings.higher_is_better,
        n_baseline=sides.baseline.size,
        n_candidate=sides.candidate.size,
        failed_baseline=sides.failures.failed_baseline,
        failed_candidate=sides.failures.failed_candidate,
        mean_baseline=mean(sides.baseline),
        mean_candidate=mean(sides.candidate),
        sd_baseline=sd(sides.baseline),
        sd_candidate=sd(sides.candidate),
    )


def _evidence(settings: _Settings, sides: _Sides, test: ComparisonTest, margin: float) -> Evidence:
    if sides.failures.rule in ("all", "any"):
        return CERTAIN_HARM
    baseline, candidate = (settings.sign * side for side in sides.tested())
    if sides.by_order:
        return gather_evidence_by_order(worst_end(baseline), worst_end(candidate), margin)
    return gather_evidence(baseline, candidate, margin, test, settings.draws)


def _safety(
    settings: _Settings, sides: _Sides, test: ComparisonTest, margin: float, evidence: Evidence
) -> Safety:
    baseline, candidate = (
        worst_end(settings.sign * side) for side in (sides.baseline, sides.candidate)
    )
    by_values = test in ("robust-t", "rank")
    return safety_of(
        baseline,
        candidate,
        evidence.safe,
        candidate_plus_margin=with_margin(baseline, candidate, margin) if by_values else None,
        failures_enter_the_test=settings.on_nonfinite == "test",
    )


def _verdict(
    settings: _Settings, failures: FailureTestResult, evidence: Evidence, safe: bool
) -> ComparisonVerdict:
    if failures.diverged:
        return "diverged"
    if evidence.harm <= settings.alpha:
        return "minor" if safe else "regression"
    if not safe:
        return "inconclusive"
    return "improvement" if evidence.better <= settings.alpha else "pass"


def _reasons(sides: _Sides, attainable: float, alpha: float) -> tuple[str, ...]:
    reasons = []
    if sides.failures.diverged:
        reasons.append(sides.failures.reason)
    elif sides.failures.failed_baseline or sides.failures.failed_candidate:
        reasons.append("non-finite values have a rank but no size: judged by the rank test")
    if attainable > alpha:
        reasons.append(
            f"the smallest p-value that so few seeds can give is {attainable:.3g}, "
            f"above alpha = {alpha:.3g}: no loss can be shown, run more seeds or record more"
        )
    return tuple(reasons)


def _statistic(
    settings: _Settings, sides: _Sides, test: ComparisonTest, difference: MeanDifference
) -> float:
    if test == "rank":
        baseline, candidate = (
            settings.sign * worst_end(settings.sign * side) for side in sides.tested()
        )
        return mann_whitney_u(baseline, candidate)
    if test == "robust-t":
        return robust_difference(*sides.tested()).statistic
    return difference.statistic


def _welch(sides: _Sides, difference: MeanDifference, kind: str) -> TTestResult:
    """The classical test of the raw samples, whose difference may be the one that was tested."""
    if kind == "welch" and sides.linked is None:
        return difference.result("welch")
    return t_test(sides.baseline, sides.candidate, kind="welch")


def _level(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name}={value!r} is not a probability; allowed is 0 < {name} < 1")
    return float(value)
