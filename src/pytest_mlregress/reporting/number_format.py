"""How numbers are written: with few digits, but enough to tell different values apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

_FIXED_POINT = (1e-4, 1e7)
"""Magnitudes outside of this range are written with an exponent."""

_MOST_DIGITS = 17
"""Enough to tell any two doubles apart."""


_FEW_DIGITS = 6
"""What a reader can use of the values of a sample."""


def numbers(
    values: Iterable[float],
    *,
    digits: int = 3,
    signed: bool = False,
    aligned: bool = True,
    rounding: bool = False,
    figures: int | None = None,
) -> tuple[str, ...]:
    """Write values that are read together.

    Digits are added until values that differ in magnitude differ in print, and until nothing but
    zero is printed as zero. Non-finite values are ``nan``, ``inf`` and ``-inf``; zero has no sign.

    Args:
        values: the values.
        digits: significant digits.
        signed: write ``+`` before the positive ones.
        aligned: one common number of decimals, at which the largest magnitude has ``digits``
            significant digits, less the trailing zeros that all of them share; otherwise each value
            has ``digits`` significant digits.
        rounding: values that are the same to six significant digits of the largest may look alike:
            those of nearly constant samples differ by rounding errors.
        figures: round all values to that many significant digits of the largest, where small ones
            need not be told apart: in a table of estimates.

    Returns:
        The texts, in order.
    """
    values = tuple(float(value) for value in values)
    if rounding or figures is not None:
        values = _rounded(values, figures or _FEW_DIGITS)
    magnitudes = {abs(value) for value in values if math.isfinite(value)}
    spelling = _spell(magnitudes, digits, aligned)
    return tuple(_sign(value, signed) + spelling.get(abs(value), "") for value in values)


def number(value: float, *, digits: int = 3, signed: bool = False) -> str:
    """Write a single value; see `numbers`.

    Args:
        value: the value.
        digits: significant digits.
        signed: write ``+`` before a positive one.

    Returns:
        The text.
    """
    return numbers((value,), digits=digits, signed=signed)[0]


def seconds(duration: float) -> str:
    """A duration for readers: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min.

    Args:
        duration: in seconds.

    Returns:
        The text.
    """
    if not math.isfinite(duration) or duration < 10:
        return f"{number(duration, digits=2)} s"
    whole = round(duration)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def about(duration: float) -> str:
    """An estimated duration, without digits that it does not have: 40 s, 3 min, 3 h 20 min.

    Args:
        duration: in seconds.

    Returns:
        The text.
    """
    if duration < 10:
        return f"{max(1, round(duration))} s"
    if duration < 57.5:
        return f"{5 * round(duration / 5)} s"
    minutes = round(duration / 60)
    if minutes >= 60:
        minutes = 5 * round(minutes / 5)
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if minutes and hours < 24 else f"{hours} h"
    return f"{minutes} min"


def _rounded(values: tuple[float, ...], figures: int) -> tuple[float, ...]:
    """The values rounded to some significant digits of the largest magnitude."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if not largest:
        return values
    decimals = figures - 1 - math.floor(math.log10(largest))
    return tuple(round(value, decimals) if math.isfinite(value) else value for value in values)


def _sign(value: float, signed: bool) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value < 0:
        return "-"
    return "+" if signed and value > 0 else ""


def _spell(magnitudes: set[float], digits: int, aligned: bool) -> dict[float, str]:
    """The shortest of the spellings that keep all magnitudes apart."""
    ascending = sorted(magnitudes)
    if len(ascending) == 1:  # whatever its spelling, there is none to tell it from
        return {ascending[0]: next(_spellings(ascending, digits, aligned))[0]}
    return next(
        dict(zip(ascending, texts, strict=True))
        for texts in _spellings(ascending, digits, aligned)
        if _faithful(texts, magnitudes)
    )


def _faithful(texts: list[str], magnitudes: set[float]) -> bool:
    read_back = {float(text) for text in texts}
    return len(read_back) == len(magnitudes) and (0 in read_back) == (0 in magnitudes)


def _spellings(magnitudes: list[float], digits: int, aligned: bool) -> Iterator[list[str]]:
    """From the coarsest to the finest, fixed-point ones first where the range allows it."""
    if not magnitudes:
        yield []
        return
    nonzero = [value for value in magnitudes if value]
    low, high = _FIXED_POINT
    if not nonzero or (nonzero[0] >= low and nonzero[-1] < high):
        for precision in range(digits, _MOST_DIGITS):
            if aligned:
                yield _fixed(magnitudes, _decimals(magnitudes[-1], precision))
            else:
                yield [_fixed([value], _decimals(value, precision))[0] for value in magnitudes]
    for precision in range(digits, _MOST_DIGITS + 1):
        yield [f"{value:.{precision}g}" for value in magnitudes]


def _decimals(value: float, precision: int) -> int:
    """The decimals at which the value has this many significant digits."""
    exponent = math.floor(math.log10(value)) if value else 0
    return max(0, precision - 1 - exponent)


def _fixed(magnitudes: list[float], decimals: int) -> list[str]:
    """Fixed point, without the trailing zeros that all of them share."""
    texts = [f"{value:.{decimals}f}" for value in magnitudes]
    if not decimals:
        return texts
    shared = min(len(text) - len(text.rstrip("0")) for text in texts)
    return [text[: len(text) - min(shared, decimals)].rstrip(".") for text in texts]
