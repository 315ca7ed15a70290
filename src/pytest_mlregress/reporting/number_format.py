"""How numbers are written: with few digits, but enough to tell different values apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

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
    told_apart = values
    if rounding or figures is not None:
        told_apart = _rounded(values, figures or _FEW_DIGITS)
    # What is written is the value itself: rounding what is rounded already gives other last digits.
    magnitudes = {
        abs(value): abs(near)
        for value, near in zip(values, told_apart, strict=True)
        if math.isfinite(value)
    }
    spelling = _spell(magnitudes, digits, aligned)
    return tuple(
        _sign(near, signed) + spelling.get(abs(value), "")
        for value, near in zip(values, told_apart, strict=True)
    )


def number(value: float, *, digits: int = 3, signed: bool = False) -> str:
    """Write a single value; see `numbers`.

    Args:
        value: the value.
        digits: significant digits.
        signed: write ``+`` before a positive one.

    Returns:
        The text.
    """
    value = float(value)
    if not math.isfinite(value):
        return _sign(value, signed)
    magnitude, (low, high) = abs(value), _FIXED_POINT
    fixed = digits < _MOST_DIGITS and (not magnitude or low <= magnitude < high)
    text = _fixed(magnitude, precision=digits) if fixed else f"{magnitude:.{digits}g}"
    return _sign(value, signed) + text[: len(text) - _zeros(text)].rstrip(".")


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


def _spell(magnitudes: Mapping[float, float], digits: int, aligned: bool) -> dict[float, str]:
    """The shortest of the spellings that keep all magnitudes apart.

    Each is given with what it is when differences that do not matter are left out; those that are
    the same then need not be told apart.
    """
    written = {value: value if near else 0.0 for value, near in magnitudes.items()}
    for one in _formats(sorted(magnitudes.values()), digits, aligned):
        texts = {value: one(number) for value, number in written.items()}
        if len(set(magnitudes.values())) == 1 or _faithful(texts, magnitudes):
            return _without_zeros(texts, aligned)
    return {}


def _faithful(texts: Mapping[float, str], magnitudes: Mapping[float, float]) -> bool:
    """Whether texts that read alike are of magnitudes that are, and only zero reads as zero."""
    read_back: dict[float, float] = {}
    for value, text in texts.items():
        if read_back.setdefault(float(text), magnitudes[value]) != magnitudes[value]:
            return False
    return all((read == 0) == (near == 0) for read, near in read_back.items())


_Format: TypeAlias = Callable[[float], str]


def _formats(magnitudes: Sequence[float], digits: int, aligned: bool) -> Iterator[_Format]:
    """From the coarsest to the finest, fixed-point ones first where the range allows it."""
    nonzero = [value for value in magnitudes if value]
    low, high = _FIXED_POINT
    if not nonzero or (nonzero[0] >= low and nonzero[-1] < high):
        for precision in range(digits, _MOST_DIGITS):
            common = _decimals(magnitudes[-1], precision) if aligned and magnitudes else None
            yield partial(_fixed, precision=precision, decimals=common)
    for precision in range(digits, _MOST_DIGITS + 1):
        yield f"{{:.{precision}g}}".format


def _fixed(value: float, *, precision: int, decimals: int | None = None) -> str:
    """Fixed point with some decimals, or with those that give the value its precision."""
    return f"{value:.{_decimals(value, precision) if decimals is None else decimals}f}"


def _decimals(value: float, precision: int) -> int:
    """The decimals at which the value has this many significant digits."""
    exponent = math.floor(math.log10(value)) if value else 0
    return max(0, precision - 1 - exponent)


def _without_zeros(texts: Mapping[float, str], aligned: bool) -> dict[float, str]:
    """Without trailing decimals that are zero; aligned, without those that all of them share."""
    zeros = {value: _zeros(text) for value, text in texts.items()}
    if aligned:
        zeros = dict.fromkeys(zeros, min(zeros.values(), default=0))
    return {value: text[: len(text) - zeros[value]].rstrip(".") for value, text in texts.items()}


def _zeros(text: str) -> int:
    """How many decimals at the end are zero."""
    return len(text) - len(text.rstrip("0")) if "." in text and "e" not in text else 0
