"""Early detection of a collapse: has a running training left its baseline's curves for good?

It detects the obvious only, because a stop is a red verdict: all healthy seeds of a check together
are stopped by mistake with at most a given probability, a share of the level of the metric whose
name the curve has. What is compared is the best of the latest tenth of all evaluations, so that
spikes and dips do not count. It has to be worse than the baseline's by all of these: the prediction
limit of a robust location and scale, at that level divided by the seeds and the times that one is
judged; twice the deviation of the worst baseline seed; a quarter of what the baseline has learned
by then. The first keeps the level for normal seeds, the others for all other distributions.

A run that is merely slow (warm-up, a smaller learning rate) may be half a training behind: it is
compared with the most lenient limit of that time, and so nothing is judged in the first half. Only
curves whose direction is known have limits; non-finite values are judged in every curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pytest_mlregress.statistics.samples import MAD_TO_SD, FloatArray
from pytest_mlregress.statistics.special_functions import stdtrit

#: A learning curve: (step, value) in order of the steps.
CurvePoints: TypeAlias = Sequence[tuple[float, float]]

#: Fewer baseline curves than this give no band.
LEAST_CURVES: Final = 5

#: The share of a comparison's level that is spent on the curve of its metric, where one is judged.
CURVE_SHARE: Final = 0.05

# The median absolute deviation is as precise as the standard deviation of 0.37 times as many
# normal values, and the variance of a median is pi / 2 times that of a mean.
_MAD_EFFICIENCY: Final = 0.37

#: A run may be behind the baseline by this share of the training; twice its time is within it.
_DELAY: Final = 0.5
_RUN_SHARE: Final = 0.1
_LEAST_RUN: Final = 3
_WORST_SEEDS: Final = 2.0
_LEARNED_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Collapse:
    """The state of a running curve at its last step.

    Attributes:
        collapsed: whether the run is to be ended.
        step: the last step.
        reason: why; empty if the curve is healthy.
        limit: what the best of the latest evaluations was compared with; NaN if it was not.
    """

    collapsed: bool
    step: float
    reason: str
    limit: float = math.nan


@dataclass(frozen=True, slots=True)
class CurveBand:
    """The limits that healthy runs keep, higher being better.

    They apply to the best of the latest evaluations. Without steps only non-finite values are
    judged.

    Attributes:
        steps: the steps with limits, shape (m,).
        judged_at: the steps at which a run is judged, a subset of `steps`.
        limits: the limit at each step, shape (m,), oriented.
        worst: the worst of the baseline's runs there, shape (m,), oriented.
        best: the best of them, shape (m,), oriented.
        sign: what a value is multiplied with so that higher is better.
        run_length: number of latest evaluations of which the best counts.
        may_be_nonfinite: whether a baseline run had non-finite values, which then are no evidence.
    """

    steps: FloatArray
    judged_at: FloatArray
    limits: FloatArray
    worst: FloatArray
    best: FloatArray
    sign: float
    run_length: int
    may_be_nonfinite: bool

    def judge(self, curve: CurvePoints) -> Collapse:
        """Judge a running curve by all its evaluations so far.

        Args:
            curve: its points (step, value), in order of their steps.

        Returns:
            Whether it has collapsed, with the reason.
        """
        if not curve:
            return Collapse(False, math.nan, "")
        values = np.array([value for _, value in curve], dtype=np.float64)
        last = float(curve[-1][0])
        if not self.may_be_nonfinite and not np.isfinite(values).all():
            return Collapse(
                True,
                last,
                f"{values[~np.isfinite(values)][-1]:g} at step {last:g}, the baseline's seeds are "
                "finite throughout",
            )
        latest = values[-self.run_length :]
        if (
            latest.size < self.run_length
            or not self._is_judged(curve)
            or not np.isfinite(latest).all()
        ):
            return Collapse(False, last, "")
        limit, worst, end = (
            self.sign * float(np.interp(last, self.steps, of_steps))
            for of_steps in (self.limits, self.worst, self.best)
        )
        best = self.sign * float((self.sign * latest).max())
        if not self.sign * best < self.sign * limit:
            return Collapse(False, last, "", limit)
        return Collapse(
            True,
            last,
            f"{best:.4g} at step {last:g}, the baseline's seeds end there within "
            f"{min(worst, end):.4g} .. {max(worst, end):.4g}",
            limit,
        )

    def _is_judged(self, curve: CurvePoints) -> bool:
        """Whether the last evaluation is the first at or after a step where a curve is judged."""
        before = float(curve[-2][0]) if len(curve) > 1 else -math.inf
        reached = np.searchsorted(self.judged_at, (before, float(curve[-1][0])), side="right")
        return bool(reached[1] > reached[0]) and float(curve[-1][0]) <= self.steps[-1]


def curve_band(
    curves: Sequence[CurvePoints],
    *,
    higher_is_better: bool | None = None,
    level: float = 1e-3,
    seeds: int = 1,
) -> CurveBand | None:
    """The band of a baseline's learning curves, one per seed.

    Curves are interpolated to the steps of the longest one and need not share their steps.

    Args:
        curves: the points (step, value) of each seed, in order of their steps.
        higher_is_better: direction of the values; without it a band has no limits and judges
            non-finite values alone.
        level: probability that any of the healthy `seeds` is stopped at any of its steps.
        seeds: number of seeds of a check.

    Returns:
        The band; None for fewer than five curves or fewer than four common evaluations.
    """
    if len(curves) < LEAST_CURVES or any(len(curve) < 2 for curve in curves):
        return None
    steps, values = _aligned(curves)
    if steps.size < _LEAST_RUN + 1:
        return None
    # The band uses finite values only; a step at which half the runs have none gets no limit.
    usable = np.isfinite(values).mean(axis=0) > 0.5
    if not usable.all():
        steps, values = steps[usable], values[:, usable]
    if steps.size < _LEAST_RUN + 1:
        return None
    may_be_nonfinite = not all(np.isfinite(np.asarray(curve)[:, 1]).all() for curve in curves)
    if higher_is_better is None:
        none = np.array([])
        return CurveBand(none, none, none, none, none, 1.0, 1, may_be_nonfinite)
    sign = 1.0 if higher_is_better else -1.0
    run_length = max(_LEAST_RUN, math.ceil(_RUN_SHARE * steps.size))
    ends = steps[run_length - 1 :]
    latest = ends - _DELAY * (steps[-1] - steps[0])
    seen = latest >= ends[0]
    best = _best_of_runs(sign * values, run_length)
    # Windows that overlap by more than half add little, and each one judged costs its share.
    judged_at = ends[seen][:: max(run_length // 2, 1)]
    tail = level / (seeds * max(judged_at.size, 1))
    limits = _limits(sign * values, best, tail)
    return CurveBand(
        steps=ends[seen],
        judged_at=judged_at,
        limits=_most_lenient_since(latest, ends, limits)[seen],
        worst=np.nanmin(best, axis=0)[seen],
        best=np.nanmax(best, axis=0)[seen],
        sign=sign,
        run_length=run_length,
        may_be_nonfinite=may_be_nonfinite,
    )


def _aligned(curves: Sequence[CurvePoints]) -> tuple[FloatArray, FloatArray]:
    """The longest curve's steps that all curves cover, shape (m,), and values (curves, m)."""
    arrays = [np.asarray(curve, dtype=np.float64) for curve in curves]
    begin = max(float(array[0, 0]) for array in arrays)
    end = min(float(array[-1, 0]) for array in arrays)
    longest = max(arrays, key=len)[:, 0]
    steps = longest[(longest >= begin) & (longest <= end)]
    return steps, np.array([np.interp(steps, array[:, 0], array[:, 1]) for array in arrays])


