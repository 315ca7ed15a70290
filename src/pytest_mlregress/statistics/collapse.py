"""Early sight of a collapse: has a running training left its baseline's learning curves for good?

Meant for the obvious only, because a stop is a red verdict: the aim is at most one healthy seed in
1,000 stopped by mistake, for curves of any shape. What is compared is the best of the latest tenth
of all evaluations, so that no spike and no dip counts. It has to be worse than the baseline's by
all of these: the prediction limit of a robust location and scale; twice the deviation of the worst
baseline seed; a quarter of what the baseline has learned by then.

A run that is merely slow (warm-up, a smaller learning rate) may be half a training behind: it is
held against the easiest limit of that time, and so nothing is judged in the first half. Only curves
whose direction is known are held against limits; any may turn non-finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import stdtrit

from pytest_mlregress.statistics.samples import MAD_TO_SD, FloatArray

#: A learning curve: (step, value) in order of the steps.
CurvePoints: TypeAlias = Sequence[tuple[float, float]]

#: Fewer baseline curves than this make no band.
LEAST_CURVES: Final = 5

#: The tail of one evaluation beyond the prediction limit.
_LIMIT_TAIL: Final = 1e-4
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
    """What was seen of a running curve at its last `step`; `reason` is empty where all is well."""

    collapsed: bool
    step: float
    reason: str


@dataclass(frozen=True, slots=True)
class CurveBand:
    """The limits that healthy runs keep: `limits` at `steps`, shape (m,), higher being better.

    The best of `run_length` evaluations is held against them, oriented by `sign`. Without steps
    only non-finite values are judged.
    """

    steps: FloatArray
    limits: FloatArray
    sign: float
    run_length: int
    may_be_nonfinite: bool
    """A baseline run had such values, which then are no evidence."""

    def judge(self, curve: CurvePoints) -> Collapse:
        """Judge a running curve by all its evaluations so far, in order of their steps."""
        if not curve:
            return Collapse(False, math.nan, "")
        values = np.array([value for _, value in curve], dtype=np.float64)
        last = float(curve[-1][0])
        if not self.may_be_nonfinite and not np.isfinite(values).all():
            return Collapse(True, last, f"the curve is not finite at step {last:g} or before")
        latest = values[-self.run_length :]
        judged = (
            latest.size == self.run_length
            and self.steps.size > 0
            and self.steps[0] <= last <= self.steps[-1]
        )
        if not (judged and np.isfinite(latest).all()):
            return Collapse(False, last, "")
        limit = self.sign * float(np.interp(last, self.steps, self.limits))
        best = self.sign * float((self.sign * latest).max())
        if not self.sign * best < self.sign * limit:
            return Collapse(False, last, "")
        return Collapse(
            True,
            last,
            f"at step {last:g} the best of the {self.run_length} latest evaluations is {best:.4g}; "
            f"the baseline's curves allow {limit:.4g}",
        )


def curve_band(
    curves: Sequence[CurvePoints], *, higher_is_better: bool | None = None
) -> CurveBand | None:
    """The band of a baseline's learning curves, one per seed; None where they make none.

    Curves are interpolated to the steps of the longest one and need not share their own. Without
    `higher_is_better` a band has no limits and judges non-finite values alone. There is no band for
    fewer than five curves or fewer than four common evaluations.
    """
    if len(curves) < LEAST_CURVES or any(len(curve) < 2 for curve in curves):
        return None
    steps, values = _aligned(curves)
    if steps.size < _LEAST_RUN + 1:
        return None
    # Finite values alone make the band; a step at which half the runs have none makes no limit.
    usable = np.isfinite(values).mean(axis=0) > 0.5
    if not usable.all():
        steps, values = steps[usable], values[:, usable]
    if steps.size < _LEAST_RUN + 1:
        return None
    may_be_nonfinite = not all(np.isfinite(np.asarray(curve)[:, 1]).all() for curve in curves)
    if higher_is_better is None:
        return CurveBand(np.array([]), np.array([]), 1.0, 1, may_be_nonfinite)
    sign = 1.0 if higher_is_better else -1.0
    run_length = max(_LEAST_RUN, math.ceil(_RUN_SHARE * steps.size))
    ends = steps[run_length - 1 :]
    limits = _limits(sign * values, run_length)
    latest = ends - _DELAY * (steps[-1] - steps[0])
    seen = latest >= ends[0]
    return CurveBand(
        steps=ends[seen],
        limits=_easiest_since(latest, ends, limits)[seen],
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


def _limits(values: FloatArray, run_length: int) -> FloatArray:
    """The least best-of-run that is not beyond the baseline, from the first full run on.

    `values` has shape (curves, m), higher being better; the limits have shape (m - run + 1,).
    """
    finite = np.where(np.isfinite(values), values, -np.inf)
    best = sliding_window_view(finite, run_length, axis=1).max(axis=2)
    # A baseline run without a finite value there says nothing about healthy ones.
    best = np.where(np.isfinite(best), best, np.nan)
    middle = np.nanmedian(best, axis=0)
    scale = MAD_TO_SD * np.nanmedian(np.abs(best - middle), axis=0)
    # A step at which most runs happen to agree is no more precise than its neighbours.
    scale = np.maximum(scale, np.median(scale) / 2.0)
    effective = max(_MAD_EFFICIENCY * (len(values) - 1), 1.0)
    reach = -float(stdtrit(effective, _LIMIT_TAIL)) * math.sqrt(1.0 + math.pi / 2.0 / len(values))
    worst = middle - np.nanmin(best, axis=0)
    learned = np.maximum.accumulate(np.abs(middle - np.nanmedian(values[:, 0])))
    allowed = np.maximum(reach * scale, np.maximum(_WORST_SEEDS * worst, _LEARNED_SHARE * learned))
    return np.asarray(middle - allowed)


def _easiest_since(latest: FloatArray, steps: FloatArray, limits: FloatArray) -> FloatArray:
    """At each step the easiest limit since the step that `latest` gives for it, or the one before
    it: all of shape (m,)."""
    first = np.maximum(np.searchsorted(steps, latest, side="right") - 1, 0)
    return np.array([limits[i : k + 1].min() for k, i in enumerate(first)])
