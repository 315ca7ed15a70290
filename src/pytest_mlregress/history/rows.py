"""Records as rows of the database, and back."""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from typing import Any, Final

from pytest_mlregress.history.documents import metric_from, plain, plain_fields, test_from
from pytest_mlregress.history.records import MetricRecord, RunRecord, TestRecord

__all__ = ["insert_run", "read_baseline", "read_runs"]

_RUN: Final = {
    "id": "id",
    "time": "time",
    "kind": "kind",
    "commit": "commit_hash",
    "branch": "branch",
    "dirty": "dirty",
    "diff_hash": "diff_hash",
    "machine": "machine",
    "environment": "environment",
    "facts": "facts",
    "options": "options",
    "plugin": "plugin",
    "alpha": "alpha",
    "comparisons": "comparisons",
    "duration": "duration",
    "against": "against",
    "base_commit": "base_commit",
}
"""The column of each field of a run; its tests and baselines have tables of their own."""

_IN_COLUMNS: Final = (
    *("test", "tier", "verdict", "colour", "decided_after", "spent"),
    *("baseline_revision", "baseline_commit", "same_code"),
)
_NUMBERS: Final = (
    *("n", "mean", "sd", "difference", "p_harm", "p_safety", "level", "alpha", "margin"),
    "detectable",
)

_ENCODER: Final = json.JSONEncoder(sort_keys=True, allow_nan=False, separators=(",", ":"))


def insert_run(connection: sqlite3.Connection, run: RunRecord) -> bool:
    """Add a run; inside a transaction of the caller's.

    Args:
        connection: to the database.
        run: the run.

    Returns:
        False where the database has it already.
    """
    values = {_RUN[name]: _cell(getattr(run, name)) for name in _RUN}
    cursor = _insert(connection, "runs", values)
    if cursor.rowcount == 0:
        return False
    for position, test in enumerate(run.tests):
        _insert_test(connection, run.id, position, test)
    for revision, document in run.baselines.items():
        packed = zlib.compress(_json(document).encode())
        _insert(connection, "baselines", {"revision": revision, "document": packed})
    return True


def _insert_test(connection: sqlite3.Connection, run: str, position: int, test: TestRecord) -> None:
    details = plain_fields(test, without=("metrics", "reasons"))
    columns = {name: _cell(details.pop(name)) for name in _IN_COLUMNS}
    cells = {"run": run, "position": position, "reasons": _json(test.reasons), **columns}
    _insert(connection, "tests", {**cells, "details": _ENCODER.encode(details)})
    for at, metric in enumerate(test.metrics):
        _insert_metric(connection, run, (position, at), metric)


def _insert_metric(
    connection: sqlite3.Connection, run: str, position: tuple[int, int], metric: MetricRecord
) -> None:
    details = plain(metric)
    seed_values = details.pop("values")
    cells: dict[str, Any] = {
        "run": run,
        "test_position": position[0],
        "position": position[1],
        "name": metric.name,
        "verdict": metric.verdict,
        **{name: _number(getattr(metric, name)) for name in _NUMBERS},
        "low": _number(metric.interval[0]),
        "high": _number(metric.interval[1]),
        "seed_values": _ENCODER.encode(seed_values),
        "details": _ENCODER.encode(details),
    }
    _insert(connection, "metrics", cells)


def read_runs(
    connection: sqlite3.Connection, *, test: str | None, since: str | None
) -> tuple[RunRecord, ...]:
    """The runs, oldest first.

    Args:
        connection: to the database.
        test: only tests whose node id contains this text, and runs that have one; None for all.
        since: only runs that began at this time or later; None for all.

    Returns:
        The runs, without the documents of baselines.
    """
    where = "WHERE r.time >= ?" if since is not None else ""
    bound = [since] if since is not None else []
    metrics: dict[tuple[str, int], list[MetricRecord]] = {}
    for row in connection.execute(
        "SELECT m.run, m.test_position, m.seed_values, m.details FROM metrics m "
        f"JOIN runs r ON r.id = m.run {where} ORDER BY m.run, m.test_position, m.position",
        bound,
    ):
        document = json.loads(row[3]) | {"values": json.loads(row[2])}
        metrics.setdefault((row[0], row[1]), []).append(metric_from(document))
    tests: dict[str, list[TestRecord]] = {}
    columns = ", ".join(f"t.{name}" for name in _IN_COLUMNS)
    for run, position, reasons, details, *cells in connection.execute(
        f"SELECT t.run, t.position, t.reasons, t.details, {columns} FROM tests t "
        f"JOIN runs r ON r.id = t.run {where} ORDER BY t.run, t.position",
        bound,
    ):
        known = dict(zip(_IN_COLUMNS, cells, strict=True))
        if test is not None and test not in known["test"]:
            continue
        if known["same_code"] is not None:
            known["same_code"] = bool(known["same_code"])
        found = test_from({**json.loads(details), **known, "reasons": json.loads(reasons)})
        tests.setdefault(run, []).append(_with(found, metrics.get((run, position), [])))
    runs = connection.execute(
        f"SELECT {', '.join(_RUN.values())} FROM runs r {where} ORDER BY time, id", bound
    )
    return tuple(
        _run(row, tests.get(row[0], []))
        for row in runs.fetchall()
        if test is None or row[0] in tests
    )


def read_baseline(connection: sqlite3.Connection, revision: str) -> Any:
    """The document of a baseline.

    Args:
        connection: to the database.
        revision: its revision.

    Returns:
        Builtins; None where the database has none of that revision.
    """
    found = connection.execute(
        "SELECT document FROM baselines WHERE revision = ?", (revision,)
    ).fetchone()
    return None if found is None else json.loads(zlib.decompress(found[0]))


def _with(test: TestRecord, metrics: list[MetricRecord]) -> TestRecord:
    from dataclasses import replace

    return replace(test, metrics=tuple(metrics))


def _run(row: tuple[Any, ...], tests: list[TestRecord]) -> RunRecord:
    known = dict(zip(_RUN, row, strict=True))
    known["dirty"] = bool(known["dirty"])
    known["facts"], known["options"] = json.loads(known["facts"]), json.loads(known["options"])
    return RunRecord(**known, tests=tuple(tests))


def _insert(connection: sqlite3.Connection, table: str, values: dict[str, Any]) -> sqlite3.Cursor:
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    return connection.execute(
        f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", tuple(values.values())
    )


def _cell(value: object) -> Any:
    """What a column holds: text for mappings, and for what is not valid Unicode an escape."""
    if isinstance(value, bool):
        return int(value)
    value = plain(value)
    return _json(value) if isinstance(value, dict | list) else value


def _number(value: float | None) -> float | None:
    """A number for SQLite, which has no NaN; the details keep it."""
    return None if value is None or math.isnan(value) else value


def _json(value: object) -> str:
    return _ENCODER.encode(plain(value))
