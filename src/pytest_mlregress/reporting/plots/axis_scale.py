"""A linear axis of a plot: positions of values, and ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pytest_mlregress.reporting.number_format import numbers

__all__ = ["AxisScale"]

_TICKS: Final = 4
"""Approximate number of intervals between ticks."""


@dataclass(frozen=True, slots=True)
class AxisScale:
    """Values between ``low`` and ``high`` at positions between ``start`` and ``end``.

    Attributes:
        low: the smallest value.
        high: the largest value.
        start: the position of the smallest value.
        end: the position of the largest value; before ``start`` for an axis that points up.
    """

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float) -> AxisScale:
        """The axis on which finite values fit.

        Args:
            values: the values, in metric units.
            start: the position of the smallest.
            end: the position of the largest.

        Returns:
            The axis.
        """
        if not values:
            return cls(0.0, 1.0, start, end)
        low, high = min(values), max(values)
        if low == high:
            reach = abs(low) / 100 or 1.0
            low, high = low - reach, high + reach
        return cls(low, high, start, end)

    def at(self, value: float) -> float:
        """The position of a value.

        Args:
            value: a finite value.

        Returns:
            The position, rounded to hundredths.
        """
        # In quarters, since the span of two large doubles can overflow.
        span = self.high / 4 - self.low / 4
        share = (value / 4 - self.low / 4) / span if span > 0 else 0.5
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Ticks at round numbers.

        Returns:
            Position and label of each; none if doubles are too coarse or too large for that.
        """
        step = _round_step((self.high - self.low) / _TICKS)
        if step is None:
            return ()
        first = math.ceil(self.low / step)
        at = [index * step for index in range(first, first + 2 * _TICKS + 2)]
        at = [value for value in at if self.low <= value <= self.high]
        if any(after <= before for before, after in pairwise(at)):
            return ()
        return tuple(zip(map(self.at, at), numbers(at, digits=1), strict=True))


def _round_step(rough: float) -> float | None:
    """The smallest of 1, 2, 5 times a power of ten that is at least ``rough``."""
    if not 1e-300 < rough < 1e300:
        return None
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10, 20) if factor * power >= rough)
