"""What is read from a file: columns of numbers, one per unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pytest_mlregress.revisions.command_error import CommandError

_LONGEST_NUMBER: Final = 19
"""Digits from which on the name of a unit is text."""


class TableError(CommandError):
    """A file that cannot be compared; the text names it, the place and the remedy."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a file.

    Attributes:
        value: as the file has it: a number, or text.
        place: where it stands, as ``line 17``.
    """

    value: object
    place: str


@dataclass(frozen=True, slots=True)
class Table:
    """A file as columns.

    Attributes:
        name: the file, as messages name it.
        columns: the cells of each column, by unit.
        unit: what one value is of: ``row``, ``seed``, ``run`` or ``example``.
        higher_is_better: the direction of metrics whose file says it.
        metrics: the columns that the file calls metrics; none where it does not say.
        ids: whether the units are named alike in other files, and so can be paired.
    """

    name: str
    columns: Mapping[str, Mapping[object, Cell]]
    unit: str = "row"
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    ids: bool = False


def table_of_rows(
    name: str, rows: Sequence[tuple[str, Mapping[str, object]]], seed_column: str | None
) -> Table:
    """Rows as columns, by the seed or the example that each row is of.

    Args:
        name: the file.
        rows: the place and the cells of each row.
        seed_column: the column that names the unit; None to look for one.

    Returns:
        The table.

    Raises:
        TableError: there is no row, the column is missing, or a unit stands twice.
    """
    if not rows:
        raise TableError(f"{name}: has no row of values")
    names = list(dict.fromkeys(column for _, row in rows for column in row))
    key = seed_column or next((column for column in ("doc_id", "seed") if column in names), None)
    if key is not None and key not in names:
        raise TableError(f"{name}: has no column {key!r}; it has {', '.join(map(repr, names))}")
    columns: dict[str, dict[object, Cell]] = {column: {} for column in names if column != key}
    seen: dict[object, str] = {}
    for number, (place, row) in enumerate(rows):
        unit: object = number + 1 if key is None else _unit(name, place, key, row.get(key))
        if unit in seen:
            raise TableError(
                f"{name}: {place}: {key} {unit!r} stands in {seen[unit]}, too; give another "
                "--seed-column, or one row for each"
            )
        seen[unit] = place
        for column, cells in columns.items():
            if column in row:
                cells[unit] = Cell(row[column], place)
    unit_name = "row" if key is None else "example" if key == "doc_id" else "seed"
    listed: tuple[str, ...] = ()
    for _, row in rows:
        named = row.get("metrics")
        if isinstance(named, list):
            listed = tuple(map(str, named))
            break
    return Table(name, columns, unit_name, metrics=listed, ids=key is not None)


def _unit(name: str, place: str, key: str, value: object) -> object:
    if value is None or value == "":
        raise TableError(f"{name}: {place}: {key} is empty")
    text = str(value).strip()
    return int(text) if text.isdecimal() and len(text) < _LONGEST_NUMBER else text
