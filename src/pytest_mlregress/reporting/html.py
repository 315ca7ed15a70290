"""The report as one HTML file: no scripts, nothing loaded from anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.reporting import strip_plot
from pytest_mlregress.reporting.environment_table import HEADINGS, NO_DIFFERENCE
from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.metric_text import (
    MEANING_OF_Q,
    difference_cell,
    margin_text,
    means,
    p_text,
)
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.report import RunReport, most_severe_metrics_first
from pytest_mlregress.reporting.text_layout import one_line
from pytest_mlregress.reporting.totals import closing_notes, heading, totals_line
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

if TYPE_CHECKING:
    import jinja2

_TEXT_WIDTH: Final = 92


def to_html(report: RunReport) -> str:
    """A self-contained page for phones and desktops, in light and dark.

    Args:
        report: the report.

    Returns:
        The HTML.
    """
    tests = [
        _test(report, verdict, index) for index, verdict in enumerate(report.most_severe_first)
    ]
    page = page_environment().get_template("report.html.j2")
    return page.render(
        report=report,
        heading=heading(report),
        totals=totals_line(report),
        notes=closing_notes(report),
        grave=[test for test in tests if test["colour"] != Colour.GREEN],
        green=[test for test in tests if test["colour"] == Colour.GREEN],
        plot=strip_plot,
        environment_headings=HEADINGS,
        no_difference=NO_DIFFERENCE,
        other="base" if any(verdict.base for verdict in report.verdicts) else "baseline",
    )


def page_environment() -> jinja2.Environment:
    """The templates of this room; what they print is escaped, and has no invisible character.

    Returns:
        The environment.
    """
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("pytest_mlregress.reporting"),
        autoescape=True,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _visible(value: object) -> object:
    """Every text that the template prints; markup has passed through here already."""
    return visible(value) if type(value) is str else value


def _test(report: RunReport, verdict: Verdict, index: int) -> Mapping[str, Any]:
    tier = f" ({verdict.tier})" if verdict.tier not in ("", "default") else ""
    name = one_line(verdict.test + tier)
    return {
        "anchor": f"test-{index}",
        "name": name,
        "pieces": re.findall(r"[^/:]+[/:]*|[/:]+", name),
        "kind": str(verdict.kind),
        "colour": str(verdict.colour),
        "headline": headline(verdict),
        "seeds": f"{verdict.decided_after}/{len(verdict.planned)}",
        "unit": "pairs" if verdict.base else "seeds",
        "metrics": [_metric(report, verdict, m) for m in most_severe_metrics_first(verdict)],
        "text": failure_text(verdict, width=_TEXT_WIDTH),
    }


def _metric(report: RunReport, verdict: Verdict, metric: MetricVerdict) -> Mapping[str, Any]:
    judged = metric.comparison is not None and metric.kind is not VerdictKind.DIVERGED
    q_value = report.q_value(verdict, metric)
    return {
        "name": one_line(metric.name),
        "kind": str(metric.kind),
        "direction": "higher is better" if metric.higher_is_better else "lower is better",
        "means": means(metric).replace("->", "→"),
        "difference": difference_cell(metric) if judged or metric.comparison is None else "",
        "p": p_text(metric) if judged else "",
        "q": number(q_value, digits=2) if judged and q_value is not None else "",
        "meaning_of_q": MEANING_OF_Q,
        "margin": margin_text(metric),
        "plot": strip_plot.strip_plot(metric),
    }
