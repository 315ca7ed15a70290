"""The answer as one HTML file: no scripts, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_mlregress.reporting.bisection.text import (
    answer_line,
    axes_remarks,
    likely_rows,
    probability_text,
    remarks,
    title,
)
from pytest_mlregress.reporting.html.page import page_environment
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.plots.bisection import to_svg
from pytest_mlregress.revisions.bisection.next_commands import NextCommand
from pytest_mlregress.revisions.bisection.report import BisectionReport

__all__ = ["to_html"]


def to_html(report: BisectionReport, commands: Sequence[NextCommand]) -> str:
    """A self-contained page.

    Args:
        report: the report.
        commands: what to do next.

    Returns:
        The HTML.
    """
    colour = {"commit": "red", "unclear": "yellow"}.get(report.finding, "green")
    return (
        page_environment()
        .get_template("bisection.html.j2")
        .render(
            answer=answer_line(report),
            title=title(report),
            colour=colour,
            rows=[
                {
                    "probability": probability_text(row.probability),
                    "change": "" if row.effect is None else number(row.effect, signed=True),
                    "commit": row.commit,
                    "files": ", ".join(row.read_files),
                }
                for row in likely_rows(report, most=len(report.rows))
            ],
            remarks=[*report.notes, *axes_remarks(report), *remarks(report)],
            plot=to_svg(report),
            commands=commands,
        )
    )
