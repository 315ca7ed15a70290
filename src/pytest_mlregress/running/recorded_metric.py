"""What a test says of one metric, checked: a number, a direction, a margin, a version."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import Any, Final, TypeAlias

from pytest_mlregress.margins import MarginLike, read_margin
from pytest_mlregress.running.result import RecordedMetric
from pytest_mlregress.running.scalars import (
    NotANumberError,
    is_torchmetric,
    to_number,
    to_plain,
)


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""The direction of a metric whose direction the test did not say."""

Where: TypeAlias = tuple[str, int]
"""The test and the seed that record, for errors."""


class RecordError(ValueError):
    """A record that cannot be judged; its text names the test, the metric and the remedy."""

    __module__ = "pytest_mlregress"  # as tests name it, and pytest prints it


def recorded_metric(
    earlier: Mapping[str, RecordedMetric],
    where: Where,
    name: object,
    value: object,
    *,
    higher_is_better: object,
    margin: object,
    version: object,
    resolution: object,
) -> RecordedMetric:
    """One metric of a seed, as `Run.record` takes it.

    Args:
        earlier: what the seed has recorded before, by name.
        where: the test and the seed.
        name: the metric's name.
        value: anything with one number in it.
        higher_is_better: the direction, `UNSET` where the metric may know it.
        margin: the smallest loss that matters.
        version: the version of how it is computed.
        resolution: its smallest step, or None.

    Returns:
        The metric in plain values.

    Raises:
        RecordError: an unusable argument, or a name recorded before.
    """
    __tracebackhide__ = True
    test, seed = where
    if not isinstance(name, str) or not name.strip():
        raise RecordError(f"{test}: a metric's name is a non-empty string, not {name!r}")
    name = str(to_plain(name))
    if name in earlier:
        raise RecordError(
            f"{test}: metric {name!r} is recorded twice in seed {seed} "
            f"({earlier[name].value!r}, then {value!r}); "
            "record the final value once, and use mlregress.log(step, ...) for a curve"
        )
    return RecordedMetric(
        name=name,
        value=number_of(where, name, value),
        higher_is_better=_direction(test, name, value, higher_is_better),
        margin=_margin(test, name, margin),
        version=_version(test, name, version),
        resolution=_resolution(where, name, resolution),
    )


def number_of(where: Where, name: str, value: object) -> float:
    """The one number in a value.

    Args:
        where: the test and the seed.
        name: the metric, curve or argument whose value it is.
        value: the value.

    Returns:
        The number, NaN and infinities included.

    Raises:
        RecordError: the value has no number or more than one.
    """
    __tracebackhide__ = True
    test, seed = where
    try:
        return to_number(value)
    except NotANumberError as error:
        raise RecordError(f"{test}: metric {name!r}, seed {seed}: {error}") from None


def knows_direction(value: object) -> bool:
    """Whether a value is a torchmetrics ``Metric`` that says whether higher is better.

    Args:
        value: any value.

    Returns:
        Whether it does.
    """
    return is_torchmetric(value) and isinstance(value.higher_is_better, bool)  # type: ignore[attr-defined]


def _direction(test: str, name: str, value: Any, higher_is_better: object) -> bool:
    __tracebackhide__ = True
    if higher_is_better is UNSET and knows_direction(value):
        higher_is_better = value.higher_is_better
    if higher_is_better is UNSET:
        raise RecordError(
            f"{test}: metric {name!r} needs higher_is_better=True or False; "
            "it has no default, since a wrong guess would pass silently"
        )
    if not isinstance(higher_is_better, bool):
        raise RecordError(
            f"{test}: metric {name!r}: higher_is_better={higher_is_better!r} must be True or False"
        )
    return higher_is_better


def _margin(test: str, name: str, margin: object) -> MarginLike:
    __tracebackhide__ = True
    plain = str(margin) if isinstance(margin, str) else margin
    if not isinstance(margin, (str, bool)):
        with suppress(NotANumberError):  # read_margin says what a margin may be
            plain = to_number(margin)
    try:
        read_margin(plain)
    except ValueError as error:
        raise RecordError(f"{test}: metric {name!r}: {error}") from None
    return plain  # type: ignore[return-value]  # what read_margin takes


def _version(test: str, name: str, version: object) -> int:
    __tracebackhide__ = True
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise RecordError(
            f"{test}: metric {name!r}: version={version!r} must be a whole number >= 1"
        )
    return version


def _resolution(where: Where, name: str, resolution: object) -> float | None:
    __tracebackhide__ = True
    if resolution is None:
        return None
    number = number_of(where, f"{name} (resolution)", resolution)
    if not 0.0 < number < math.inf:
        raise RecordError(
            f"{where[0]}: metric {name!r}: resolution={resolution!r} must be a finite "
            "number > 0, the smallest step that the metric can take"
        )
    return number
