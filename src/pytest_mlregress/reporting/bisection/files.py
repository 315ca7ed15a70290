"""A search's report as a file: the suffix gives the format, and it is written whole or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeAlias

from pytest_mlregress.reporting.bisection.html import to_html
from pytest_mlregress.reporting.bisection.markdown import to_markdown
from pytest_mlregress.reporting.bisection.text import answer_line
from pytest_mlregress.reporting.command_report import (
    check_report_file,
    json_text,
    write_report_file,
)
from pytest_mlregress.reporting.plots.bisection import to_svg
from pytest_mlregress.revisions.bisection.next_commands import NextCommand
from pytest_mlregress.revisions.bisection.report import BisectionReport

__all__ = ["check_bisection_report", "document_of", "write_bisection_report"]

SCHEMA: Final = 1

_Writer: TypeAlias = Callable[[BisectionReport, Sequence[NextCommand]], str]


def document_of(report: BisectionReport, commands: Sequence[NextCommand]) -> dict[str, Any]:
    """The report as plain builtins, as ``--json`` prints them.

    Args:
        report: the report.
        commands: what to do next.

    Returns:
        The document; ``named``, ``others`` and ``likely`` are full names of commits.
    """
    names = [row.commit.name for row in report.rows]
    document = {
        **asdict(report),
        "schema": SCHEMA,
        "answer": answer_line(report),
        "named": [names[place] for place in report.named],
        "others": [names[place] for place in report.others],
        "below_margin": [names[place] for place in report.below_margin],
        "likely": [names[place] for place in report.likely],
        "candidates": [asdict(row) for row in report.rows],
        "skipped": [{"commit": state, "reason": reason} for state, reason in report.skipped],
        "weights": dict(zip(("read", "other"), report.weights, strict=True)),
        "next": [asdict(command) for command in commands],
    }
    del document["rows"]
    return document


def check_bisection_report(path: Path) -> None:
    """Refuse a file that could not be written, before anything is trained.

    Args:
        path: the file.

    Raises:
        CommandError: another suffix than those of the formats, or no file can be written there.
    """
    check_report_file(path, _FORMATS)


def write_bisection_report(
    path: Path, report: BisectionReport, commands: Sequence[NextCommand]
) -> None:
    """Write the report; missing folders are made.

    Args:
        path: the file.
        report: the report.
        commands: what to do next.

    Raises:
        CommandError: the file cannot be written.
    """
    write_report_file(path, _FORMATS[path.suffix](report, commands))


def _to_json(report: BisectionReport, commands: Sequence[NextCommand]) -> str:
    return json_text(document_of(report, commands))


_FORMATS: Final[Mapping[str, _Writer]] = {
    ".html": to_html,
    ".md": to_markdown,
    ".json": _to_json,
    ".svg": lambda report, _: to_svg(report),
}
