"""The interval of a difference that belongs to the two one-sided tests that decided.

Its ends invert these tests: a difference is outside where the same test, asked with the candidate
shifted by it, rejects it. With higher better, the upper end is at the limit of the test of harm, so
that it is below 0 if and only if harm is shown; the lower end is at the level of the test of
safety, so that it is above minus the margin if and only if a loss of the margin is excluded. Each
end is missed as often as its test errs, and the confidence of both together is 1 minus both levels
(Lehmann & Romano 2005, Testing Statistical Hypotheses, 3.5; Schuirmann 1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pytest_mlregress.statistics.comparison import Comparison
from pytest_mlregress.statistics.shift_tests import OrientedSamples, ShiftTest, shift_test
from pytest_mlregress.statistics.special_functions import ndtri, stdtrit

_STEPS: Final = 24
"""P-values that are computed for one end at most."""

_NEAR: Final = 0.01
"""An end is found where the normal quantile of its p-value is that close to that of the level."""

_SAME_QUANTILE: Final = 1e-9

_PRECISION: Final = 0.004
"""It is found, too, where it is known that closely, in its distance from where the search began."""

_FURTHEST: Final = 200.0
"""Beyond so many expected distances nothing is rejected."""

_TWO_SIDED_95: Final = 1.959963984540054
_SMALLEST_P: Final = 1e-300


@dataclass(frozen=True, slots=True)
class DecidingInterval:
    """What the tests that decided leave possible.

    Attributes:
        low: lower end, candidate minus baseline, in metric units.
        high: upper end.
        level: confidence of both ends together.
        inverted: whether the ends invert the tests; otherwise they are those of a normal estimate
            with the tests' p-values.
    """

    low: float
    high: float
    level: float
    inverted: bool


def classical_interval(comparison: Comparison, limit: float) -> DecidingInterval:
    """The interval of the t-test that acceptance asks too, at the same levels: in microseconds.

    An end that would contradict the test that decided is moved to 0 or to the margin, so that it
    says the same. It is for comparisons that ask for no action, of which a run can have thousands.

    Args:
        comparison: the comparison, with the level of the look as `beta`.
        limit: the level that its p-value of harm is held to.

    Returns:
        The interval, in metric units, not oriented.
    """
    sign = 1.0 if comparison.higher_is_better else -1.0
    beta = comparison.beta if 0.0 < comparison.beta < 1.0 else limit
    middle = sign * comparison.difference
    if not (0.0 < limit < 1.0 and limit + beta < 1.0 and math.isfinite(middle)):
        return DecidingInterval(*comparison.interval, comparison.interval_level, inverted=False)
    paired = comparison.theta is not None or comparison.test == "paired"
    df = comparison.n_candidate - 1.0 if paired else comparison.welch.df
    low, high = comparison.interval
    reach = float(stdtrit(df, (1.0 + comparison.interval_level) / 2.0))
    error = 0.0 if low == high else (high - low) / 2.0 / reach if reach > 0.0 else math.inf
    known = _Known.of(comparison, middle, limit, beta)
    high = known.without_contradiction_above(middle + _distance(df, 1.0 - limit, error))
    low = known.without_contradiction_below(middle - _distance(df, 1.0 - beta, error))
    low = min(low, *known.raw_differences)
    ends = (low, high) if sign > 0 else (0.0 - high, 0.0 - low)
    return DecidingInterval(*ends, 1.0 - limit - beta, inverted=False)


def _distance(df: float, level: float, error: float) -> float:
    """Of an end from the difference; infinite where single values give no standard error."""
    if math.isinf(error):
        return error
    quantile = float(stdtrit(df, level))
    return quantile * error if math.isfinite(quantile) else 0.0


def deciding_interval(
    samples: OrientedSamples, comparison: Comparison, limit: float
) -> DecidingInterval:
    """The interval of a comparison.

    Where a run effect has widened the p-values there is no test to invert. Its ends are then those
    at which a normal estimate with the same p-values at 0 and at the margin would be rejected,
    which keeps both equivalences.

    Args:
        samples: both samples, oriented and finite.
        comparison: their comparison, with the level of the look as `beta`.
        limit: the level that its p-value of harm is held to.

    Returns:
        The interval, in metric units, not oriented.
    """
    return _interval(samples, comparison, float(limit))


@lru_cache(maxsize=8192)
def _interval(samples: OrientedSamples, comparison: Comparison, limit: float) -> DecidingInterval:
    beta = comparison.beta if 0.0 < comparison.beta < 1.0 else limit
    sign = 1.0 if comparison.higher_is_better else -1.0
    middle = sign * comparison.difference
    levels_usable = 0.0 < limit < 1.0 and limit + beta < 1.0
    if not (levels_usable and math.isfinite(middle) and 0.0 <= comparison.p_harm <= 1.0):
        return DecidingInterval(*comparison.interval, comparison.interval_level, inverted=False)
    if _constant(samples):
        return DecidingInterval(*(sign * middle,) * 2, 1.0 - limit - beta, inverted=True)
    test = shift_test(samples, comparison, limit)
    known = _Known.of(comparison, middle, limit, beta)
    high = known.upper_end(test)
    low = min(known.lower_end(test), *known.raw_differences)
    ends = (low, high) if sign > 0 else (0.0 - high, 0.0 - low)
    return DecidingInterval(*ends, 1.0 - limit - beta, inverted=test is not None)


def _constant(samples: OrientedSamples) -> bool:
    return len({value for _, value in (*samples.baseline, *samples.candidate)}) == 1


@dataclass(frozen=True, slots=True)
class _Known:
    """What a comparison says of its tests at 0 and at minus the margin, oriented.

    Attributes:
        middle: the estimated difference.
        error: about its standard error, for the first step of a search.
        limit: level of the test of harm.
        beta: level of the test of safety.
        harm: whether harm is shown.
        p_harm: its p-value.
        p_safe: p-value for no loss as large as the margin; NaN if nothing is known of it.
        margin: in metric units; NaN if nothing is known of it.
        raw_differences: of the raw means and medians, which acceptance asks too.
    """

    middle: float
    error: float
    limit: float
    beta: float
    harm: bool
    p_harm: float
    p_safe: float
    margin: float
    raw_differences: tuple[float, ...]

    @classmethod
    def of(cls, comparison: Comparison, middle: float, limit: float, beta: float) -> _Known:
        low, high = comparison.interval
        safety = comparison.safety
        asked = math.isfinite(comparison.margin) and beta == comparison.beta
        losses = (safety.mean_loss, safety.median_loss)
        return cls(
            middle=middle,
            error=(high - low) / (2.0 * _TWO_SIDED_95) if math.isfinite(high - low) else math.nan,
            limit=limit,
            beta=beta,
            harm=comparison.p_harm <= limit,
            p_harm=comparison.p_harm,
            p_safe=safety.p if asked and 0.0 <= safety.p <= 1.0 else math.nan,
            margin=comparison.margin if asked else math.nan,
            raw_differences=(middle, *(-loss for loss in losses if math.isfinite(loss))),
        )

    def without_contradiction_above(self, end: float) -> float:
        """An upper end that is below 0 if and only if harm is shown."""
        return min(end, math.nextafter(0.0, -1.0)) if self.harm else max(end, 0.0)

    def without_contradiction_below(self, end: float) -> float:
        """A lower end that is above minus the margin if and only if the margin is excluded."""
        at = -self.margin
        if self.p_safe <= self.beta:
            return max(end, math.nextafter(at, math.inf))
        return min(end, at) if math.isfinite(at) else end

    def upper_end(self, test: ShiftTest | None) -> float:
        """Where the test of harm begins to reject."""
        if self.harm:
            if self.middle >= 0.0:
                return math.nextafter(0.0, -1.0)  # shown in spite of the raw means
            if test is None:
                return min(self._normal(0.0, self.p_harm, self.limit), math.nextafter(0.0, -1.0))
            bracket = _Bracket(
                self.middle, _above(0.5, self.limit), 0.0, _above(self.p_harm, self.limit)
            )
            return bracket.narrowed(test.below, self.limit, step=-self.middle)
        if test is None:
            if self.middle < 0.0:
                return max(self._normal(0.0, self.p_harm, self.limit), 0.0)
            return self.middle - float(ndtri(self.limit)) * self._positive_error
        inside = max(0.0, self.middle)
        bracket = _Bracket(inside, _above(self.p_harm if self.middle < 0.0 else 0.5, self.limit))
        reach = self.middle + self._step(self.limit) - inside
        return bracket.narrowed(
            test.below, self.limit, step=max(reach, 0.1 * self._step(self.limit))
        )

    def lower_end(self, test: ShiftTest | None) -> float:
        """Where the test of safety ends to reject."""
        at = -self.margin
        if self.p_safe <= self.beta:
            if self.middle <= at:
                return math.nextafter(at, math.inf)
            if test is None:
                return max(self._normal(at, self.p_safe, self.beta), math.nextafter(at, math.inf))
            bracket = _Bracket(
                self.middle, _above(0.5, self.beta), at, _above(self.p_safe, self.beta)
            )
            return bracket.narrowed(test.above, self.beta, step=at - self.middle)
        known = math.isfinite(at) and self.middle > at and math.isfinite(self.p_safe)
        if test is None:
            if known:
                return min(self._normal(at, self.p_safe, self.beta), at)
            return (
                min(self.middle, at if math.isfinite(at) else math.inf)
                + float(ndtri(self.beta)) * self._positive_error
            )
        inside = at if known else self.middle
        bracket = _Bracket(inside, _above(self.p_safe if known else 0.5, self.beta))
        reach = inside - self.middle + self._step(self.beta)
        return bracket.narrowed(
            test.above, self.beta, step=-max(reach, 0.1 * self._step(self.beta))
        )

    @property
    def _positive_error(self) -> float:
        return self.error if self.error > 0.0 else math.inf

    def _step(self, level: float) -> float:
        """How far an end may be from where its search begins."""
        if self.error > 0.0:
            return -float(ndtri(level)) * self.error
        return max(abs(self.middle), 1e-12)

    def _normal(self, at: float, p: float, level: float) -> float:
        """Where a normal estimate that has the p-value `p` at a shift has the p-value `level`."""
        z, z_of_level = -float(ndtri(max(p, _SMALLEST_P))), -float(ndtri(level))
        if z <= 0.0:
            return self.middle + math.copysign(z_of_level * self._positive_error, at - self.middle)
        return self.middle + (at - self.middle) * z_of_level / z


def _above(p: float, level: float) -> float:
    """How far the normal quantile of a p-value is above that of a level."""
    return float(ndtri(min(max(p, _SMALLEST_P), 1.0 - 1e-16)) - ndtri(level))


@dataclass(slots=True)
class _Bracket:
    """A shift that is not rejected, and one further out that is, or None before it is found.

    Beside each, how far the normal quantile of its p-value is from that of the level: positive
    where it is not rejected.
    """

    inside: float
    of_inside: float
    outside: float | None = None
    of_outside: float = 0.0

    def narrowed(self, pvalue: Callable[[float], float], level: float, *, step: float) -> float:
        """The end: where the p-value passes the level.

        By secants of the quantiles, which are nearly linear in the shift; where one end of the
        bracket stays, its value is halved (the Illinois rule).

        Args:
            pvalue: the p-value of a shift.
            level: the level.
            step: where the first rejected shift is expected, counted from `inside`.

        Returns:
            A shift strictly between both ends of the bracket; infinite if none is rejected.
        """
        start, stayed = self.inside, 0
        for _ in range(_STEPS):
            shift = self._next(start, step)
            if shift in (self.inside, self.outside):
                break
            value = _above(pvalue(shift), level)
            if _SAME_QUANTILE < abs(value) <= _NEAR:  # a test of few seeds may stay on its level
                return shift
            if value > 0.0:
                self.inside, self.of_inside = shift, value
                self.of_outside *= 0.5 if stayed > 0 else 1.0
                stayed = 1
            else:
                self.outside, self.of_outside = shift, value
                self.of_inside *= 0.5 if stayed < 0 else 1.0
                stayed = -1
            if self.outside is None:
                if abs(self.inside - start) > _FURTHEST * abs(step):
                    return math.copysign(math.inf, step)
            elif abs(self.outside - self.inside) <= _PRECISION * abs(self.outside - start):
                break
        if self.outside is None:
            return math.copysign(math.inf, step)
        return 0.5 * (self.inside + self.outside)

    def _next(self, start: float, step: float) -> float:
        if self.outside is None:
            return start + step if self.inside == start else start + 2.0 * (self.inside - start)
        share = self.of_inside / (self.of_inside - self.of_outside)
        return self.inside + min(max(share, 0.02), 0.98) * (self.outside - self.inside)
