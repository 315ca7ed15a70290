"""Verdicts as rows of a Markdown table, as many as there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pytest_mlregress.plurals import plural
from pytest_mlregress.reporting.markdown.text import code_text, escaped_text
from pytest_mlregress.reporting.metric_text import (
    common_level,
    difference_with_interval,
    level_text,
    margin_text,
    means,
    p_text,
    same_side_short,
)
from pytest_mlregress.reporting.number_format import numbers
from pytest_mlregress.reporting.report import most_severe_metrics_first
from pytest_mlregress.reporting.sample_text import seeds_of_planned, unit_of
from pytest_mlregress.reporting.text_layout import shorten
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

MARKS: Final = {Colour.RED: "🔴", Colour.YELLOW: "🟡", Colour.GREEN: "🟢"}

_HEADINGS: Final = ("verdict", "test", "metric")
_LONGEST_METRIC: Final = 100
_MOST_METRICS: Final = 12


class Room:
    """The bytes that a document has left.

    Args:
        size: how many.
    """

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, block: str) -> bool:
        """Use up what a block and the blank line after it take, if there is as much.

        Args:
            block: the text.

        Returns:
            Whether it fits.
        """
        size = len(block.encode()) + 2
        if size > self.left:
            return False
        self.left -= size
        return True


def row(*cells: str) -> str:
    """A row of cells that are Markdown already.

    Args:
        *cells: the cells.

    Returns:
        The row.
    """
    return f"| {' | '.join(cells)} |"


def verdict_table(verdicts: Sequence[Verdict], room: Room) -> tuple[str, int]:
    """As many tests as fit, a row per metric.

    Args:
        verdicts: the tests, in the order of the rows.
        room: what the document has left; used up.

    Returns:
        The table, empty without a row, and how many tests do not fit.
    """
    beside_a_base = any(verdict.base for verdict in verdicts)
    sides = "base → now" if beside_a_base else "baseline → now"
    seeds = plural(unit_of(verdicts), 2)
    level = common_level(metric for verdict in verdicts for metric in _judged(verdict.metrics))
    headings = row(*_HEADINGS, sides, _difference_heading(level), "p", "margin", seeds)
    head = f"{headings}\n|---|---|---|--:|--:|--:|--:|--:|"
    if not room.take(head):
        return "", len(verdicts)
    lines, left_out = [head], 0
    for verdict in verdicts:
        rows = "\n".join(_rows(verdict, level))
        if left_out or not room.take(rows):
            left_out += 1
        else:
            lines.append(rows)
    return ("\n".join(lines) if len(lines) > 1 else ""), left_out


def metric_table(verdict: Verdict) -> str:
    """The metrics of one test, a row each.

    Args:
        verdict: the test.

    Returns:
        The table; empty without metrics.
    """
    metrics = most_severe_metrics_first(verdict)
    if not metrics:
        return ""
    sides = "base → now" if verdict.base else "baseline → now"
    level = common_level(_judged(metrics[:_MOST_METRICS]))
    head = ("metric", "verdict", sides, _difference_heading(level), "p (limit)", "margin")
    rule = ("---", "---", "--:", "--:", "--:", "--:")
    rows: list[tuple[str, ...]] = []
    for metric in metrics[:_MOST_METRICS]:
        moved, difference, p, margin = _figures(metric, level)
        limit = f"{p} ({_limit(metric)})" if p else ""
        rows.append((_name(metric), str(metric.kind), moved, difference, limit, margin))
    if len(metrics) > _MOST_METRICS:
        rows.append((f"… and {len(metrics) - _MOST_METRICS} more", *[""] * 5))
    filled = [index for index in range(len(head)) if any(cells[index] for cells in rows)]
    lines = [row(*(cells[index] for index in filled)) for cells in (head, *rows)]
    lines.insert(1, f"|{'|'.join(rule[index] for index in filled)}|")
    return "\n".join(lines)


def name_of(verdict: Verdict) -> str:
    """The test as code, with its tier where that is not the usual one.

    Args:
        verdict: the test.

    Returns:
        The Markdown.
    """
    name = code_text(verdict.test)
    if verdict.tier in ("", "default"):
        return name
    return f"{name} ({escaped_text(shorten(verdict.tier, _LONGEST_METRIC))})"


def _figures(metric: MetricVerdict, level: str) -> tuple[str, str, str, str]:
    """Means, difference with interval, p and margin; empty texts for what there is not."""
    moved = means(metric).replace("->", "→")
    margin = escaped_text(margin_text(metric))
    if metric.comparison is None or metric.kind is VerdictKind.DIVERGED:
        difference = _difference(metric, level) if metric.comparison is None else ""
        return moved, difference, "", margin
    return moved, _difference(metric, level), p_text(metric), margin


def _judged(metrics: Iterable[MetricVerdict]) -> Iterator[MetricVerdict]:
    """Those with an interval in their row."""
    return (metric for metric in metrics if metric.kind is not VerdictKind.DIVERGED)


def _difference_heading(level: str) -> str:
    """With the confidence that all intervals of the column have; empty where each has its own."""
    return f"difference [{level}]" if level else "difference [interval] (confidence)"


def _difference(metric: MetricVerdict, level: str) -> str:
    """With the confidence if the column has several, and what two runs of one side differ by."""
    text, same = difference_with_interval(metric), same_side_short(metric)
    own = level_text(metric) if text and not level else ""
    said = ", ".join(filter(None, (own, f"A/A {same}" if same else "")))
    return f"{text} ({said})" if text and said else text or said


def _rows(verdict: Verdict, level: str) -> Iterator[str]:
    """One row per metric; only the first holds what is the same in all of them."""
    mark, name = MARKS[verdict.colour], name_of(verdict)
    seeds = seeds_of_planned(verdict)
    metrics = most_severe_metrics_first(verdict)
    if not metrics:
        yield row(f"{mark} {verdict.kind}", name, "", "", "", "", "", seeds)
    for index, metric in enumerate(metrics[:_MOST_METRICS]):
        kind = f"{mark} {verdict.kind}" if not index else ""
        if metric.kind is not verdict.kind:
            kind = f"{kind}<br>{metric.kind}" if kind else str(metric.kind)
        first = ("", "") if index else (name, seeds)
        yield row(kind, first[0], _name(metric), *_figures(metric, level), first[1])
    if len(metrics) > _MOST_METRICS:
        more = f"… and {len(metrics) - _MOST_METRICS} more"
        yield row("", "", more, "", "", "", "", "")


def _name(metric: MetricVerdict) -> str:
    return escaped_text(shorten(metric.name, _LONGEST_METRIC, ellipsis="…"))


def _limit(metric: MetricVerdict) -> str:
    """The level that the p-value had to reach, told apart from it."""
    assert metric.comparison is not None
    level = metric.level or metric.alpha
    return numbers((metric.comparison.p_harm, level), digits=2, aligned=False)[1]
