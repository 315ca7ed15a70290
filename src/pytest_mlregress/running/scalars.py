"""One number out of whatever a training loop calls a metric.

Nothing is imported for it: tensors, arrays and torchmetrics objects are known by what they offer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Final

_SHOWN: Final = 60


class NotANumberError(TypeError):
    """A value without exactly one real number in it; its text says what it is."""


def is_torchmetric(value: object) -> bool:
    """True for a torchmetrics ``Metric``: an object that computes a value and has a direction."""
    return callable(getattr(value, "compute", None)) and hasattr(value, "higher_is_better")


def to_number(value: object) -> float:
    """The one number in ``value``, NaN and infinities included.

    Accepts Python numbers, numpy scalars, arrays and tensors of one element (on any device) and
    torchmetrics metrics, whose ``compute()`` is called.

    Raises:
        NotANumberError: text, complex numbers, many numbers, or anything else.
    """
    if is_torchmetric(value):
        value = value.compute()  # type: ignore[attr-defined]
    if isinstance(value, (str, bytes)):
        raise NotANumberError(f"{_shown(value)} is text; pass the number itself")
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, complex):
        raise NotANumberError(f"{_shown(value)} is complex; record its .real or abs() of it")
    elements = _number_of_elements(value)
    item: Callable[[], Any] | None = getattr(value, "item", None)
    if elements == 1 and callable(item):
        return to_number(item())
    if elements is not None:
        raise NotANumberError(
            f"a {type(value).__name__} of {elements} numbers; "
            "reduce it to one first, for example with .mean()"
        )
    try:
        return float(value)  # type: ignore[arg-type]  # Decimal and other number-like types
    except (TypeError, ValueError):
        raise NotANumberError(f"{_shown(value)} ({type(value).__name__}) is no number") from None


def to_plain(value: object) -> bool | int | float | str | None:
    """The value as an exact builtin; what is neither a number nor text becomes its ``repr``.

    Subclasses count as what they derive from: a ``numpy.float64`` is a float, a member of a
    ``StrEnum`` is text.  Lone surrogates, which no UTF-8 has, are escaped.
    """
    match value:
        case None | bool():
            return value
        case Integral():
            return int(value)
        case Real():
            return float(value)
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case _:
            return to_plain(repr(value))


def _number_of_elements(value: object) -> int | None:
    shape = getattr(value, "shape", None)
    if shape is None:
        try:
            return len(value)  # type: ignore[arg-type]
        except TypeError:
            return None
    return math.prod(int(size) for size in shape)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
