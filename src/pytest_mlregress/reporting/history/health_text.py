"""The health of a suite as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.history.health import FalseReds, MetricHealth, SuiteHealth, TestSeeds
from pytest_mlregress.plurals import count_of, plural
from pytest_mlregress.reporting.number_format import number, seconds
from pytest_mlregress.reporting.since_text import SHORT, days_text
from pytest_mlregress.reporting.text_layout import one_line, pad, wrap

__all__ = ["health_lines"]

_METRICS: Final = ("", "compared", "margin", "finds 90 %", "red from", "green to")


def health_lines(health: SuiteHealth, width: int) -> Iterator[str]:
    """What the runs of a suite say about it.

    Args:
        health: the figures.
        width: in terminal cells.

    Yields:
        The lines.
    """
    yield f"{count_of(health.runs, 'run')}, {days_text(health.first, health.last)}"
    yield ""
    yield from wrap(f"unchanged code: {_false_reds(health.false_reds)}", width, rest="  ")
    for test, times in sorted(health.false_reds.tests.items()):
        yield f"  {one_line(test)}: {times} of them"
    yield from _flaky(health)
    if health.metrics:
        yield ""
        yield "what each metric has shown, as losses in its own unit"
        yield from _metrics(health.metrics)
        yield from (f"  {name}" for name in _MEANINGS)
    for metric in health.metrics:
        if metric.remark:
            yield from wrap(f"{one_line(metric.test)}: {metric.remark}", width, rest="  ")
    if health.seeds:
        yield ""
        yield from _seeds(health.seeds, width)


_MEANINGS: Final = (
    "finds 90 %: the loss that its seeds find with 90 % power, by the recorded spreads",
    "red from: the smallest loss seen red; green to: the largest seen green",
)


def _false_reds(found: FalseReds) -> str:
    if not found.runs:
        return (
            "no run yet. It is a check of the baselines' own commit, without changes, in their "
            "environment"
        )
    low, high = found.interval
    return (
        f"{found.red} of {count_of(found.runs, 'run')} red: {_percent(found.share)} "
        f"[{_percent(low)}, {_percent(high)}], promised at most {_percent(found.alpha)} (alpha)"
        f"{_against(found)}; {found.identical} of them bit-identical in every test"
    )


def _against(found: FalseReds) -> str:
    low, high = found.interval
    if low > found.alpha:
        return ": more than promised"
    return "" if high > found.alpha else ": kept"


def _percent(share: float) -> str:
    return f"{number(100.0 * share, digits=2)} %"


def _flaky(health: SuiteHealth) -> Iterator[str]:
    for test in health.flaky:
        commit = test.commit[:SHORT] if test.commit else "the same code"
        yield (
            f"flaky: {one_line(test.test)}: {test.red} of {count_of(test.runs, 'run')} of "
            f"{commit} red"
        )
    if not health.flaky:
        yield "flaky: no test was both red and not red on the same code"


def _metrics(metrics: Sequence[MetricHealth]) -> Iterator[str]:
    cells = [
        (
            f"  {one_line(metric.metric)}",
            str(metric.runs),
            _value(metric.margin),
            _value(metric.detectable),
            _value(metric.smallest_red),
            _value(metric.largest_green),
        )
        for metric in metrics
    ]
    widths = [max(map(len, column)) for column in zip(_METRICS, *cells, strict=True)]
    yield _row(_METRICS, widths)
    last = None
    for metric, row in zip(metrics, cells, strict=True):
        tier = "" if metric.tier == "default" else f" ({metric.tier})"
        if (name := f"{one_line(metric.test)}{tier}") != last:
            yield name
            last = name
        yield _row(row, widths)


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        pad(text, width, right=index > 0)
        for index, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join((first, *others)).rstrip()


def _value(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else number(value, digits=2)


def _seeds(tests: Sequence[TestSeeds], width: int) -> Iterator[str]:
    trained, late = sum(test.trained for test in tests), sum(test.late for test in tests)
    wasted = sum(test.late_seconds for test in tests)
    yield (
        f"seeds: {trained} trained in checks, {late} of them ({seconds(wasted)}) ended after "
        "their verdict was certain"
    )
    idle = [test for test in tests if test.needed < test.declared]
    if idle:
        yield f"declared but never needed, in {plural('test', len(idle))}:"
    for test in idle:
        line = (
            f"  {one_line(test.test)}: declares {test.declared}, "
            f"took at most {test.needed} in {count_of(test.checks, 'check')}"
        )
        yield from wrap(line.strip(), width, first="  ", rest="    ")
