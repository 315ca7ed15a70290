"""The summary at the end of a run, for a terminal or a CI log: verdicts, then counts."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pytest_mlregress.reporting.environment_table import table_lines
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.metric_text import (
    MEANING_OF_Q,
    common_level,
    difference_with_interval,
    margin_text,
    means,
    p_and_limit,
    same_side_short,
)
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.report import RunReport, most_severe_metrics_first
from pytest_mlregress.reporting.sample_text import seeds_counted
from pytest_mlregress.reporting.short_failure_text import MOST_LINES, short_failure_text
from pytest_mlregress.reporting.step_text import ends_in_command, step_lines
from pytest_mlregress.reporting.text_layout import encodable, one_line, pad, width_of, wrap
from pytest_mlregress.reporting.totals import closing_notes, totals_line
from pytest_mlregress.reporting.unrecorded import (
    fold_unrecorded,
    record_lines,
    unrecorded_lines,
)
from pytest_mlregress.verdicts.verdict import FOLDABLE, Colour, MetricVerdict, Verdict, VerdictKind

FOLD_ABOVE: Final = 20
"""Up to this many foldable tests are listed one by one, each with its margin."""

_HEADINGS: Final = (
    "metric",
    "baseline -> now",
    "difference [interval]",
    "A/A",
    "p",
    "limit",
    "margin",
    "q",
)
_BESIDE_A_BASE: Final = {"baseline -> now": "base -> now"}
_INDENT: Final = "  "
_LEAST_OF_FAILURE: Final = 4
_MORE: Final = "-v shows every value, test and step of a failure"
_GAPS: Final = ("  ", " ")
"""What separates columns, the second where there is no room for the first."""

_LONGEST_MEANS: Final = 20
_LONGEST_DIFFERENCE: Final = 30


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    style: str = ""
    styled: int | None = None
    """Cells from the left that carry the style; None for all."""


def summary_table(
    report: RunReport,
    *,
    width: int = 80,
    colour: bool = False,
    verbosity: int = 0,
    encoding: str = "utf-8",
) -> str:
    """The verdicts, the most severe first, and a last paragraph of totals.

    Args:
        report: the report.
        width: width in terminal cells.
        colour: whether the text has ANSI codes.
        verbosity: pytest's. Above 0 every test is listed, with the limits of its p-values and its
            false-discovery rates; at 0 more than `FOLD_ABOVE` foldable tests become a line of
            counts; below 0 all of them do, and the others have their numbers only.
        encoding: characters that it lacks are written as escapes.

    Returns:
        The text, no line over ``width`` but for a word, such as a node id, that is wider.
    """
    listed, folded = _fold(report.most_severe_first, verbosity)
    listed, unrecorded = fold_unrecorded(listed, verbosity)
    rows = {
        id(metric): _row(report, v, metric, verbose=verbosity > 0)
        for v in listed
        for metric in _shown(v)
    }
    columns = _Columns.fitting(
        [row for row in rows.values() if row and _is_short(row)], width, _headings(listed)
    )
    lines = list(columns.header())
    for verdict in listed:
        lines += _verdict_lines(verdict, rows, columns, width, brief=verbosity < 0)
    if columns.used[_HEADINGS.index("q")]:
        lines += _paragraph(f"q: {MEANING_OF_Q}", width, "dim")
    lines += [_Line(line, _STYLES[Colour.YELLOW]) for line in unrecorded_lines(unrecorded, width)]
    lines += [_Line(line, "dim") for line in record_lines(unrecorded, width)]
    lines += _folded_lines(folded, width)
    if lines:
        lines.append(_Line(""))
    lines += _total_lines(report, width)
    if verbosity == 0 and any(verdict.colour is Colour.RED for verdict in listed):
        lines += [_Line(line, "dim") for line in wrap(_MORE, width, rest=_INDENT)]
    encoded = [piece for line in lines for piece in _encodable(line, encoding, width)]
    return _render(encoded, colour=colour)


def _headings(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    level = common_level(metric for verdict in verdicts for metric in _shown(verdict))
    renamed = dict(_BESIDE_A_BASE) if any(verdict.base for verdict in verdicts) else {}
    if level:
        renamed["difference [interval]"] = f"difference [{level}]"
    return tuple(renamed.get(heading, heading) for heading in _HEADINGS)


def _fold(
    verdicts: Sequence[Verdict], verbosity: int
) -> tuple[Sequence[Verdict], Sequence[Verdict]]:
    foldable = [verdict for verdict in verdicts if _is_foldable(verdict)]
    if verbosity > 0 or (verbosity == 0 and len(foldable) <= FOLD_ABOVE):
        return verdicts, ()
    return [verdict for verdict in verdicts if not _is_foldable(verdict)], foldable


def _is_foldable(verdict: Verdict) -> bool:
    return verdict.colour is Colour.GREEN and verdict.kind in FOLDABLE


def _shown(verdict: Verdict) -> Sequence[MetricVerdict]:
    """For a test that is not foldable, the metrics that made it so; otherwise all."""
    metrics = most_severe_metrics_first(verdict)
    if _is_foldable(verdict):
        return metrics
    return [metric for metric in metrics if metric.kind not in FOLDABLE]


_Row = tuple[str, ...]


def _row(
    report: RunReport, verdict: Verdict, metric: MetricVerdict, *, verbose: bool
) -> _Row | None:
    """The cells under `_HEADINGS`; None without a number to show."""
    named = metric.name if metric.kind is verdict.kind else f"{metric.name} ({metric.kind})"
    if metric.comparison is None:
        measured = metric.kind in (VerdictKind.RECORDED, VerdictKind.NO_BASELINE)
        if not measured and metric.same_side_spread is None:
            return None
        return (one_line(named), means(metric), "", same_side_short(metric), "", "", "", "")
    if metric.kind is VerdictKind.DIVERGED:
        return (one_line(named), means(metric), "", "", "", "", margin_text(metric), "")
    p, limit = p_and_limit(metric)
    # The q of a run's only comparison is its p.
    q_value = report.q_value(verdict, metric) if verbose and len(report.q_values) > 1 else None
    return (
        one_line(named),
        means(metric),
        difference_with_interval(metric),
        same_side_short(metric),
        p,
        limit if verbose else "",
        margin_text(metric),
        "" if q_value is None else number(q_value, digits=1),
    )


def _is_short(row: _Row) -> bool:
    """False for a row with so many digits that it would widen the columns of all others."""
    return len(row[1]) <= _LONGEST_MEANS and len(row[2]) <= _LONGEST_DIFFERENCE


@dataclass(frozen=True, slots=True)
class _Columns:
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
    def fitting(cls, rows: Sequence[_Row], total: int, headings: tuple[str, ...]) -> _Columns:
        used = tuple(any(row[index] for row in rows) for index in range(len(headings)))
        widths = [
            max([len(heading), *(width_of(row[index]) for row in rows)]) if used[index] else 0
            for index, heading in enumerate(headings)
        ]
        named = sorted({width_of(row[0]) for row in rows})
        for gap in _GAPS:
            others = len(_INDENT) + sum(widths[1:]) + len(gap) * (sum(used) - 1)
            room = total - others
            if named and named[0] <= room and len(headings[0]) <= room:
                widths[0] = max(len(headings[0]), *(name for name in named if name <= room), 0)
                return cls(tuple(widths), used, gap, total, headings)
        return cls((0,) * len(headings), used, "", total, headings)

    def header(self) -> Iterator[_Line]:
        if any(self.widths) and any(self.used):
            yield _Line(self._side_by_side(self.headings), "dim")

    def lines(self, row: _Row) -> Iterator[_Line]:
        if width_of(row[0]) <= self.widths[0] and _is_short(row):
            yield _Line(self._side_by_side(row))
            return
        name, change, difference, *rest = row
        labelled = [
            f"{label} {cell}" for label, cell in zip(self.headings[3:], rest, strict=True) if cell
        ]
        text = ", ".join(part for part in (f"{name} {change}", difference, *labelled) if part)
        yield from (_Line(line) for line in wrap(text, self.total, first=_INDENT))

    def _side_by_side(self, row: Sequence[str]) -> str:
        cells = [
            pad(cell, width)
            for cell, width, used in zip(row, self.widths, self.used, strict=True)
            if used
        ]
        return (_INDENT + self.gap.join(cells)).rstrip()


def _verdict_lines(
    verdict: Verdict,
    rows: Mapping[int, _Row | None],
    columns: _Columns,
    width: int,
    *,
    brief: bool,
) -> Iterator[_Line]:
    yield from _title(verdict, width)
    shown = [row for metric in _shown(verdict) if (row := rows[id(metric)])]
    foldable = _is_foldable(verdict)
    with_headline = verdict.kind is VerdictKind.DIVERGED or not (foldable or shown)
    if verdict.colour is Colour.RED and any(seed.outcome == "failed" for seed in verdict.seeds):
        yield from _failed_seed_lines(verdict, width, most=MOST_LINES - 1 - len(shown))
    elif with_headline:
        yield from _paragraph(headline(verdict), width)
    for row in shown:
        yield from columns.lines(row)
    if not foldable and (passed := _by_kind(m for m in verdict.metrics if m.kind in FOLDABLE)):
        yield from _paragraph(passed, width, "dim")
    if verdict.colour is not Colour.RED and not brief:
        # Any other red one has its failure text; for the others, only this is printed.
        left_out = verdict.kind in (VerdictKind.SKIPPED, VerdictKind.UNCHANGED)
        no_base = verdict.base is not None and verdict.kind is VerdictKind.NO_BASELINE
        # The headline of a test without a base ends in its reason.
        why = verdict.reasons[:1] if left_out or (no_base and not with_headline) else ()
        # A choice between ways out is one with all of them in view.
        steps = verdict.next_steps[: None if verdict.kind is VerdictKind.UNAFFORDABLE else 1]
        for text in (*why, *_undecided(verdict), *verdict.notes):
            yield from _paragraph(text, width, "dim")
        for step in steps:
            yield from (_Line(line, "dim") for line in step_lines(step, width, _INDENT))


def _failed_seed_lines(verdict: Verdict, width: int, *, most: int) -> Iterator[_Line]:
    """What a failure text says; pytest has reported the failed seed, with its traceback."""
    width, most = width - len(_INDENT), max(_LEAST_OF_FAILURE, most)
    text = short_failure_text(verdict, width=width, most=most, output=False)
    for index, line in enumerate(text.splitlines()):
        yield _Line(_INDENT + line, "dim" if index else "")


def _undecided(verdict: Verdict) -> Iterator[str]:
    """Why metrics are undecided, and which of their seeds collapsed."""
    undecided = [m for m in verdict.metrics if m.kind is VerdictKind.INCONCLUSIVE]
    for metric in undecided:
        name = f"{metric.name}: " if len(verdict.metrics) > 1 else ""
        yield from (name + text for text in (*metric.notes, *metric.reasons))


def _title(verdict: Verdict, width: int) -> Iterator[_Line]:
    """The kind of a verdict, its test and its seeds; a long node id has a line of its own."""
    kind = pad(verdict.kind, 14)
    planned = "" if verdict.kind is VerdictKind.RECORDED else f"/{len(verdict.planned)}"
    unit = "pairs" if verdict.base else "seeds"
    seeds = f" {seeds_counted(verdict)}{planned} {unit}" if verdict.planned else ""
    tier = f" ({verdict.tier})" if verdict.tier not in ("", "default") else ""
    room = width - width_of(kind) - len(seeds)
    name = one_line(verdict.test + tier)
    style = _STYLES[verdict.colour]
    if width_of(name) <= room:
        yield _Line(kind + pad(name, room) + seeds, style, len(kind))
        return
    yield _Line((kind + pad("", room) + seeds).rstrip(), style, len(kind))
    yield _Line(_INDENT + name if width_of(_INDENT + name) <= width else name)


def _by_kind(metrics: Iterable[MetricVerdict]) -> str:
    names = defaultdict(list)
    for metric in metrics:
        names[metric.kind].append(metric.name)
    return "; ".join(f"{kind}: {', '.join(alike)}" for kind, alike in names.items())


def _folded_lines(folded: Sequence[Verdict], width: int) -> Iterator[_Line]:
    if not folded:
        return
    totals = RunReport(tuple(folded)).totals
    kinds = ", ".join(f"{count} {kind}" for kind, count in totals.by_severity)
    for line in wrap(f"{kinds} (-v lists each with its margin)", width):
        yield _Line(line, _STYLES[Colour.GREEN])


def _total_lines(report: RunReport, width: int) -> Iterator[_Line]:
    if report.sides is not None:
        for text in report.sides.sentences:
            for line in wrap(text, width, rest=_INDENT):
                yield _Line(line)
        if report.sides.environment is not None:
            for line in table_lines(report.sides.environment, width=width):
                yield _Line(line, "dim")
    for line in wrap(totals_line(report), width, rest=_INDENT):
        yield _Line(line, "bold")
    for note in closing_notes(report):
        for line in _note_lines(note, width):
            yield _Line(line, "yellow", len("note:") if line.startswith("note:") else 0)


def _note_lines(note: str, width: int) -> list[str]:
    if ends_in_command(note):
        return step_lines(note, width, "note: ")
    return wrap(note, width, first="note: ", rest=_INDENT)


def _paragraph(text: str, width: int, style: str = "") -> Iterator[_Line]:
    if text:
        yield from (_Line(line, style) for line in wrap(text, width, first=_INDENT))


_STYLES: Final = {
    Colour.GREEN: "green",
    Colour.YELLOW: "bold yellow",
    Colour.RED: "bold red",
}


def _encodable(line: _Line, encoding: str, width: int) -> list[_Line]:
    """The line with its escapes, which may need more lines than the characters they replace."""
    text = encodable(line.text, encoding)
    if width_of(text) <= width:
        return [replace(line, text=text)]
    return [replace(line, text=piece) for piece in wrap(text, width, rest=_INDENT)]


def _render(lines: Sequence[_Line], *, colour: bool) -> str:
    if not colour:
        return "\n".join(line.text for line in lines)
    from rich.console import Console
    from rich.text import Text

    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="standard", _environ={}, width=10**4
    )
    rendered = []
    for line in lines:
        text = Text(line.text)
        text.stylize(line.style, 0, line.styled)
        with console.capture() as capture:
            console.print(text, end="", soft_wrap=True)
        rendered.append(capture.get())
    return "\n".join(rendered)
