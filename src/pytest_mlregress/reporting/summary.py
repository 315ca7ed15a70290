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
from pytest_mlregress.reporting.summary_columns import HEADINGS, Columns, Row, is_short
from pytest_mlregress.reporting.text_layout import one_line, pad, width_of, wrap, wrap_within
from pytest_mlregress.reporting.timeline_text import timeline_lines
from pytest_mlregress.reporting.totals import closing_notes, totals_line
from pytest_mlregress.reporting.unrecorded import fold_unrecorded
from pytest_mlregress.verdicts.record_all import plan_all_command
from pytest_mlregress.verdicts.verdict import FOLDABLE, Colour, MetricVerdict, Verdict, VerdictKind

FOLD_UNAFFORDABLE_ABOVE: Final = 5
"""Up to this many tests that the seeds cannot decide on have a next step each."""

FOLD_ABOVE: Final = 20
"""Up to this many foldable tests are listed one by one, each with its margin."""

_BESIDE_A_BASE: Final = {"baseline -> now": "base -> now"}
_MOST_OF_UNAFFORDABLE: Final = 2
_MOST_OF_NOTE: Final = 3
_LEAST_OF_FAILURE: Final = 4
_MORE: Final = "-v shows every value, test and step of a failure"


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
    columns = Columns.fitting(
        [row for row in rows.values() if row and is_short(row)], width, _headings(listed)
    )
    short = [verdict for verdict in listed if _is_unaffordable(verdict)]
    detail = _detail(verbosity, len(short))
    lines = list(columns.header())
    for verdict in listed:
        lines += _verdict_lines(verdict, rows, columns, width, detail)
    if columns.used[HEADINGS.index("q")]:
        lines += _paragraph(f"q: {MEANING_OF_Q}", width, "dim")
    lines += lines_of_unrecorded(unrecorded, width)
    if not detail.steps:
        lines += _plan_lines(short, width)
    lines += _folded_lines(folded, width)
    if lines:
        lines.append(StyledLine(""))
    lines += _total_lines(report, width, verbosity > 0)
    if verbosity == 0 and any(
        verdict.colour is Colour.RED or verdict in short for verdict in listed
    ):
        lines += [StyledLine(line, "dim") for line in wrap(_MORE, width, rest=INDENT)]
    return lines


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is said of a test that is not red; None for everything.

    Attributes:
        of_unaffordable: lines on what an unaffordable test lacks.
        of_notes: lines of a note on another test.
        steps: whether each unaffordable test has its own next step.
    """

    of_unaffordable: int | None
    of_notes: int | None
    steps: bool = True

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.of_notes is None


def _detail(verbosity: int, unaffordable: int) -> _Detail:
    if verbosity > 0:
        return _Detail(None, None)
    if unaffordable > FOLD_UNAFFORDABLE_ABOVE:
        return _Detail(1, _MOST_OF_NOTE, steps=False)
    return _Detail(_MOST_OF_UNAFFORDABLE, _MOST_OF_NOTE)


def _is_unaffordable(verdict: Verdict) -> bool:
    """Whether a check is, or will be after an update."""
    if verdict.kind is VerdictKind.RECORDED:
        return bool(verdict.next_steps)
    return verdict.kind is VerdictKind.UNAFFORDABLE


def _plan_lines(verdicts: Sequence[Verdict], width: int) -> Iterator[StyledLine]:
    command = plan_all_command(verdicts)
    if command is not None:
        for line in step_lines(f"what each of the {len(verdicts)} needs: {command}", width, ""):
            yield StyledLine(line, "dim")


def _headings(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    level = common_level(metric for verdict in verdicts for metric in _shown(verdict))
    renamed = dict(_BESIDE_A_BASE) if any(verdict.base for verdict in verdicts) else {}
    if level:
        renamed["difference [interval]"] = f"difference [{level}]"
    return tuple(renamed.get(heading, heading) for heading in HEADINGS)


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


def _row(
    report: RunReport, verdict: Verdict, metric: MetricVerdict, *, verbose: bool
) -> Row | None:
    """The cells under `HEADINGS`; None without a number to show."""
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


def _verdict_lines(
    verdict: Verdict,
    rows: Mapping[int, Row | None],
    columns: Columns,
    width: int,
    detail: _Detail,
) -> Iterator[StyledLine]:
    yield from _title(verdict, width)
    shown = [row for metric in _shown(verdict) if (row := rows[id(metric)])]
    foldable = _is_foldable(verdict)
    with_headline = verdict.kind is VerdictKind.DIVERGED or not (foldable or shown)
    if verdict.colour is Colour.RED and any(seed.outcome == "failed" for seed in verdict.seeds):
        yield from _failed_seed_lines(verdict, width, most=MOST_LINES - 1 - len(shown))
    elif with_headline:
        most = detail.of_unaffordable if verdict.kind is VerdictKind.UNAFFORDABLE else None
        yield from _paragraph(headline(verdict), width, most=most)
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
        more = verdict.reasons[1:] if detail.whole and _is_unaffordable(verdict) else ()
        steps = verdict.next_steps[: None if detail.whole and _is_unaffordable(verdict) else 1]
        if _is_unaffordable(verdict) and not detail.steps:
            steps = ()
        for text in (*why, *_undecided(verdict), *more):
            yield from _paragraph(text, width, "dim")
        for text in verdict.notes:
            most = detail.of_unaffordable if _is_unaffordable(verdict) else detail.of_notes
            yield from _paragraph(text, width, "dim", most=most)
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


def _total_lines(report: RunReport, width: int, verbose: bool) -> Iterator[StyledLine]:
    if report.sides is not None:
        for text in report.sides.sentences:
            for line in wrap(text, width, rest=INDENT):
                yield StyledLine(line)
        if report.sides.environment is not None:
            for line in table_lines(report.sides.environment, width=width):
                yield StyledLine(line, "dim")
    for line in wrap(totals_line(report), width, rest=INDENT):
        yield StyledLine(line, "bold")
    yield from timeline_lines(report.timeline, width, verbose=verbose)
    for note in closing_notes(report):
        yield from lines_of_note(note, width)


def _paragraph(
    text: str, width: int, style: str = "", *, most: int | None = None
) -> Iterator[StyledLine]:
    if not text:
        return
    lines = wrap(text, width, first=INDENT)
    if most is not None:
        lines = wrap_within(text, width, first=INDENT, most=most)
    yield from (StyledLine(line, style) for line in lines)
