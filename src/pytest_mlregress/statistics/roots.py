"""Where a function of one variable is zero.

`scipy.optimize` has this function, and takes a third of a second of every start of pytest to import
for it alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

__all__ = ["find_root"]

_LEAST_RELATIVE: Final = 4.0 * 2.0**-52


def find_root(
    function: Callable[[float], float],
    low: float,
    high: float,
    *,
    absolute: float = 2e-12,
    relative: float = _LEAST_RELATIVE,
    most_steps: int = 100,
) -> float:
    """A root of a continuous function between two points where its signs differ.

    Brent's method: Brent, "Algorithms for Minimization without Derivatives", 1973, chapter 4. Each
    step is that of inverse quadratic interpolation, or of the secant, where it stays well inside
    the bracket and shrinks fast enough; otherwise the bracket is halved. The result is that of
    ``scipy.optimize.brentq``, bit for bit.

    Args:
        function: the function.
        low: one end of the bracket.
        high: the other end.
        absolute: the result is this close to a root, in the unit of ``low``; to that is added
        relative: a share of the result itself.
        most_steps: evaluations after those at the ends.

    Returns:
        The root.

    Raises:
        ValueError: both ends have the same sign, or a value of the function is NaN.
        RuntimeError: it was not found in that many steps.
    """
    previous, current = float(low), float(high)
    f_previous, f_current = _value(function, previous), _value(function, current)
    if f_previous == 0.0:
        return previous
    if f_current == 0.0:
        return current
    if (f_previous < 0.0) == (f_current < 0.0):
        raise ValueError(
            f"the function has one sign at both ends: {f_previous} at {low}, {f_current} at {high}"
        )
    opposite, f_opposite = 0.0, 0.0
    step = before = 0.0
    for _ in range(most_steps):
        if f_previous != 0.0 and f_current != 0.0 and (f_previous < 0.0) != (f_current < 0.0):
            opposite, f_opposite = previous, f_previous
            step = before = current - previous
        if abs(f_opposite) < abs(f_current):
            previous, current, opposite = current, opposite, current
            f_previous, f_current, f_opposite = f_current, f_opposite, f_current
        tolerance = (absolute + relative * abs(current)) / 2.0
        half = (opposite - current) / 2.0
        if f_current == 0.0 or abs(half) < tolerance:
            return current
        if abs(before) > tolerance and abs(f_current) < abs(f_previous):
            proposed = _interpolated(
                (previous, f_previous), (current, f_current), (opposite, f_opposite)
            )
            if 2.0 * abs(proposed) < min(abs(before), 3.0 * abs(half) - tolerance):
                before, step = step, proposed
            else:
                before = step = half
        else:
            before = step = half
        previous, f_previous = current, f_current
        if abs(step) > tolerance:
            current += step
        else:
            current += tolerance if half > 0.0 else -tolerance
        f_current = _value(function, current)
    raise RuntimeError(f"no root was found between {low} and {high} in {most_steps} steps")


def _value(function: Callable[[float], float], x: float) -> float:
    value = float(function(x))
    if math.isnan(value):  # it has no sign, and so would lead anywhere
        raise ValueError(f"the function is NaN at {x}")
    return value


_Point = tuple[float, float]


def _interpolated(previous: _Point, current: _Point, opposite: _Point) -> float:
    """The step from the current point to the root of the interpolation."""
    (x_previous, f_previous), (x_current, f_current), (x_opposite, f_opposite) = (
        previous,
        current,
        opposite,
    )
    if x_previous == x_opposite:
        return -f_current * (x_current - x_previous) / (f_current - f_previous)
    slope = (f_previous - f_current) / (x_previous - x_current)
    slope_opposite = (f_opposite - f_current) / (x_opposite - x_current)
    denominator = slope_opposite * slope * (f_opposite - f_previous)
    if denominator == 0.0:  # values so small that their product underflows
        return math.inf
    return -f_current * (f_opposite * slope_opposite - f_previous * slope) / denominator
