"""The numbers of one metric on both sides, checked for what would make them incomparable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.comparing.directions import bare_name, is_share, known_direction
from pytest_mlregress.comparing.table import Cell, Table, TableError
from pytest_mlregress.plurals import count_of, plural

_LEAST: Final = 2
_NAMED: Final = 10
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class ChosenMetric:
    """A metric that is compared.

    Attributes:
        name: the column.
        higher_is_better: its direction.
        before: its values in the first file, by unit.
        after: its values in the second.
        guessed: whether its direction is that of a well-known name.
    """

    name: str
    higher_is_better: bool
    before: Mapping[object, float]
    after: Mapping[object, float]
    guessed: bool = False


def chosen_metrics(
    before: Table, after: Table, named: Sequence[str]
) -> tuple[list[ChosenMetric], list[str]]:
    """The metrics to compare: those that were named, or all whose direction is known.

    Args:
        before: the first file.
        after: the second.
        named: ``NAME``, ``NAME:higher`` or ``NAME:lower``; none to take what is known.

    Returns:
        The metrics, and the columns of numbers that were left out.

    Raises:
        TableError: a column is missing, its direction is not known or said in two ways, or a value
            is no number.
    """
    if named:
        return _all_named(before, after, named), []
    both = [column for column in before.columns if column in after.columns]
    listed = [column for column in both if column in before.metrics or not before.metrics]
    numeric = [column for column in listed if _is_numeric(before, column)]
    known = [column for column in numeric if _direction(before, after, column) is not None]
    if not known:
        raise TableError(_no_metric(before, after, numeric))
    metrics = [_named(before, after, column) for column in known]
    return metrics, [column for column in numeric if column not in known]


def _no_metric(before: Table, after: Table, numeric: Sequence[str]) -> str:
    if numeric:
        return (
            f"{before.name}: of no column is it known whether more is better; say so, for example "
            f"--metric {numeric[0]!r}:higher; columns of numbers: {', '.join(map(repr, numeric))}"
        )
    has = ", ".join(f"{table.name} has {_columns_of(table)}" for table in (before, after))
    return f"{before.name} and {after.name} share no column of numbers; {has}"


def _columns_of(table: Table) -> str:
    names = list(table.columns)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(repr, names[:_NAMED])) + more or "none"


def _all_named(before: Table, after: Table, words: Sequence[str]) -> list[ChosenMetric]:
    """The named metrics, each once."""
    found: dict[str, tuple[str, ChosenMetric]] = {}
    for word in words:
        metric = _named(before, after, word)
        earlier, same = found.setdefault(metric.name, (word, metric))
        if metric.higher_is_better != same.higher_is_better:
            raise TableError(
                f"--metric {earlier} and --metric {word}: more of {metric.name!r} cannot be better "
                "and worse; give one of them"
            )
    return [metric for _, metric in found.values()]


def _named(before: Table, after: Table, word: str) -> ChosenMetric:
    name, direction = _split(word)
    _refuse_unknown_direction(before, word)
    column = _column(before, name)
    other = _column(after, name)
    known = _direction(before, after, column)
    if direction is None and known is None:
        raise TableError(
            f"--metric {word}: whether more is better is not known of {column!r}; write "
            f"--metric {word}:higher or --metric {word}:lower"
        )
    guessed = direction is None and column not in before.higher_is_better
    cells = before.columns[column], after.columns[other]
    percent = [
        _in_percent(table, column, side) for table, side in zip((before, after), cells, strict=True)
    ]
    if percent[0] != percent[1]:
        names = (before.name, after.name) if percent[0] else (after.name, before.name)
        raise TableError(
            f"mixed units: {column!r} is in % in {names[0]} and not in {names[1]}; write both alike"
        )
    values = [
        _numbers(table, column, side) for table, side in zip((before, after), cells, strict=True)
    ]
    _refuse_few(before, column, values[0])
    _refuse_few(after, column, values[1])
    if is_share(column):
        _refuse_shares_and_percents(before, after, column, values)
    higher = direction if direction is not None else bool(known)
    return ChosenMetric(column, higher, values[0], values[1], guessed)


def _split(word: str) -> tuple[str, bool | None]:
    name, _, direction = word.rpartition(":")
    if name and direction in ("higher", "lower"):
        return name, direction == "higher"
    return word, None


def _refuse_unknown_direction(table: Table, word: str) -> None:
    """Refuse ``accuracy:highr`` of a table that has ``accuracy``."""
    name, colon, direction = word.rpartition(":")
    known = not colon or direction in ("higher", "lower") or word in table.columns
    if not known and name in table.columns:
        raise TableError(
            f"--metric {word}: {direction!r} is no direction; write --metric {name}:higher or "
            f"--metric {name}:lower"
        )


def _column(table: Table, name: str) -> str:
    if name in table.columns:
        return name
    alike = [column for column in table.columns if bare_name(column) == bare_name(name)]
    if len(alike) == 1:
        return alike[0]
    columns = ", ".join(map(repr, table.columns))
    raise TableError(f"{table.name}: has no column {name!r}; it has {columns}")


def _direction(before: Table, after: Table, column: str) -> bool | None:
    said = [table.higher_is_better.get(column) for table in (before, after)]
    given = [direction for direction in said if direction is not None]
    if len(set(given)) > 1:
        raise TableError(
            f"{column!r}: more is better in one file and worse in the other, {before.name} and "
            f"{after.name}; it is not the same metric"
        )
    return given[0] if given else known_direction(column)


def _is_numeric(table: Table, column: str) -> bool:
    cells = table.columns[column].values()
    return any(_number(cell.value) is not None for cell in cells)


def _number(value: object) -> float | None:
    if not isinstance(value, (int, float, str)):
        return None
    text = value.strip().removesuffix("%") if isinstance(value, str) else value
    try:
        number = float(text)
    except (ValueError, OverflowError):
        return None
    # 1e999 is a number, and none that a float holds.
    said = isinstance(text, float) or "inf" in str(text).lower()
    return number if said or not math.isinf(number) else None


def _numbers(table: Table, column: str, cells: Mapping[object, Cell]) -> dict[object, float]:
    values: dict[object, float] = {}
    for unit, cell in cells.items():
        value = _number(cell.value)
        if value is None:
            shown = "empty" if cell.value in (None, "") else f"{_shown(cell.value)}, no number"
            raise TableError(
                f"{table.name}: {cell.place}: {column!r} is {shown}; write nan for a run that "
                "diverged, or leave the row out"
            )
        values[unit] = value
    return values


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _in_percent(table: Table, column: str, cells: Mapping[object, Cell]) -> bool:
    """Whether the values carry a %."""
    with_sign = [c for c in cells.values() if isinstance(c.value, str) and "%" in c.value]
    if with_sign and len(with_sign) < len(cells):
        without = next(cell for cell in cells.values() if cell not in with_sign)
        raise TableError(
            f"{table.name}: mixed units: {column!r} is {with_sign[0].value!r} in "
            f"{with_sign[0].place} and {without.value!r} in {without.place}"
        )
    return bool(with_sign)


def _refuse_few(table: Table, column: str, values: Mapping[object, float]) -> None:
    if len(values) < _LEAST:
        raise TableError(
            f"{table.name}: {column!r} has {count_of(len(values), 'value')}; "
            f"chance cannot be told from fewer than {_LEAST}: give more {plural(table.unit, 2)}"
        )


def _refuse_shares_and_percents(
    before: Table, after: Table, column: str, values: Sequence[Mapping[object, float]]
) -> None:
    largest = [max(_finite(side.values()), default=0.0) for side in values]
    for table, other, mine, theirs in (
        (before, after, largest[0], largest[1]),
        (after, before, largest[1], largest[0]),
    ):
        if mine <= 1.0 < theirs:
            raise TableError(
                f"mixed units: {column!r} is at most {mine:g} in {table.name} and reaches "
                f"{theirs:g} in {other.name}: a share and percent? write both alike"
            )


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
