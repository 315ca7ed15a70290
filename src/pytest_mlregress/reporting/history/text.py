"""The history of tests as text: a plot, the changes and the newest runs of each metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pytest_mlregress.history.series import Change, Point, Series
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.reporting.plots.axis_scale import AxisScale
from pytest_mlregress.reporting.since_text import SHORT, day_text
from pytest_mlregress.reporting.text_layout import one_line, pad, wrap
from pytest_mlregress.statistics.change_points import LEVEL

__all__ = ["change_text", "code_text", "history_document", "history_lines", "series_title"]

Plot = Callable[..., list[str]]

_PLOT_HEIGHT: Final = 13
_LEAST_TO_DRAW: Final = 2
_HEADINGS: Final = ("date", "commit", "seeds", "mean", "difference", "verdict")
_RIGHT: Final = frozenset({"seeds", "mean", "difference"})


def history_lines(series: Sequence[Series], *, plot: Plot, width: int, rows: int) -> Iterator[str]:
    """The history of some metrics.

    Args:
        series: the metrics, at least one.
        plot: draws values with error bars, as `integrations.terminal_plot` does.
        width: in terminal cells.
        rows: how many of the newest runs are listed.

    Yields:
        The lines.
    """
    for position, one in enumerate(series):
        if position:
            yield ""
        yield series_title(one)
        yield from _plotted(one, plot, width)
        yield from _changes(one, width)
        yield from _table(one, rows)


def series_title(series: Series) -> str:
    """``test_digits.py::test_fit: accuracy (higher is better), 12 runs``.

    Args:
        series: the metric.

    Returns:
        The title.
    """
    tier = "" if series.tier == "default" else f" ({series.tier})"
    better = "higher" if series.higher_is_better else "lower"
    runs = count_of(len(series.points), "run")
    return one_line(f"{series.test}{tier}: {series.metric} ({better} is better), {runs}")


def change_text(change: Change) -> str:
    """One change: which commits, from what to what, how sure.

    Args:
        change: the change.

    Returns:
        The sentence.
    """
    found = change.found
    before, after = numbers((found.before, found.after), digits=4)
    low, high = found.interval
    difference, low_text, high_text = numbers((found.difference, low, high), digits=3, signed=True)
    p = f"p = {number(found.pvalue, digits=2)}" if found.pvalue else "exact"
    place = _between(change)
    also = "; the environment changed there, too" if change.environment else ""
    return (
        f"{'loss' if change.loss else 'gain'} {place}: {before} -> {after} "
        f"({difference} [{low_text}, {high_text}], {p}){also}"
    )


def code_text(point: Point) -> str:
    """The code of a run: ``4041c47``, ``4041c47+`` with uncommitted changes, ``-`` outside git.

    Args:
        point: the run.

    Returns:
        The text.
    """
    run = point.run
    return "-" if run.commit is None else f"{run.commit[:SHORT]}{'+' if run.dirty else ''}"


def history_document(series: Sequence[Series], *, place: str) -> dict[str, Any]:
    """The history as plain builtins for JSON.

    Args:
        series: the metrics.
        place: the file or URL.

    Returns:
        Mappings, lists and plain values; numbers keep all their digits.
    """
    return {
        "schema": 1,
        "place": place,
        "level": LEVEL,
        "series": [
            {
                "test": one.test,
                "tier": one.tier,
                "metric": one.metric,
                "higher_is_better": one.higher_is_better,
                "runs": [_point(point) for point in one.points],
                "changes": [_change(change) for change in one.changes],
            }
            for one in series
        ],
    }


def _point(point: Point) -> dict[str, Any]:
    run, test, metric = point.run, point.test, point.metric
    return {
        "run": run.id,
        "time": run.time,
        "kind": run.kind,
        "commit": run.commit,
        "branch": run.branch,
        "dirty": run.dirty,
        "environment": run.environment,
        "verdict": metric.verdict,
        "test_verdict": test.verdict,
        "n": metric.n,
        "mean": metric.mean,
        "sd": metric.sd,
        "difference": metric.difference,
        "interval": list(metric.interval),
        "interval_level": metric.interval_level,
        "p_harm": metric.p_harm,
        "p_safety": metric.p_safety,
        "level": metric.level,
        "margin": metric.margin,
        "values": {str(seed): value for seed, value in sorted(metric.values.items())},
        "baseline_revision": test.baseline_revision,
        "baseline_commit": test.baseline_commit,
    }


def _change(change: Change) -> dict[str, Any]:
    found = change.found
    return {
        "last_run": change.last.run.id,
        "first_run": change.first.run.id,
        "last_commit": change.last.run.commit,
        "first_commit": change.first.run.commit,
        "before": found.before,
        "after": found.after,
        "difference": found.difference,
        "interval": list(found.interval),
        "p": found.pvalue,
        "loss": change.loss,
        "environment_changed": change.environment,
    }


def _between(change: Change) -> str:
    last, first = code_text(change.last), code_text(change.first)
    day = day_text(change.first.run.time)
    if first == "-":
        return f"on {day}"
    if last == first:
        return f"at {first}, {day}"
    return f"between {last} and {first}, {day}"


def _plotted(series: Series, plot: Plot, width: int) -> Iterator[str]:
    drawn = [point for point in series.by_code if point.finite]
    if len(drawn) >= _LEAST_TO_DRAW:
        means = [point.mean for point in drawn]
        errors = [point.standard_error for point in drawn]
        firsts = [id(change.first.run) for change in series.changes]
        cuts = [at for at, point in enumerate(drawn) if id(point.run) in firsts]
        ends = [m - e for m, e in zip(means, errors, strict=True)]
        ends += [m + e for m, e in zip(means, errors, strict=True)]
        yield from plot(
            means,
            errors,
            cuts=cuts,
            x_ticks=_x_ticks(drawn, cuts),
            y_ticks={float(label): label for _, label in AxisScale.of(ends, 0.0, 1.0).ticks()},
            width=width,
            height=_PLOT_HEIGHT,
        )
        yield "mean of each run, with a standard error to both sides"
    left = len(series.points) - len(drawn)
    if left:
        yield f"not drawn: {count_of(left, 'run')} with a value that is not finite, or none"


def _x_ticks(drawn: Sequence[Point], cuts: Sequence[int]) -> Mapping[int, str]:
    ticks = {at: _place(drawn[at]) for at in (0, len(drawn) - 1)}
    for cut in cuts:
        if min(abs(cut - at) for at in ticks) > len(drawn) // 3:
            ticks[cut] = code_text(drawn[cut])
    return dict(sorted(ticks.items()))


def _place(point: Point) -> str:
    return f"{code_text(point)}, {day_text(point.run.time)}"


def _changes(series: Series, width: int) -> Iterator[str]:
    if not series.changes:
        distinct = sum(point.finite for point in series.points)
        yield (
            f"no change of the mean is shown (level {LEVEL:g})"
            if distinct > 1
            else "one run shows no change"
        )
    for change in series.changes:
        yield from wrap(change_text(change), width, rest="  ")


def _table(series: Series, rows: int) -> Iterator[str]:
    newest = series.points[-rows:] if rows else ()
    means = numbers([point.metric.mean for point in newest], digits=4)
    differences = _differences(newest)
    cells = [
        (
            day_text(point.run.time),
            code_text(point),
            str(point.metric.n),
            mean if point.metric.n else "-",
            difference,
            _verdict(point),
        )
        for point, mean, difference in zip(newest, means, differences, strict=True)
    ]
    if not cells:
        return
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *cells, strict=True)]
    for row in (_HEADINGS, *cells):
        padded = (
            pad(text, width, right=heading in _RIGHT)
            for text, width, heading in zip(row, widths, _HEADINGS, strict=True)
        )
        yield ("  " + "  ".join(padded)).rstrip()
    hidden = len(series.points) - len(newest)
    if hidden:
        yield f"  and {count_of(hidden, 'earlier run')}: --runs {len(series.points)}"


def _differences(points: Sequence[Point]) -> list[str]:
    """Those that were compared, with as many digits as the largest needs."""
    known = [point.metric.difference for point in points if math.isfinite(point.metric.difference)]
    texts = iter(numbers(known, digits=2, signed=True, figures=3))
    return [next(texts) if math.isfinite(point.metric.difference) else "-" for point in points]


def _verdict(point: Point) -> str:
    kind = "" if point.run.kind == "check" else f" ({point.run.kind})"
    return f"{point.metric.verdict}{kind}"
