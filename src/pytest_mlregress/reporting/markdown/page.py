"""The report as Markdown: a pull-request comment, or GitHub's job summary.

The same results give the same bytes: no clock, no duration, no count of the seeds that happened to
be in the cache or under way when a verdict was certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.environment_table import (
    HEADINGS,
    NO_DIFFERENCE,
    EnvironmentRow,
)
from pytest_mlregress.reporting.markdown.section import details_of, section_of
from pytest_mlregress.reporting.markdown.table import MARKS, Room, row, verdict_table
from pytest_mlregress.reporting.markdown.text import escaped_text
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.overview import overview
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.since_text import SHORT
from pytest_mlregress.reporting.text_layout import clip, one_line
from pytest_mlregress.reporting.totals import closing_notes, worst_colour
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

LONGEST: Final = 60_000
"""Bytes: GitHub refuses comments beyond 65,536 characters."""

FIRST_LINE: Final = 120
"""Characters at most in the first line, which mails and lists of comments show alone."""

UNFOLDED: Final = 5
"""Tests that are read without a click, the worst ones."""

_MOST_NOTES: Final = 12
_MOST_ROWS: Final = 30
_LONGEST_NOTE: Final = 400
_CLOSING: Final = 400
"""Bytes kept for the sentences on what has been left out."""

_NOTHING_NEW: Final = frozenset({VerdictKind.IDENTICAL, VerdictKind.UNCHANGED})


def to_markdown(report: RunReport, *, longest: int = LONGEST) -> str:
    """The run in a line, then the worst tests, then the others folded.

    A run in which nothing has changed is the line alone.

    Args:
        report: the report.
        longest: the most bytes, in UTF-8, at least 4,000. What does not fit is counted, and nothing
            is cut in its middle.

    Returns:
        The Markdown.
    """
    if _nothing_new(report):
        return f"{_only_line(report)}\n"
    said = overview(report)
    first = _heading(report, said)
    blocks = [first]
    if first.endswith("…"):
        blocks.append(escaped_text(clip(said, _LONGEST_NOTE, ellipsis="…")))
    blocks.append(_code_line(report))
    blocks += _sides(report)
    closing = _notes(closing_notes(report))
    room = Room(longest - _CLOSING)
    for block in (*blocks, *closing):
        room.take(block)
    return "\n\n".join([*blocks, *_tests(report, room), *closing]) + "\n"


def first_line(report: RunReport) -> str:
    """The verdict of the run in one line of Markdown.

    Args:
        report: the report.

    Returns:
        At most `FIRST_LINE` characters, a heading.
    """
    return _heading(report, overview(report))


def _nothing_new(report: RunReport) -> bool:
    kinds = {verdict.kind for verdict in report.verdicts}
    compares_environments = report.sides is not None and report.sides.environment is not None
    return bool(kinds) and kinds <= _NOTHING_NEW and not compares_environments


def _heading(report: RunReport, sentence: str) -> str:
    """The sentence as far as it fits, ended between words and outside of brackets."""
    start = f"## {MARKS[worst_colour(report)]} mlregress: "
    if len(start + (whole := escaped_text(sentence))) <= FIRST_LINE:
        return start + whole
    best = ""
    for end in _ends(one_line(sentence)):
        text = escaped_text(sentence[:end].rstrip(" ,;:"))
        if len(f"{start}{text} …") > FIRST_LINE:
            break
        best = text
    return f"{start}{best} …"


def _ends(sentence: str) -> Iterator[int]:
    depth = 0
    for index, character in enumerate(sentence):
        depth = max(0, depth + (character in "([") - (character in ")]"))
        if character == " " and not depth:
            yield index


def _code_line(report: RunReport) -> str:
    """Both commits, whether the tree is dirty, the machine, and the level."""
    machine = clip(report.machine, _LONGEST_NOTE, ellipsis="…")
    parts = [escaped_text(part) for part in (_code(report), _bases(report), machine) if part]
    if report.comparisons:
        comparisons = count_of(report.comparisons, "comparison")
        parts.append(f"alpha {number(report.alpha)} over {comparisons}")
    return " · ".join(parts)


def _only_line(report: RunReport) -> str:
    """The whole report of a run in which nothing has changed; the machine where it fits."""
    facts = [part for part in (_code(report), _bases(report), report.machine) if part]
    lines = [
        _heading(report, f"{overview(report)}; {', '.join(facts[:count])}")
        for count in range(len(facts), 0, -1)
    ]
    return next((line for line in lines if not line.endswith("…")), first_line(report))


def _code(report: RunReport) -> str:
    code = report.code
    if code is None:
        return "outside git"
    if code.unknown is not None:
        return "git cannot tell which code this is"
    if code.commit is None:
        return "before the first commit"
    if not code.dirty:
        return f"commit {code.commit[:SHORT]}, clean"
    return f"commit {code.commit[:SHORT]}, {count_of(len(code.changed), 'file')} uncommitted"


def _bases(report: RunReport) -> str:
    """The commits that were compared with."""
    if report.sides is not None:
        commit = report.sides.base_commit
        return f"base {commit[:SHORT]}" if commit else ""
    found = (v.since.commit if v.since is not None else v.baseline_commit for v in report.verdicts)
    commits = sorted({commit[:SHORT] for commit in found if commit})
    if len(commits) > 3:
        return f"baselines of {len(commits)} commits"
    return f"baselines of {', '.join(commits)}" if commits else ""


def _sides(report: RunReport) -> Iterator[str]:
    """What an A/B run compared; the seeds that came from the cache differ from run to run."""
    if report.sides is None:
        return
    for sentence in replace(report.sides, reused={}).sentences:
        yield escaped_text(clip(sentence, _LONGEST_NOTE, ellipsis="…"))
    yield from _environments(report.sides.environment)


def _environments(rows: Sequence[EnvironmentRow] | None) -> Iterator[str]:
    """What differs between the environments of an A/B run."""
    if rows is None:
        return
    if not rows:
        yield NO_DIFFERENCE
        return
    texts = [(found.name, found.base, found.candidate) for found in rows[:_MOST_ROWS]]
    lines = [row(*(escaped_text(clip(t, 120, ellipsis="…")) for t in three)) for three in texts]
    if len(rows) > _MOST_ROWS:
        lines.append(row(f"… and {len(rows) - _MOST_ROWS} more", "", ""))
    yield "\n".join((row(*HEADINGS), "|---|---|---|", *lines))


def _notes(notes: Sequence[str]) -> list[str]:
    lines = [
        f"- {escaped_text(clip(one_line(note), _LONGEST_NOTE, ellipsis='…'))}"
        for note in notes[:_MOST_NOTES]
    ]
    if len(notes) > _MOST_NOTES:
        lines.append(f"- … and {count_of(len(notes) - _MOST_NOTES, 'more note')} in the log")
    return ["\n".join(lines)] if lines else []


def _tests(report: RunReport, room: Room) -> Iterator[str]:
    """The worst tests, and the others in folded tables, as long as there is room.

    Room goes to the worst tests first, then to the rows of what is not green, then to the details
    of the worst, then to the greens.
    """
    not_green = [v for v in report.most_severe_first if v.colour is not Colour.GREEN]
    green = [v for v in report.most_severe_first if v.colour is Colour.GREEN]
    worst = [(v, section) for v in not_green[:UNFOLDED] if room.take(section := section_of(v))]
    shown = {id(verdict) for verdict, _ in worst}
    others = [verdict for verdict in not_green if id(verdict) not in shown]
    folded = _folded(others, f"{count_of(len(others), 'more test')} not green", room)
    details = {
        id(verdict): text
        for verdict, _ in worst
        if (text := details_of(verdict)) and room.take(text)
    }
    for verdict, section in worst:
        yield section
        if id(verdict) in details:
            yield details[id(verdict)]
    yield from folded
    yield from _folded(green, f"{len(green)} green", room)


def _folded(verdicts: Iterable[Verdict], title: str, room: Room) -> list[str]:
    """A table behind a click."""
    verdicts = list(verdicts)
    if not verdicts:
        return []
    start, end = f"<details><summary>{title}</summary>", "</details>"
    room.take(start + end)
    table, left_out = verdict_table(verdicts, room)
    rest = f"{count_of(left_out, 'more test')} of these in the log and in the other reports."
    return ["\n\n".join([start, *([table] if table else []), *([rest] if left_out else []), end])]
