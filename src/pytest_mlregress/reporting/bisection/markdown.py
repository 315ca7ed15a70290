"""The answer as Markdown, for an issue or a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_mlregress.reporting.bisection.text import (
    answer_line,
    axes_remarks,
    likely_rows,
    probability_text,
    remarks,
    title,
)
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.text_layout import one_line
from pytest_mlregress.revisions.bisection.next_commands import NextCommand
from pytest_mlregress.revisions.bisection.report import BisectionReport, CandidateRow

__all__ = ["to_markdown"]


def to_markdown(report: BisectionReport, commands: Sequence[NextCommand]) -> str:
    """The report in GitHub's Markdown.

    Args:
        report: the report.
        commands: what to do next.

    Returns:
        The text.
    """
    return "\n".join(_lines(report, commands)) + "\n"


def _lines(report: BisectionReport, commands: Sequence[NextCommand]) -> Iterator[str]:
    yield f"**{_plain(answer_line(report))}**"
    yield ""
    yield _plain(title(report))
    yield ""
    rows = likely_rows(report, most=len(report.rows))
    if rows:
        yield "| probability | change | commit | author | files that the test reads |"
        yield "|---|---|---|---|---|"
        yield from (_row(row) for row in rows)
        yield ""
    yield from (
        f"- {_plain(text)}" for text in (*report.notes, *axes_remarks(report), *remarks(report))
    )
    if commands:
        yield ""
        yield "```"
        yield from (f"{command.command}  # {command.purpose}" for command in commands)
        yield "```"


def _row(row: CandidateRow) -> str:
    commit = row.commit
    effect = "" if row.effect is None else number(row.effect, signed=True)
    cells = (
        probability_text(row.probability),
        effect,
        f"{commit.short} {_plain(commit.subject)}",
        f"{_plain(commit.author)}, {commit.date}",
        _plain(", ".join(row.read_files)),
    )
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """One line in which nothing is markup."""
    marked = one_line(text)
    for character in "\\`*_<>|[]#":
        marked = marked.replace(character, f"\\{character}")
    return marked
