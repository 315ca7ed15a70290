"""Many metrics at once: a mapping of values, and what holds for each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Final

from pytest_mlregress.running.recorded_metric import (
    UNSET,
    RecordError,
    Where,
    knows_direction,
    recorded_metric,
)
from pytest_mlregress.running.result import RecordedMetric

_DEFAULTS: Final = {"higher_is_better": UNSET, "margin": "auto", "version": 1, "resolution": None}
"""Of `Run.record`, for names that a mapping leaves out."""


def recorded_metrics(
    earlier: Mapping[str, RecordedMetric],
    where: Where,
    metrics: object,
    arguments: Mapping[str, object],
    *,
    prefix: str,
    skip: Collection[str],
) -> dict[str, RecordedMetric]:
    """The metrics of a mapping, as `Run.record_all` takes it.

    Args:
        earlier: what the seed has recorded before, by name.
        where: the test and the seed.
        metrics: values by name.
        arguments: those of `Run.record`: one value for all, or a mapping by name.
        prefix: put before each name.
        skip: names or patterns to leave out.

    Returns:
        The metrics by their names with the prefix.

    Raises:
        RecordError: an unusable entry or argument, or a name that is not among the metrics.
    """
    __tracebackhide__ = True
    names = _entries(where, metrics)
    if not isinstance(prefix, str):
        raise RecordError(f"{where[0]}: record_all: prefix={prefix!r} must be text")
    kept = _kept(where, names, skip)
    for argument, given in arguments.items():
        if isinstance(given, Mapping):
            _refuse_unknown(where, argument, given, names)
    _refuse_without_direction(where, kept, arguments["higher_is_better"])
    recorded: dict[str, RecordedMetric] = {}
    for name, value in kept.items():
        own = {argument: _own(given, name, argument) for argument, given in arguments.items()}
        metric = recorded_metric({**earlier, **recorded}, where, prefix + name, value, **own)
        recorded[metric.name] = metric
    return recorded


def _own(given: object, name: str, argument: str) -> Any:
    """What an argument says of one metric."""
    return given.get(name, _DEFAULTS[argument]) if isinstance(given, Mapping) else given


def _entries(where: Where, metrics: Any) -> dict[str, object]:
    __tracebackhide__ = True
    if not isinstance(metrics, Mapping) and not callable(getattr(metrics, "items", None)):
        raise RecordError(
            f"{where[0]}: record_all takes values by name, such as trainer.callback_metrics, "
            f"not {type(metrics).__name__} {metrics!r}"
        )
    entries = dict(metrics.items())  # a torchmetrics MetricCollection has items too
    if not entries:
        raise RecordError(
            f"{where[0]}: record_all got no metrics in seed {where[1]}: "
            "call it after the training or the evaluation that fills the mapping"
        )
    for name in entries:
        if not isinstance(name, str) or not name.strip():
            raise RecordError(f"{where[0]}: a metric's name is a non-empty string, not {name!r}")
    return entries


def _kept(where: Where, entries: dict[str, object], skip: Any) -> dict[str, object]:
    """The entries that are not to be skipped."""
    __tracebackhide__ = True
    listed = isinstance(skip, Iterable) and not isinstance(skip, str)
    if not listed or not all(isinstance(pattern, str) for pattern in skip):
        raise RecordError(f"{where[0]}: record_all: skip={skip!r} must be a list of names")
    skipped: set[str] = set()
    for pattern in skip:
        found = {name for name in entries if name == pattern or fnmatchcase(name, pattern)}
        if not found:
            raise RecordError(_unknown(where, "skip", pattern, entries))
        skipped |= found
    kept = {name: value for name, value in entries.items() if name not in skipped}
    if not kept:
        raise RecordError(
            f"{where[0]}: record_all: skip={skip!r} leaves none of {', '.join(entries)} to record"
        )
    return kept


def _refuse_unknown(
    where: Where, argument: str, given: Mapping[Any, object], entries: Mapping[str, object]
) -> None:
    __tracebackhide__ = True
    for name in given:
        if name not in entries:
            raise RecordError(_unknown(where, argument, name, entries))


def _unknown(where: Where, argument: str, name: object, entries: Mapping[str, object]) -> str:
    close = get_close_matches(str(name), entries, n=1)
    nearest = f"did you mean {close[0]!r}? " if close else ""
    return (
        f"{where[0]}: record_all: {argument} names {name!r}, which is not among the metrics; "
        f"{nearest}they are {', '.join(entries)}"
    )


def _refuse_without_direction(where: Where, kept: Mapping[str, object], given: object) -> None:
    """A direction is never guessed: name every metric that lacks one, with both remedies."""
    __tracebackhide__ = True
    if isinstance(given, bool):
        return
    stated: Collection[object] = given if isinstance(given, Mapping) else ()
    if given is not UNSET and not isinstance(given, Mapping):
        raise RecordError(
            f"{where[0]}: record_all: higher_is_better={given!r} must be True, False "
            "or a mapping of names to them"
        )
    missing = [
        name for name, value in kept.items() if name not in stated and not knows_direction(value)
    ]
    if missing:
        directions = ", ".join(f"{name!r}: ..." for name in missing)
        raise RecordError(
            f"{where[0]}: record_all has no direction for {', '.join(missing)}: say "
            f"higher_is_better={{{directions}}} with True or False, or leave them out with "
            f"skip={missing!r}"
        )
