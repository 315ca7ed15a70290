"""A plan as a table for a terminal: one line a metric, and what stands out below."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import about, number, seconds
from pytest_mlregress.reporting.plan_details import metric_details, standing_out
from pytest_mlregress.reporting.text_layout import pad, width_of
from pytest_mlregress.verdicts.plan import PlannedMetric, PlannedTest, SuitePlan

_HEADINGS: Final = ("test", "metric", "seeds", "margin", "power", "detects", "typical", "worst")
_GAP: Final = "  "
_UNKNOWN: Final = "-"

_LEGEND: Final = (
    "seeds: at most, of a check; power: chance to find a loss of the margin; detects: the loss "
    "found with power 0.90; typical, worst: seconds of training of a check, when nothing changed "
    "and with all seeds"
)

Row = tuple[str, ...]


def plan_table(plan: SuitePlan, *, width: int, verbose: bool = False) -> str:
    """What the planned seeds can detect and what they cost.

    Args:
        plan: the plan.
        width: width in terminal cells.
        verbose: whether every metric is followed by the design of its check.

    Returns:
        The text.
    """
    rows = [row for test in plan.tests for row in _rows(test)]
    lines = _table(rows, width) if rows else []
    more = [line for test in plan.tests for line in _remarks(test, verbose=verbose)]
    totals = _totals(plan)
    if rows and any(test.metrics for test in plan.tests):
        totals.append(_LEGEND)
    blocks = [block for block in (more, totals) if block]
    for block in blocks:
        lines += [""] if lines else []
        lines += [part for line in block for part in _wrapped(visible(line), width)]
    return "".join(f"{line}\n" for line in lines)


def _wrapped(line: str, width: int) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line, width, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False
    ) or [""]


def _name(test: PlannedTest) -> str:
    tier = f" ({test.tier})" if test.tier != "default" else ""
    return f"{test.test}{tier}"


def _rows(test: PlannedTest) -> Iterator[Row]:
    if test.pairs:
        return
    costs = (_UNKNOWN, _UNKNOWN)
    if test.cost is not None:
        each = test.cost.seconds
        costs = (_cost_of(test.typical_seeds, each), _cost_of(test.seeds, each))
    first = (visible(_name(test)),)
    if not test.metrics:
        yield (*first, "", str(test.seeds), *[_UNKNOWN] * 3, *costs)
    for metric in test.metrics:
        yield (*first, visible(metric.name), str(test.seeds), *_figures(metric), *costs)
        first, costs = ("",), ("", "")


def _cost_of(seeds: float, each: float) -> str:
    """A baseline keeps no shorter times than hundredths of a second."""
    return seconds(seeds * each) if each else f"<{seconds(seeds * 0.01)}"


def _figures(metric: PlannedMetric) -> Row:
    plan = metric.plan
    if plan is None:
        return (_UNKNOWN,) * 3
    return number(plan.margin), f"{plan.power:.2f}", number(plan.detectable_90)


def _table(rows: Sequence[Row], width: int) -> list[str]:
    """The rows below their headings; the names stand on lines of their own if that is too wide."""
    rows = [_HEADINGS, *rows]
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= width:
        return [_line(row, widths, left=2) for row in rows]
    lines = []
    for row in rows:
        if row is not _HEADINGS and row[0]:
            lines.append(row[0])
        lines.append(_GAP + _line(row[1:], widths[1:], left=1))
    return lines


def _line(row: Row, widths: Sequence[int], *, left: int) -> str:
    """The cells at their widths: the first few flush left, all others flush right."""
    cells = [
        pad(cell, width) if column < left else " " * (width - width_of(cell)) + cell
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return _GAP.join(cells).rstrip()


def _remarks(test: PlannedTest, *, verbose: bool) -> Iterator[str]:
    """What a line of the table cannot hold."""
    if test.pairs:
        yield f"{_name(test)}: at most {count_of(test.seeds, 'pair')}"
        yield from (f"  {line}" for line in test.pairs)
    if test.problem:
        yield f"{_name(test)}: {test.problem}"
    for metric in test.metrics:
        if metric.plan is None:
            yield f"{_name(test)}, {metric.name}: {metric.problem}"
            continue
        found = metric_details(metric, metric.plan) if verbose else ()
        found = (*found, *standing_out(metric, metric.plan, detailed=verbose))
        if found:
            yield f"{_name(test)}, {metric.name}:"
            yield from (f"  {line}" for line in found)


def _totals(plan: SuitePlan) -> list[str]:
    if plan.tests and all(test.pairs for test in plan.tests):
        most = sum(test.seeds for test in plan.tests)
        return [
            f"{count_of(len(plan.tests), 'test')}, which share alpha {plan.alpha:g}: at most "
            f"{count_of(most, 'pair')}, that is {2 * most} trainings",
        ]
    planned = [m.plan for test in plan.tests for m in test.metrics if m.plan is not None]
    if not planned:
        return [*_cost(plan), *plan.notes]
    most = sum(test.seeds for test in plan.tests if test.metrics)
    expected = sum(
        test.typical_seeds for test in plan.tests if any(m.plan is not None for m in test.metrics)
    )
    return [
        *_cost(plan),
        f"{count_of(len(plan.tests), 'test')}; {count_of(plan.comparisons, 'comparison')} in the "
        f"suite, which share alpha {plan.alpha:g}; "
        f"at most {count_of(most, 'seed')}, about {expected:.0f} expected when nothing changed",
        f"an unchanged suite passes with a chance of at least {plan.pass_at_least:.3f} "
        f"({plan.pass_if_independent:.3f} if the tests are independent)",
        *_where_margins_come_from(plan),
        *plan.notes,
    ]


def _cost(plan: SuitePlan) -> Iterator[str]:
    typical, worst = plan.typical_cost, plan.worst_cost
    if typical is None or worst is None:
        return
    unknown = (
        f"; {count_of(worst.unknown, 'test')} without recorded durations not counted"
        if worst.unknown
        else ""
    )
    usual, most = about(typical.seconds), about(worst.seconds)
    spared = f" when nothing changed, {most} with all seeds" if usual != most else ""
    yield f"costs about {usual} on {count_of(worst.workers, 'worker')}{spared}{unknown}"


def _where_margins_come_from(plan: SuitePlan) -> list[str]:
    if not any(metric.margin_recorded for test in plan.tests for metric in test.metrics):
        return []
    return [
        "fixed margins are those that the baselines were recorded with: nothing ran that could "
        "tell another one; a check goes by the margin in the code"
    ]
