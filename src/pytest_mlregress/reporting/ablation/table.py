"""An ablation as tables and sentences for a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.reporting.ablation.rows import (
    CELL_HEADINGS,
    EFFECT_HEADINGS,
    NUMERIC,
    cell_rows,
    change_text,
    design_text,
    effect_rows,
    intervals_text,
    spent_text,
    test_name,
    title_of,
)
from pytest_mlregress.reporting.ablation.words import headline, sentences
from pytest_mlregress.reporting.text_layout import one_line, shorten, width_of, wrap
from pytest_mlregress.revisions.ablation.results import Ablation, MetricEffects

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["ablation_table"]

_INDENT: Final = "  "
_GAP: Final = "  "
_SHORTEST_NAME: Final = 8


def ablation_table(ablation: Ablation, *, width: int = 80) -> str:
    """The changes, then cells, effects and sentences of each metric, then the answer.

    Args:
        ablation: what was found.
        width: width in terminal cells.

    Returns:
        The text, with no line over the width.
    """
    lines = [*_heading(ablation, width), ""]
    for test, metrics in groupby(ablation.metrics, key=test_name):
        lines += wrap(test, width)
        for metric in metrics:
            lines += [*_metric(ablation, metric, width), ""]
    for note in (*ablation.notes, spent_text(ablation)):
        lines += wrap(note, width, rest=_INDENT)
    lines += wrap(headline(ablation).text, width, rest=_INDENT)
    return "\n".join(lines) + "\n"


def _heading(ablation: Ablation, width: int) -> Iterator[str]:
    yield from wrap(design_text(ablation), width, rest=_INDENT)
    for change in ablation.changes:
        text = f"{change.name}: {change_text(change)}"
        yield from wrap(text, width, first=_INDENT, rest=2 * _INDENT)
    for cell in ablation.cells:
        if cell.unavailable:
            text = f"{cell.name} was not trained: {cell.unavailable}"
            yield from wrap(text, width, first=_INDENT, rest=2 * _INDENT)


def _metric(ablation: Ablation, metric: MetricEffects, width: int) -> Iterator[str]:
    yield from wrap(title_of(metric), width)
    cells = [astuple(row) for row in cell_rows(ablation, metric)]
    effects = [astuple(row) for row in effect_rows(metric)]
    if effects:
        yield from _rendered(_table(CELL_HEADINGS, cells, width), width)
        yield from _rendered(_table(EFFECT_HEADINGS, effects, width), width)
        yield from wrap(intervals_text(metric), width, first=_INDENT)
    for sentence in sentences(metric):
        yield from wrap(sentence.text, width, first="- ", rest=_INDENT)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    """A table in which names have the room that the figures leave."""
    from rich.table import Table

    columns = zip(*(row[1:] for row in (headings, *rows)), strict=True)
    taken = sum(max(map(width_of, column)) + len(_GAP) for column in columns)
    room = max(_SHORTEST_NAME, width - len(_INDENT) - len(_GAP) - taken)
    table = Table(box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0))
    for heading in headings:
        right = heading in NUMERIC
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for name, *figures in rows:
        table.add_row(shorten(one_line(name), room), *figures)
    return table


def _rendered(table: Table, width: int) -> Iterator[str]:
    from rich.console import Console

    text = io.StringIO()
    console = Console(
        file=text, width=width - len(_INDENT), color_system=None, markup=False, emoji=False
    )
    console.print(table)
    yield from (f"{_INDENT}{visible(line)}".rstrip() for line in text.getvalue().splitlines())
