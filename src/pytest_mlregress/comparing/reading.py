"""Files of metrics that people have: tables, JSON, and exports of trackers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.comparing.table import Cell, Table, TableError, table_of_rows

_MOST_CELL: Final = 10**7
_DEEPEST: Final = 3
"""Mappings inside mappings that are columns."""

_LONGEST: Final = 100
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst", ".zip")


def read_table(path: Path, seed_column: str | None = None) -> Table:
    """Read a file of metrics; its suffix says its format.

    Args:
        path: ``.csv`` or ``.tsv`` (also an export of W&B or MLflow), ``.jsonl`` (also samples of
            lm-evaluation-harness), or ``.json`` (rows, columns, a baseline, a report, MLflow runs).
        seed_column: the column that says which seed or example a row is of.

    Returns:
        The table.

    Raises:
        TableError: it cannot be read; names the file, the place and the remedy.
    """
    name = str(path)
    if path.is_dir():
        raise TableError(f"{name}: is a folder; name a file of metrics in it")
    reader = _READERS.get(path.suffix.lower())
    if reader is None and path.suffix.lower() in _PACKED:
        raise TableError(f"{name}: is compressed; unpack it first, and give the file that it holds")
    if reader is None:
        raise TableError(
            f"{name}: its name ends with none of {', '.join(_READERS)}, which say the format"
        )
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise TableError(f"{name}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise TableError(f"{name}: is no text in UTF-8") from None
    if not text.strip():
        raise TableError(f"{name}: is empty")
    return reader(name, text, seed_column)


def _delimited(delimiter: str) -> Callable[[str, str, str | None], Table]:
    def read(name: str, text: str, seed_column: str | None) -> Table:
        csv.field_size_limit(_MOST_CELL)
        lines = csv.reader(io.StringIO(text), delimiter=_in_use(text, delimiter))
        try:
            header = [column.strip() for column in next(lines)]
            rows = []
            for cells in lines:
                if not cells or not any(map(str.strip, cells)):
                    continue
                place = f"line {lines.line_num}"
                if len(cells) != len(header):
                    raise TableError(
                        f"{name}: {place}: has {len(cells)} cells, the header {len(header)}"
                    )
                rows.append((place, dict(zip(header, cells, strict=True))))
        except csv.Error as error:
            raise TableError(f"{name}: line {lines.line_num}: {error}") from None
        if len(set(header)) < len(header):
            twice = next(column for column in header if header.count(column) > 1)
            raise TableError(f"{name}: line 1: the column {twice!r} stands twice")
        if (chart := _wandb_chart(name, header, rows)) is not None:
            return chart
        return table_of_rows(name, rows, seed_column)

    return read


def _in_use(text: str, delimiter: str) -> str:
    """The delimiter, or the one that spreadsheets write where the comma is that of decimals."""
    first = text.partition("\n")[0]
    return delimiter if delimiter in first or ";" not in first else ";"


def _wandb_chart(
    name: str, header: list[str], rows: list[tuple[str, dict[str, Any]]]
) -> Table | None:
    """W&B's export of a chart: a column ``run - metric`` for each run, a row for each step.

    The value of a run is its last. None for any other table.
    """
    series = [column for column in header if " - " in column]
    if not series or header[0].lower() not in ("step", "global_step", "relative time (process)"):
        return None
    columns: dict[str, dict[object, Cell]] = {}
    for column in series:
        run, _, metric = column.rpartition(" - ")
        if metric.endswith(("__MIN", "__MAX")):
            continue
        filled = [(place, row[column]) for place, row in rows if str(row[column]).strip()]
        if filled:
            columns.setdefault(metric, {})[run] = Cell(filled[-1][1], filled[-1][0])
    return Table(name, columns, "run")


def _json_lines(name: str, text: str, seed_column: str | None) -> Table:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        value = _parsed(name, line, place)
        if not isinstance(value, dict):
            raise TableError(f"{name}: {place}: is no JSON object")
        rows.append((place, value))
    return table_of_rows(name, _by_filter(_flat(rows)), seed_column)


def _flat(rows: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Rows whose mappings are columns: ``{"metrics": {"f1": 1}}`` has ``metrics.f1``.

    Not those of lm-evaluation-harness, whose mappings are examples.
    """
    return [(place, row if "doc_id" in row else dict(_columns_of(row, ""))) for place, row in rows]


