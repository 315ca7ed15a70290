"""The posterior as a picture: a bar per commit, in the order of the history."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from pytest_mlregress.reporting.bisection.text import answer_line, probability_text
from pytest_mlregress.reporting.text_layout import clip, one_line
from pytest_mlregress.revisions.bisection.report import BisectionReport, CandidateRow

__all__ = ["to_svg"]

_WIDTH: Final = 720
_ROW: Final = 20
_TOP: Final = 44
_LABELS: Final = 300
_BAR: Final = 340
_MOST: Final = 60
_LABEL_CELLS: Final = 44
_TITLE_CELLS: Final = 100


def to_svg(report: BisectionReport) -> str:
    """A bar chart of the probability that each commit lost.

    Args:
        report: the report.

    Returns:
        The SVG; of a long history the most probable commits, in their order.
    """
    shown = sorted(
        sorted(range(len(report.rows)), key=lambda place: -report.rows[place].probability)[:_MOST]
    )
    height = _TOP + _ROW * len(shown) + 12
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'role="img" font-family="system-ui, sans-serif" font-size="12">',
            f"<title>{_text(answer_line(report))}</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="12" y="24" font-size="14" fill="#1b1f24">'
            f"{_text(clip(one_line(answer_line(report)), _TITLE_CELLS))}</text>",
            *_bars([(report.rows[place], place in report.named) for place in shown]),
            "</svg>",
            "",
        ]
    )


def _bars(rows: list[tuple[CandidateRow, bool]]) -> Iterator[str]:
    for number, (row, named) in enumerate(rows):
        middle = _TOP + _ROW * number + _ROW / 2
        label = clip(one_line(f"{row.commit.short} {row.commit.subject}"), _LABEL_CELLS)
        length = max(1.0, _BAR * row.probability)
        colour = "#b3261e" if named else "#59636e"
        yield f'<text x="12" y="{middle + 4}" fill="#1b1f24">{_text(label)}</text>'
        yield (
            f'<rect x="{_LABELS}" y="{middle - 6}" width="{length:.1f}" height="12" '
            f'fill="{colour}"/>'
        )
        yield (
            f'<text x="{_LABELS + length + 6:.1f}" y="{middle + 4}" fill="#59636e">'
            f"{_text(probability_text(row.probability))}</text>"
        )


def _text(text: str) -> str:
    return escape(one_line(text))
