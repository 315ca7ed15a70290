"""The geometry of one difference in margins: all rows of a table share its axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.reporting.metric_text import shown_interval
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

WIDTH: Final = 120
HEIGHT: Final = 16
_REACH: Final = 2.5
"""Margins on either side of no difference; what lies beyond is drawn at the edge."""


@dataclass(frozen=True, slots=True)
class DifferenceMark:
    """Positions in the units of an SVG of `WIDTH` x `HEIGHT`; losses are on the left.

    Attributes:
        low: the worse end of the interval.
        high: the better end.
        middle: the difference.
        beyond: -1 or 1 if it lies beyond the left or the right edge, else 0.
        title: text shown on hovering.
    """

    low: float
    high: float
    middle: float
    beyond: int
    title: str


MARGIN: Final = WIDTH / 2 * (1 - 1 / _REACH)
"""Where the loss is the margin."""


def difference_mark(metric: MetricVerdict) -> DifferenceMark | None:
    """The difference and its interval.

    Args:
        metric: the metric.

    Returns:
        The positions; None without a comparison, or with a margin that has no width.
    """
    comparison = metric.comparison
    if comparison is None or metric.kind is VerdictKind.DIVERGED:
        return None
    margin = comparison.margin
    if not (math.isfinite(margin) and margin > 0 and math.isfinite(comparison.difference)):
        return None
    sign = 1.0 if metric.higher_is_better else -1.0
    ends = sorted(sign * end / margin for end in (shown_interval(metric) or (math.nan,))[:2])
    middle = sign * comparison.difference / margin
    if any(map(math.isnan, (*ends, middle))):
        return None
    what = "loss" if middle < 0 else "gain"
    title = f"a {what} of {abs(middle):.2g} margins"
    beyond = 0 if abs(middle) <= _REACH else int(math.copysign(1, middle))
    return DifferenceMark(_place(ends[0]), _place(ends[1]), _place(middle), beyond, title)


def _place(margins: float) -> float:
    clipped = min(max(margins, -_REACH), _REACH)
    return round(WIDTH / 2 * (1 + clipped / _REACH), 1)