def _columns_of(row: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict) and before.count(".") < _DEEPEST:
            yield from _columns_of(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _by_filter(rows: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """lm-evaluation-harness scores an example once per filter, each in a line of its own."""
    filters = {str(row["filter"]) for _, row in rows if "filter" in row and "doc_id" in row}
    if len(filters) < 2:
        return rows
    examples: dict[object, tuple[str, dict[str, Any]]] = {}
    for place, row in rows:
        names = [str(name) for name in row.get("metrics") or () if name in row]
        scored = {f"{name},{row.get('filter')}": row[name] for name in names}
        _, example = examples.setdefault(row.get("doc_id"), (place, {"doc_id": row.get("doc_id")}))
        example.update(scored)
        example["metrics"] = [*example.get("metrics", ()), *scored]
    return list(examples.values())


def _json(name: str, text: str, seed_column: str | None) -> Table:
    document = _parsed(name, text)
    if isinstance(document, list) and all(isinstance(row, dict) for row in document):
        rows = [(f"entry {number}", row) for number, row in enumerate(document, 1)]
        return table_of_rows(name, _flat(rows), seed_column)
    if isinstance(document, dict):
        for read in (_report, _baseline, _lm_eval_results, _mlflow_runs, _columns):
            try:
                table = read(name, document)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise TableError(
                    f"{name}: looks like {_LOOKS_LIKE[read]}, and does not hold what such a file "
                    f"holds ({type(error).__name__}: {str(error)[:_LONGEST]}); it was edited "
                    "or cut off"
                ) from None
            if table is not None:
                return table
    raise TableError(
        f"{name}: holds neither rows ([{{...}}, ...]) nor columns ({{'accuracy': [...]}}), and is "
        "no baseline, report or export that is known here"
    )


def _parsed(name: str, text: str, place: str = "") -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f"{place}: " if place else ""
        raise TableError(f"{name}: {where}is no JSON: {error}") from None


def _report(name: str, document: Mapping[str, Any]) -> Table | None:
    """A report of this plugin: the candidate's values of every test."""
    if not isinstance(document.get("generator"), dict) or "tests" not in document:
        return None
    columns: dict[str, dict[object, Cell]] = {}
    directions: dict[str, bool] = {}
    for test in document["tests"]:
        if test.get("verdict") is None:
            raise TableError(
                f"{name}: is the report of a shard; merge all of them first: mlregress merge"
            )
        for metric in test.get("metrics", ()):
            column = f"{test['id']} {metric['name']}"
            directions[column] = metric["higher_is_better"]
            columns[column] = _cells(metric["candidate"]["values"], column)
    return Table(name, columns, "seed", directions, tuple(columns), ids=True)


def _baseline(name: str, document: Mapping[str, Any]) -> Table | None:
    """A baseline of this plugin."""
    if not {"schema", "test", "tier", "metrics", "provenance"} <= document.keys():
        return None
    metrics = document["metrics"]
    columns = {column: _cells(metric["values"], column) for column, metric in metrics.items()}
    directions = {column: metric["higher_is_better"] for column, metric in metrics.items()}
    return Table(name, columns, "seed", directions, tuple(columns), ids=True)


def _cells(values: Mapping[str, object], place: str) -> dict[object, Cell]:
    return {int(seed): Cell(value, f"{place}, seed {seed}") for seed, value in values.items()}


def _lm_eval_results(name: str, document: Mapping[str, Any]) -> Table | None:
    """The results of lm-evaluation-harness have one number a metric."""
    if not isinstance(document.get("results"), dict) or not (
        {"configs", "versions", "n-shot"} & document.keys()
    ):
        return None
    raise TableError(
        f"{name}: holds one number for each metric of lm-evaluation-harness, which says nothing "
        "of chance; compare the samples: run lm_eval with --log_samples, and give both "
        "samples_TASK_*.jsonl"
    )


def _mlflow_runs(name: str, document: Mapping[str, Any]) -> Table | None:
    """The answer of MLflow's search for runs."""
    runs = document.get("runs")
    if not isinstance(runs, list) or not all(
        isinstance(run, dict) and "data" in run for run in runs
    ):
        return None
    rows = [
        (f"run {number}", {one["key"]: one["value"] for one in run["data"].get("metrics", ())})
        for number, run in enumerate(runs, 1)
    ]
    table = table_of_rows(name, rows, None)
    return Table(name, table.columns, "run")


def _columns(name: str, document: Mapping[str, Any]) -> Table | None:
    """``{"accuracy": [0.91, 0.92]}``, or with the seeds as keys."""
    columns: dict[str, dict[object, Cell]] = {}
    by_seed = False
    for column, values in document.items():
        if isinstance(values, list) and values:
            columns[column] = {
                k: Cell(value, f"{column}, entry {k}") for k, value in enumerate(values, 1)
            }
        elif isinstance(values, dict) and values and all(key.isdecimal() for key in values):
            columns[column] = _cells(values, column)
            by_seed = True
    if not columns:
        return None
    return Table(name, columns, "seed" if by_seed else "row", ids=by_seed)


_LOOKS_LIKE: Final[Mapping[object, str]] = {
    _report: "a report of pytest-mlregress",
    _baseline: "a baseline of pytest-mlregress",
    _lm_eval_results: "results of lm-evaluation-harness",
    _mlflow_runs: "MLflow's answer to a search for runs",
    _columns: "columns",
}

_READERS: Final[Mapping[str, Callable[[str, str, str | None], Table]]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".jsonl": _json_lines,
    ".json": _json,
}