def _best_of_runs(values: FloatArray, run_length: int) -> FloatArray:
    """The best of each run of evaluations, higher being better.

    Shape (curves, m - run + 1) from (curves, m).
    """
    finite = np.where(np.isfinite(values), values, -np.inf)
    best = sliding_window_view(finite, run_length, axis=1).max(axis=2)
    # A baseline run without a finite value there says nothing about healthy ones.
    return np.where(np.isfinite(best), best, np.nan)


def _limits(values: FloatArray, best: FloatArray, tail: float) -> FloatArray:
    """The lowest best-of-run that is not beyond the baseline: shape (m - run + 1,).

    `values` are the curves and `best` their best of runs, as `_best_of_runs` returns them; `tail`
    is the probability that one evaluation of a healthy run is beyond the prediction limit.
    """
    middle = np.nanmedian(best, axis=0)
    scale = MAD_TO_SD * np.nanmedian(np.abs(best - middle), axis=0)
    # A step at which most runs agree by chance is no more precise than its neighbours.
    scale = np.maximum(scale, np.median(scale) / 2.0)
    effective = max(_MAD_EFFICIENCY * (len(values) - 1), 1.0)
    reach = -float(stdtrit(effective, tail)) * math.sqrt(1.0 + math.pi / 2.0 / len(values))
    worst = middle - np.nanmin(best, axis=0)
    learned = np.maximum.accumulate(np.abs(middle - np.nanmedian(values[:, 0])))
    allowed = np.maximum(reach * scale, np.maximum(_WORST_SEEDS * worst, _LEARNED_SHARE * learned))
    return np.asarray(middle - allowed)


def _most_lenient_since(latest: FloatArray, steps: FloatArray, limits: FloatArray) -> FloatArray:
    """At each step the most lenient limit since the step that `latest` gives for it.

    Or the one before it; all of shape (m,).
    """
    first = np.maximum(np.searchsorted(steps, latest, side="right") - 1, 0)
    return np.array([limits[i : k + 1].min() for k, i in enumerate(first)])
