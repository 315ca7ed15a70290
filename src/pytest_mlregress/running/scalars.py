"""One number out of whatever a training loop calls a metric.

Nothing is imported for it: tensors, arrays and the metrics of torchmetrics, Keras and flax are
recognised by their attributes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from numbers import Complex, Integral, Real
from typing import Any, Final, Protocol, SupportsFloat, TypeAlias, TypeGuard

from pytest_mlregress.plurals import count_of

_SHOWN: Final = 60
_MOST_BITS: Final = 1024
_WRAPPERS: Final = 4
"""A metric that computes a tensor that holds an array of one object is three deep; what is deeper
unwraps for ever."""


class _Computes(Protocol):
    """A metric of torchmetrics or flax."""

    def compute(self) -> Any: ...


class _Accumulates(Protocol):
    """A metric of Keras."""

    def update_state(self, *arguments: Any, **keywords: Any) -> Any: ...
    def result(self) -> Any: ...


class _HasItem(Protocol):
    """An array, a tensor or a series of one element."""

    def item(self) -> Any: ...


class _HasArray(Protocol):
    """A tensor of TensorFlow."""

    def numpy(self) -> Any: ...


OneNumber: TypeAlias = SupportsFloat | _Computes | _Accumulates | _HasItem | _HasArray
"""What `to_number` may find one number in, as far as types tell; text is none of these."""


class NotANumberError(TypeError):
    """A value without exactly one real number in it; its text says what it is."""


def is_torchmetric(value: object) -> bool:
    """True for a torchmetrics ``Metric``: an object that computes a value and has a direction.

    Args:
        value: any value.

    Returns:
        Whether it is one.
    """
    return callable(getattr(value, "compute", None)) and hasattr(value, "higher_is_better")


def to_number(value: object) -> float:
    """The one number in ``value``, NaN and infinities included.

    It accepts Python numbers (``Decimal`` and ``Fraction`` among them; a bool is 0 or 1), numpy
    scalars, arrays and tensors of one element (on any device), and metric objects, whose
    ``compute()`` (torchmetrics, flax) or ``result()`` (Keras) is called.

    Args:
        value: the value.

    Returns:
        The number.

    Raises:
        NotANumberError: text, complex numbers, durations, masked or missing values, numbers too
            large for a float, many numbers, or anything else.
    """
    if type(value) is float:
        return value
    for _ in range(_WRAPPERS):
        if isinstance(value, (Real, Decimal)) and not _is_duration(value):
            return _as_float(value)
        _refuse(value)
        unwrap = _way_in(value)
        if unwrap is None:
            return _as_float(value)
        value = _called(unwrap, value)
    raise NotANumberError(f"{_shown(value)} ({type(value).__name__}) is not a number")


def to_plain(value: object) -> bool | int | float | str | None:
    """The value as an exact builtin; what is neither a number nor text becomes its ``repr``.

    Subclasses count as what they derive from: a ``numpy.float64`` is a float, a member of a
    ``StrEnum`` is text. Lone surrogates, which no UTF-8 has, are escaped. An integer beyond the
    range of a float becomes hexadecimal text: Python writes no more than 4,300 decimal digits; a
    fraction beyond it becomes its ``repr``.

    Args:
        value: the value.

    Returns:
        The builtin.
    """
    if _is_plain(value):
        return value
    match value:
        case None | bool():
            return value
        case Integral():
            number = int(value)
            return number if number.bit_length() <= _MOST_BITS else hex(number)
        case Real() if (rounded := _float_of(value)) is not None:
            return rounded
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case _:
            return to_plain(_represented(value))


def _is_plain(value: Any) -> TypeGuard[float | int | str]:
    """Whether this is a builtin as most values are: said in a tenth of the time of a match."""
    kind = type(value)
    return (
        kind is float
        or (kind is int and value.bit_length() <= _MOST_BITS)
        or (kind is str and value.isascii())
    )


def _float_of(value: Real) -> float | None:
    """None for what no float can hold."""
    try:
        return float(value)
    except OverflowError:
        return None


def _represented(value: object) -> str:
    """The ``repr``, or a description of a value that has none, such as a list of huge integers."""
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__}: no repr ({error})>"


def _refuse(value: object) -> None:
    """Refuse what could be taken for a number and is none, each with what to pass instead."""
    if isinstance(value, (str, bytes)):
        raise NotANumberError(f"{_shown(value)} is text; pass the number itself")
    if isinstance(value, type):
        raise NotANumberError(f"{value.__name__} is a class; pass the number")
    if isinstance(value, Complex) and not isinstance(value, Real):
        raise NotANumberError(f"{_shown(value)} is complex; record its .real or abs() of it")
    if _is_duration(value):
        raise NotANumberError(
            f"{_shown(value)} is a duration or a date; record a number of seconds"
        )
    if _is_masked(value):
        raise NotANumberError(f"{_shown(value)} is masked: it holds no value")
    elements = _number_of_elements(value)
    if elements is not None and (elements != 1 or isinstance(value, (list, tuple, set, dict))):
        raise NotANumberError(
            f"a {type(value).__name__} of {count_of(elements, 'number')}; "
            "reduce it to one first, for example with .mean()"
        )


def _is_duration(value: object) -> bool:
    """Durations and dates; numpy's are integers in arbitrary units."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    return isinstance(value, timedelta) or kind in ("m", "M")


def _is_masked(value: object) -> bool:
    """A masked array's number is whatever is under the mask."""
    mask = getattr(value, "mask", None)
    return hasattr(value, "filled") and getattr(mask, "size", 0) == 1 and bool(mask)


def _number_of_elements(value: object) -> int | None:
    """None for what has no size, or one that is unknown before it runs."""
    try:
        shape = getattr(value, "shape", None)
        if shape is None:
            return len(value)  # type: ignore[arg-type]
        return math.prod(int(size) for size in shape)
    except Exception:  # a shape of another library's may raise anything
        return None


def _way_in(value: object) -> Callable[[], Any] | None:
    """The method that returns the value of a metric, array or tensor of one element, if any."""
    metric = callable(getattr(value, "update_state", None))  # a future has a result too
    names = ("compute", "result") if metric else ("compute",)
    for name in (*names, "item", "numpy", "toarray", "to_numpy"):
        method = getattr(value, name, None)
        if callable(method):
            return method  # type: ignore[no-any-return]
    return None


def _called(unwrap: Callable[[], Any], value: object) -> object:
    try:
        return unwrap()
    except Exception as error:  # code of any library: a tensor without data, a metric without any
        name = getattr(unwrap, "__name__", "item")
        lines = str(error).strip().splitlines() or [""]
        raise NotANumberError(
            f"a {type(value).__name__} whose {name}() failed with {type(error).__name__}: "
            f"{lines[0]}"
        ) from error


def _as_float(value: Any) -> float:
    try:
        number = float(value)
        faithful = not math.isinf(number) or bool(value == number)
    except OverflowError:
        faithful = False
    except Exception:  # a `__float__` of another library's may raise anything
        raise NotANumberError(f"{_shown(value)} ({type(value).__name__}) is not a number") from None
    if not faithful:
        raise NotANumberError(
            f"{_shown(value)} ({type(value).__name__}) is too large for a float; "
            "record its logarithm"
        )
    return number


def _shown(value: object) -> str:
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # an integer of more digits than Python prints
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
