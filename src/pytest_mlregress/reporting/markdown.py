"""The report as Markdown: a pull-request comment, or GitHub's job summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.reporting.environment_table import (
    HEADINGS,
    NO_DIFFERENCE,
    EnvironmentRow,
)
from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.metric_text import (
    difference_cell,
    margin_text,
    means,
    p_text,
)
from pytest_mlregress.reporting.report import RunReport, most_severe_metrics_first
from pytest_mlregress.reporting.text_layout import one_line
from pytest_mlregress.reporting.totals import closing_notes, heading, totals_line, worst_colour
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

LONGEST: Final = 60_000
"""Characters: GitHub refuses comments beyond 65,536."""

_HEADINGS: Final = (
    "verdict",
    "test",
    "metric",
    "baseline → now",
    "difference [95 %]",
    "p",
    "margin",
    "seeds",
)
_BESIDE_A_BASE: Final = ("verdict", "test", "metric", "base → now", *_HEADINGS[4:7], "pairs")
MARKS: Final = {Colour.RED: "🔴", Colour.YELLOW: "🟡", Colour.GREEN: "🟢"}


def to_markdown(report: RunReport) -> str:
    """A heading, a table of what is not green, details, and the greens folded.

    Args:
        report: the report.

    Returns:
        At most `LONGEST` characters: what does not fit is counted, not cut in the middle.
    """
    not_green = [v for v in report.most_severe_first if v.colour is not Colour.GREEN]
    green = [v for v in report.most_severe_first if v.colour is Colour.GREEN]
    blocks = [f"## {MARKS[worst_colour(report)]} mlregress: {heading(report)}"]
    sides = report.sides
    closing = [
        *(escaped_text(text) for text in (sides.sentences if sides is not None else ())),
        *_environments(sides.environment if sides is not None else None),
        escaped_text(totals_line(report)),
        *(f"- {escaped_text(note)}" for note in closing_notes(report)),
    ]
    room = LONGEST - sum(len(block) + 2 for block in (*blocks, *closing)) - 200
    blocks += _fitting(not_green, green, room)
    return "\n\n".join([*blocks, *closing]) + "\n"


def _environments(rows: Sequence[EnvironmentRow] | None) -> Iterator[str]:
    """What differs between the environments of an A/B run."""
    if rows is None:
        return
    if not rows:
        yield NO_DIFFERENCE
        return
    cells = [_row(*map(escaped_text, (row.name, row.base, row.candidate))) for row in rows]
    yield "\n".join((_row(*HEADINGS), "|---|---|---|", *cells))


def _fitting(not_green: Sequence[Verdict], green: Sequence[Verdict], room: int) -> Iterator[str]:
    """The table, then the folded greens, then the details, as long as there is room."""
    if not_green:
        table, room = _table(not_green, room)
        yield table
    if green:
        table, room = _table(green, room // 2 if not_green else room)
        yield f"<details><summary>{len(green)} green</summary>\n\n{table}\n\n</details>"
    left_out = 0
    for verdict in not_green:
        block = _details(verdict)
        if len(block) + 2 > room:
            left_out += 1
            continue
        room -= len(block) + 2
        yield block
    if left_out:
        yield f"Details of {left_out} more in the test log and in the other reports."


def _table(verdicts: Sequence[Verdict], room: int) -> tuple[str, int]:
    """As many rows as fit, and the room that is left."""
    headings = _BESIDE_A_BASE if any(verdict.base for verdict in verdicts) else _HEADINGS
    lines = [f"| {' | '.join(headings)} |", "|---|---|---|--:|--:|--:|--:|--:|"]
    room -= sum(map(len, lines))
    left_out = 0
    for verdict in verdicts:
        rows = "\n".join(_rows(verdict))
        if len(rows) + 1 > room:
            left_out += 1
            continue
        room -= len(rows) + 1
        lines.append(rows)
    if left_out:
        lines.append(f"| | … and {left_out} more tests | | | | | | |")
    return "\n".join(lines), room


def _rows(verdict: Verdict) -> Iterator[str]:
    """One row per metric; only the first holds what is the same in all of them."""
    mark, name = MARKS[verdict.colour], code_text(verdict.test)
    if verdict.tier not in ("", "default"):
        name += f" ({escaped_text(verdict.tier)})"
    seeds = f"{verdict.decided_after}/{len(verdict.planned)}"
    metrics = most_severe_metrics_first(verdict)
    if not metrics:
        yield _row(f"{mark} {verdict.kind}", name, "", "", "", "", "", seeds)
    for index, metric in enumerate(metrics):
        kind = f"{mark} {verdict.kind}" if not index else ""
        if metric.kind is not verdict.kind:
            kind = f"{kind}<br>{metric.kind}" if kind else str(metric.kind)
        first = ("", "") if index else (name, seeds)
        yield _row(kind, first[0], escaped_text(metric.name), *_figures(metric), first[1])


def _figures(metric: MetricVerdict) -> tuple[str, str, str, str]:
    if metric.comparison is None or metric.kind is VerdictKind.DIVERGED:
        same = difference_cell(metric) if metric.comparison is None else ""
        return means(metric).replace("->", "→"), same, "", margin_text(metric)
    return (
        means(metric).replace("->", "→"),
        difference_cell(metric),
        p_text(metric),
        margin_text(metric),
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _details(verdict: Verdict) -> str:
    text = failure_text(verdict)
    fence = "`" * max(3, _longest_run(text) + 1)
    summary = f"<code>{_html(one_line(verdict.test))}</code>: {_html(headline(verdict))}"
    return f"<details><summary>{summary}</summary>\n\n{fence}text\n{text}\n{fence}\n\n</details>"


def _longest_run(text: str) -> int:
    """Of backticks: a fence must be longer than any that it holds."""
    longest = current = 0
    for character in text:
        current = current + 1 if character == "`" else 0
        longest = max(longest, current)
    return longest


def code_text(text: str) -> str:
    """Inline code in a table, where even code needs its pipes escaped.

    Args:
        text: any text.

    Returns:
        The Markdown.
    """
    text = one_line(text).replace("|", "\\|")
    ticks = "`" * (_longest_run(text) + 1)
    return f"{ticks} {text} {ticks}" if len(ticks) > 1 else f"`{text}`"


def escaped_text(text: str) -> str:
    """Any text on one line, so that Markdown prints it as it is.

    Args:
        text: the text.

    Returns:
        The Markdown.
    """
    return "".join(f"\\{c}" if c in r"\`*_[]<>|#" else c for c in one_line(text))


def _html(text: str) -> str:
    """Inside HTML tags Markdown still interprets emphasis and the like."""
    entities = {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {c: f"&#{ord(c)};" for c in "*_`[]\\"}
    return "".join(entities.get(character, character) for character in text)
