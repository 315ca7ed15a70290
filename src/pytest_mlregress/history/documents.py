"""Records as JSON documents, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Final

from pytest_mlregress.history.records import (
    DOCUMENT_SCHEMA,
    RUN_KINDS,
    MetricRecord,
    RunRecord,
    SeedRecord,
    TestRecord,
)

__all__ = [
    "DocumentError",
    "dumps",
    "from_plain",
    "loads",
    "metric_from",
    "plain",
    "plain_fields",
    "test_from",
]

_NONFINITE: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class DocumentError(ValueError):
    """A text that is no document of a run; says why."""


def dumps(run: RunRecord) -> str:
    """A run as one line of JSON, with a newline at its end.

    Args:
        run: the run.

    Returns:
        The text; equal runs give equal texts.
    """
    document = {"schema": DOCUMENT_SCHEMA, **plain(run)}
    return json.dumps(document, sort_keys=True, allow_nan=False, separators=(",", ":")) + "\n"


def loads(text: str) -> RunRecord:
    """The run that a text holds.

    Args:
        text: from `dumps`.

    Returns:
        The run.

    Raises:
        DocumentError: it holds none, or one of a newer version.
    """
    try:
        document = json.loads(text)
        schema = document.pop("schema")
        if schema > DOCUMENT_SCHEMA:
            raise DocumentError(
                f"has schema {schema}, and this version reads up to {DOCUMENT_SCHEMA}: "
                "upgrade pytest-mlregress"
            )
        run = run_from(document)
    except DocumentError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DocumentError(f"is no run of pytest-mlregress: {error}") from None
    if run.kind not in RUN_KINDS:
        raise DocumentError(f"is no run of pytest-mlregress: kind {run.kind!r}")
    return run


def plain(value: object) -> Any:
    """A value as JSON has it.

    Args:
        value: records, mappings, sequences and plain values.

    Returns:
        Builtins only; non-finite numbers are text.
    """
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, str):
        if value.isascii():
            return str(value)
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list | tuple) and not is_dataclass(value):
        return [plain(entry) for entry in value]
    if is_dataclass(value) and not isinstance(value, type):
        return plain_fields(value)
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    return str(value)


def plain_fields(record: object, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a record as JSON has them.

    Args:
        record: a record.
        without: names of fields that are left out.

    Returns:
        Builtins by name.
    """
    names = _field_names(type(record))  # type: ignore[arg-type]
    return {name: plain(getattr(record, name)) for name in names if name not in without}


@lru_cache(maxsize=64)
def _field_names(kind: type) -> tuple[str, ...]:
    """A run has thousands of records of a few kinds."""
    return tuple(entry.name for entry in fields(kind))


def from_plain(value: Any) -> float:
    """A number of a document.

    Args:
        value: a number, or the text of a non-finite one.

    Returns:
        The number.
    """
    return _NONFINITE[value] if isinstance(value, str) else float(value)


def run_from(document: Mapping[str, Any]) -> RunRecord:
    """A run of its document.

    Args:
        document: builtins, as `plain` makes them.

    Returns:
        The run.
    """
    known = _known(RunRecord, document)
    tests = tuple(test_from(test) for test in known.pop("tests", ()))
    return RunRecord(**known, tests=tests)


def test_from(document: Mapping[str, Any]) -> TestRecord:
    """A test of its document.

    Args:
        document: builtins, as `plain` makes them.

    Returns:
        The test.
    """
    known = _known(TestRecord, document)
    for name in ("reasons", "planned", "differences"):
        known[name] = tuple(known.get(name, ()))
    for name in ("seeds", "base_seeds"):
        known[name] = tuple(SeedRecord(**_known(SeedRecord, seed)) for seed in known.get(name, ()))
    known["green_runs"] = {
        name: tuple(_by_seed(run) for run in runs)
        for name, runs in known.get("green_runs", {}).items()
    }
    known["metrics"] = tuple(metric_from(metric) for metric in known.get("metrics", ()))
    return TestRecord(**known)


def metric_from(document: Mapping[str, Any]) -> MetricRecord:
    """A metric of its document.

    Args:
        document: builtins, as `plain` makes them.

    Returns:
        The metric.
    """
    known = _known(MetricRecord, document)
    for name in _NUMBERS:
        if name in known:
            known[name] = from_plain(known[name])
    low, high = known.get("interval", ("nan", "nan"))
    known["interval"] = (from_plain(low), from_plain(high))
    for name in ("values", "base_values"):
        known[name] = _by_seed(known.get(name, {}))
    known["reasons"] = tuple(known.get("reasons", ()))
    return MetricRecord(**known)


_NUMBERS: Final = (
    *("mean", "sd", "difference", "p_harm", "p_safety", "alpha", "margin", "detectable"),
    *("baseline_mean", "interval_level"),
)


def _by_seed(values: Mapping[str, Any]) -> dict[int, float]:
    return {int(seed): from_plain(value) for seed, value in values.items()}


def _known(kind: type, document: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that this version has a field for: a later one of the same schema adds some."""
    names = {entry.name for entry in fields(kind)}
    return {name: value for name, value in document.items() if name in names}
