"""A run in one sentence: how many tests got worse, which most, by how much, since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from pytest_mlregress.node_ids import name_parts
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.metric_text import difference_with_interval
from pytest_mlregress.reporting.report import RunReport, most_severe_metrics_first
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.reporting.text_layout import one_line
from pytest_mlregress.reporting.totals import heading
from pytest_mlregress.verdicts.verdict import SEVERITY, Colour, Verdict, VerdictKind

_DID: Final[Mapping[VerdictKind, tuple[str, str]]] = {
    VerdictKind.IDENTICAL: ("is identical", "are identical"),
    VerdictKind.UNCHANGED: ("is unchanged", "are unchanged"),
    VerdictKind.PASS: ("passed", "passed"),
    VerdictKind.IMPROVEMENT: ("improved", "improved"),
    VerdictKind.MINOR: ("lost less than its margin", "lost less than their margins"),
    VerdictKind.REGRESSION: ("got worse", "got worse"),
    VerdictKind.INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
    VerdictKind.UNAFFORDABLE: ("is unaffordable", "are unaffordable"),
    VerdictKind.DIVERGED: ("diverged", "diverged"),
    VerdictKind.INCOMPARABLE: ("is incomparable", "are incomparable"),
    VerdictKind.NO_BASELINE: ("has no baseline", "have no baseline"),
    VerdictKind.INCOMPLETE: ("is incomplete", "are incomplete"),
    VerdictKind.RECORDED: ("was recorded", "were recorded"),
    VerdictKind.REFUSED: ("was not recorded", "were not recorded"),
    VerdictKind.SKIPPED: ("was skipped", "were skipped"),
}
"""What one test, and several of them, did."""

_WIDTH: Final = 72
"""Cells that a headline takes of the sentence."""


def overview(report: RunReport) -> str:
    """``1 of 13 tests got worse: accuracy of test_digits -0.03 [-0.041, -0.019], since …``.

    Where the reds, or else the yellows, are of one kind, the worst of them follows with its
    numbers. Where they are of several, all of them are counted first: `2 of 13 tests failed:
    1 diverged, 1 got worse; worst: …`, so that what cuts the line cuts the numbers. A green run
    has its counts.

    Args:
        report: the report.

    Returns:
        One line.
    """
    if not report.verdicts:
        return "no regression test was judged"
    for colour in (Colour.RED, Colour.YELLOW):
        of_colour = [verdict for verdict in report.most_severe_first if verdict.colour is colour]
        if of_colour:
            return one_line(_of_worst(of_colour, report))
    return f"{heading(report)}: {_counts(report.verdicts)}"


def _of_worst(verdicts: Sequence[Verdict], report: RunReport) -> str:
    worst = verdicts[0]
    if any(verdict.kind is not worst.kind for verdict in verdicts):
        return f"{heading(report)}: {_counts(verdicts)}; worst: {_example(worst)}"
    tests = count_of(len(report.verdicts), "test")
    return f"{len(verdicts)} of {tests} {_did(worst.kind, len(verdicts))}: {_example(worst)}"


def _did(kind: VerdictKind, count: int) -> str:
    return _DID[kind][count != 1]


def _counts(verdicts: Sequence[Verdict]) -> str:
    """``2 diverged, 1 has no baseline``, the most severe first."""
    counts = Counter(verdict.kind for verdict in verdicts)
    kinds = [kind for kind in reversed(SEVERITY) if counts[kind]]
    return ", ".join(f"{counts[kind]} {_did(kind, counts[kind])}" for kind in kinds)


def _example(verdict: Verdict) -> str:
    """The test with what says most of it."""
    name = name_parts(verdict.test)[-1]
    moved = next(
        (
            metric
            for metric in most_severe_metrics_first(verdict)
            if metric.comparison is not None and metric.kind is verdict.kind
        ),
        None,
    )
    if moved is not None and verdict.kind is not VerdictKind.DIVERGED:
        text = f"{moved.name} of {name} {difference_with_interval(moved)}"
    else:
        text = f"{name}, {headline(verdict, width=_WIDTH, after_kind=True).rstrip(':')}"
    return f"{text}, {since_text(verdict.since)}" if verdict.since is not None else text
