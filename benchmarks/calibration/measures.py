"""Measured figures, what they have to be, and tables of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured figure; `error` is its Monte-Carlo standard error.

    With a `limit` it has to be `at most` the limit plus three standard errors, or `at least` the
    limit minus three.
    """

    value: float
    limit: float | None = None
    sense: Literal["at most", "at least"] = "at most"
    error: float = 0.0
    style: str = ".3f"

    @property
    def met(self) -> bool:
        """Whether the figure keeps its limit; a NaN keeps none."""
        if self.limit is None:
            return True
        if self.sense == "at least":
            return self.value >= self.limit - 3.0 * self.error
        return self.value <= self.limit + 3.0 * self.error

    def __str__(self) -> str:
        return format(self.value, self.style)


@dataclass(frozen=True, slots=True)
class Section:
    """A table of figures: one row per setting, a label and one figure per column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Measure, ...]], ...]
    target: str
    notes: tuple[str, ...] = field(default=())

    def missed(self) -> list[str]:
        """The figures that miss their limit, each with its place in the table."""
        return [
            f"{self.title} / {label} / {column}: {measure} "
            f"(has to be {measure.sense} {measure.limit:g})"
            for label, measures in self.rows
            for column, measure in zip(self.columns, measures, strict=True)
            if not measure.met
        ]


def share(
    hits: Sequence[bool] | Iterable[bool],
    limit: float | None = None,
    sense: Literal["at most", "at least"] = "at most",
) -> Measure:
    """The share of hits. The standard error of one that has a limit from above is that at it.

    A share that has to be at least something gets none: it has to be so as it was measured.
    """
    outcomes = [bool(hit) for hit in hits]
    value = sum(outcomes) / len(outcomes)
    assumed = limit if limit is not None and sense == "at most" else 0.0
    return Measure(value, limit, sense, math.sqrt(assumed * (1.0 - assumed) / len(outcomes)), ".4f")


def show(console: Console, section: Section) -> None:
    """Print a section; figures that miss their limit are marked."""
    table = Table(title=section.title, caption=section.target, title_justify="left")
    table.add_column("")
    for column in section.columns:
        table.add_column(column, justify="right")
    for label, measures in section.rows:
        table.add_row(label, *(_cell(measure) for measure in measures))
    console.print(table)
    for note in section.notes:
        console.print(f"  {note}")


def _cell(measure: Measure) -> str:
    if measure.limit is None:
        return str(measure)
    return f"[green]{measure}[/]" if measure.met else f"[bold red]{measure} ![/]"
