"""The columns of the summary's table, which its rows share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pytest_mlregress.reporting.styled_lines import INDENT, StyledLine
from pytest_mlregress.reporting.text_layout import pad, width_of, wrap

HEADINGS: Final = (
    "metric",
    "baseline -> now",
    "difference [interval]",
    "A/A",
    "p",
    "limit",
    "margin",
    "q",
)
_GAPS: Final = ("  ", " ")
"""What separates columns, the second where there is no room for the first."""

_LONGEST_MEANS: Final = 20
_LONGEST_DIFFERENCE: Final = 30

Row: TypeAlias = tuple[str, ...]
"""The cells under `HEADINGS`."""


def is_short(row: Row) -> bool:
    """False for a row with so many digits that it would widen the columns of all others."""
    return len(row[1]) <= _LONGEST_MEANS and len(row[2]) <= _LONGEST_DIFFERENCE


@dataclass(frozen=True, slots=True)
class Columns:
    """The widths that all short rows share; empty columns have none.

    A row with a name that does not fit, as a long one always, becomes a paragraph; so do all where
    the other columns leave no room.
    """

    widths: tuple[int, ...]
    used: tuple[bool, ...]
    gap: str
    total: int
    headings: tuple[str, ...]

    @classmethod
    def fitting(cls, rows: Sequence[Row], total: int, headings: tuple[str, ...]) -> Columns:
        """The columns that hold these rows in a width of ``total`` cells."""
        used = tuple(any(row[index] for row in rows) for index in range(len(headings)))
        widths = [
            max([len(heading), *(width_of(row[index]) for row in rows)]) if used[index] else 0
            for index, heading in enumerate(headings)
        ]
        named = sorted({width_of(row[0]) for row in rows})
        for gap in _GAPS:
            others = len(INDENT) + sum(widths[1:]) + len(gap) * (sum(used) - 1)
            room = total - others
            if named and named[0] <= room and len(headings[0]) <= room:
                widths[0] = max(len(headings[0]), *(name for name in named if name <= room), 0)
                return cls(tuple(widths), used, gap, total, headings)
        return cls((0,) * len(headings), used, "", total, headings)

    def header(self) -> Iterator[StyledLine]:
        """The line of headings; none where no row is in columns."""
        if any(self.widths) and any(self.used):
            yield StyledLine(self._side_by_side(self.headings), "dim")

    def lines(self, row: Row) -> Iterator[StyledLine]:
        """A row in the columns, or as a paragraph."""
        if width_of(row[0]) <= self.widths[0] and is_short(row):
            yield StyledLine(self._side_by_side(row))
            return
        name, change, difference, *rest = row
        labelled = [
            f"{label} {cell}" for label, cell in zip(self.headings[3:], rest, strict=True) if cell
        ]
        text = ", ".join(part for part in (f"{name} {change}", difference, *labelled) if part)
        yield from (StyledLine(line) for line in wrap(text, self.total, first=INDENT))

    def _side_by_side(self, row: Sequence[str]) -> str:
        cells = [
            pad(cell, width)
            for cell, width, used in zip(row, self.widths, self.used, strict=True)
            if used
        ]
        return (INDENT + self.gap.join(cells)).rstrip()
