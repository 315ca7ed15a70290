"""The summary at the end of a run, for a terminal or a CI log: verdicts, then counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from pytest_mlregress.reporting.quiet_summary import (
    lines_of_unrecorded,
    quiet_lines,
    totals_alone,
)
from pytest_mlregress.reporting.report import RunReport, most_severe_metrics_first
from pytest_mlregress.reporting.sample_text import seeds_counted
from pytest_mlregress.reporting.short_failure_text import MOST_LINES, short_failure_text
from pytest_mlregress.reporting.step_text import step_lines
from pytest_mlregress.reporting.styled_lines import (
    INDENT,
    KINDS,
    STYLES,
    StyledLine,
    lines_of_note,
    name_with_tier,
    rendered,
)
from pytest_mlregress.reporting.text_layout import one_line, pad, width_of, wrap
from pytest_mlregress.reporting.totals import closing_notes, totals_line
from pytest_mlregress.reporting.unrecorded import fold_unrecorded
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
_LEAST_OF_FAILURE: Final = 4
_MORE: Final = "-v shows every value, test and step of a failure"
_GAPS: Final = ("  ", " ")
"""What separates columns, the second where there is no room for the first."""

_LONGEST_MEANS: Final = 20
_LONGEST_DIFFERENCE: Final = 30


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
            counts. Below 0 each verdict that is not green has one line, and below -1 there is only
            the line of totals.
        encoding: characters that it lacks are written as escapes.

    Returns:
        The text, no line over ``width`` but for a word, such as a node id, that is wider.
    """
    if verbosity < -1:
        lines = totals_alone(report, width)
    elif verbosity < 0:
        lines = quiet_lines(report, width)
    else:
        lines = _lines(report, width, verbosity)
    return rendered(lines, width=width, colour=colour, encoding=encoding)


def _lines(report: RunReport, width: int, verbosity: int) -> list[StyledLine]:
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
        lines += _verdict_lines(verdict, rows, columns, width)
    if columns.used[_HEADINGS.index("q")]:
        lines += _paragraph(f"q: {MEANING_OF_Q}", width, "dim")
    lines += lines_of_unrecorded(unrecorded, width)
    lines += _folded_lines(folded, width)
    if lines:
        lines.append(StyledLine(""))
    lines += _total_lines(report, width)
    if verbosity == 0 and any(verdict.colour is Colour.RED for verdict in listed):
        lines += [StyledLine(line, "dim") for line in wrap(_MORE, width, rest=INDENT)]
    return lines


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
    if verbosity > 0 or len(foldable) <= FOLD_ABOVE:
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
            others = len(INDENT) + sum(widths[1:]) + len(gap) * (sum(used) - 1)
            room = total - others
            if named and named[0] <= room and len(headings[0]) <= room:
                widths[0] = max(len(headings[0]), *(name for name in named if name <= room), 0)
                return cls(tuple(widths), used, gap, total, headings)
        return cls((0,) * len(headings), used, "", total, headings)

    def header(self) -> Iterator[StyledLine]:
        if any(self.widths) and any(self.used):
            yield StyledLine(self._side_by_side(self.headings), "dim")

    def lines(self, row: _Row) -> Iterator[StyledLine]:
        if width_of(row[0]) <= self.widths[0] and _is_short(row):
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


def _verdict_lines(
    verdict: Verdict,
    rows: Mapping[int, _Row | None],
    columns: _Columns,
    width: int,
) -> Iterator[StyledLine]:
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
    if verdict.colour is not Colour.RED:
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
            yield from (StyledLine(line, "dim") for line in step_lines(step, width, INDENT))


def _failed_seed_lines(verdict: Verdict, width: int, *, most: int) -> Iterator[StyledLine]:
    """What a failure text says; pytest has reported the failed seed, with its traceback."""
    width, most = width - len(INDENT), max(_LEAST_OF_FAILURE, most)
    text = short_failure_text(verdict, width=width, most=most, output=False)
    for index, line in enumerate(text.splitlines()):
        yield StyledLine(INDENT + line, "dim" if index else "")


def _undecided(verdict: Verdict) -> Iterator[str]:
    """Why metrics are undecided, and which of their seeds collapsed."""
    undecided = [m for m in verdict.metrics if m.kind is VerdictKind.INCONCLUSIVE]
    for metric in undecided:
        name = f"{metric.name}: " if len(verdict.metrics) > 1 else ""
        yield from (name + text for text in (*metric.notes, *metric.reasons))


def _title(verdict: Verdict, width: int) -> Iterator[StyledLine]:
    """The kind of a verdict, its test and its seeds; a long node id has a line of its own."""
    kind = pad(verdict.kind, KINDS)
    planned = "" if verdict.kind is VerdictKind.RECORDED else f"/{len(verdict.planned)}"
    unit = "pairs" if verdict.base else "seeds"
    seeds = f" {seeds_counted(verdict)}{planned} {unit}" if verdict.planned else ""
    room = width - width_of(kind) - len(seeds)
    name = name_with_tier(verdict)
    style = STYLES[verdict.colour]
    if width_of(name) <= room:
        yield StyledLine(kind + pad(name, room) + seeds, style, len(kind))
        return
    yield StyledLine((kind + pad("", room) + seeds).rstrip(), style, len(kind))
    yield StyledLine(INDENT + name if width_of(INDENT + name) <= width else name)


def _by_kind(metrics: Iterable[MetricVerdict]) -> str:
    names = defaultdict(list)
    for metric in metrics:
        names[metric.kind].append(metric.name)
    return "; ".join(f"{kind}: {', '.join(alike)}" for kind, alike in names.items())


def _folded_lines(folded: Sequence[Verdict], width: int) -> Iterator[StyledLine]:
    if not folded:
        return
    totals = RunReport(tuple(folded)).totals
    kinds = ", ".join(f"{count} {kind}" for kind, count in totals.by_severity)
    for line in wrap(f"{kinds} (-v lists each with its margin)", width):
        yield StyledLine(line, STYLES[Colour.GREEN])


def _total_lines(report: RunReport, width: int) -> Iterator[StyledLine]:
    if report.sides is not None:
        for text in report.sides.sentences:
            for line in wrap(text, width, rest=INDENT):
                yield StyledLine(line)
        if report.sides.environment is not None:
            for line in table_lines(report.sides.environment, width=width):
                yield StyledLine(line, "dim")
    for line in wrap(totals_line(report), width, rest=INDENT):
        yield StyledLine(line, "bold")
    for note in closing_notes(report):
        yield from lines_of_note(note, width)


def _paragraph(text: str, width: int, style: str = "") -> Iterator[StyledLine]:
    if text:
        yield from (StyledLine(line, style) for line in wrap(text, width, first=INDENT))
