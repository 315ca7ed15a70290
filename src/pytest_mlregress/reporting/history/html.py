"""The history of tests as one HTML file that loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pytest_mlregress.history.records import RunRecord
from pytest_mlregress.history.series import Point, Series
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.history.text import change_text, code_text, series_title
from pytest_mlregress.reporting.html.page import page_environment
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.plots import history
from pytest_mlregress.reporting.since_text import day_text, days_text

__all__ = ["history_html"]

_ROWS: Final = 20
"""Runs in the table of a metric."""


def history_html(runs: Sequence[RunRecord], series: Sequence[Series], *, place: str) -> str:
    """A page for phones and desktops, in light and dark.

    Args:
        runs: the runs, oldest first, at least one.
        series: their metrics.
        place: the file or URL, as everyone may see it.

    Returns:
        The HTML.
    """
    page = page_environment().get_template("history.html.j2")
    days = days_text(runs[0].time, runs[-1].time)
    return page.render(
        title=f"{count_of(len(runs), 'run')}, {days}",
        place=place,
        metrics=[_metric(one) for one in sorted(series, key=_gravity)],
        plot=history,
    )


def _gravity(series: Series) -> tuple[bool, bool, str, str]:
    """Those that lost first."""
    lost = any(change.loss for change in series.changes)
    return (not lost, not series.changes, series.test, series.metric)


def _metric(series: Series) -> Mapping[str, Any]:
    newest = series.points[-1]
    return {
        "title": series_title(series),
        "colour": newest.colour,
        "changes": [change_text(change).replace("->", "→") for change in series.changes],
        "plot": history.history_plot(series),
        "rows": [_row(point) for point in reversed(series.points[-_ROWS:])],
        "hidden": max(0, len(series.points) - _ROWS),
    }


def _row(point: Point) -> Mapping[str, str]:
    metric = point.metric
    compared = metric.compared and metric.difference == metric.difference
    return {
        "day": day_text(point.run.time),
        "code": code_text(point),
        "branch": point.run.branch or "",
        "kind": point.run.kind,
        "colour": point.colour,
        "verdict": metric.verdict,
        "seeds": str(metric.n),
        "mean": number(metric.mean, digits=4) if metric.n else "",
        "difference": number(metric.difference, digits=2, signed=True) if compared else "",
        "revision": point.test.baseline_revision or "",
    }
