"""The numbers of verdicts as properties in JUnit XML: of each test case, and of the test suite.

Those of a metric are named ``mlregress_difference[accuracy]``, as pytest writes ids of parameters.
pytest escapes the values of properties but not their names, which must hold nothing that XML
cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pytest_mlregress.reporting.metric_text import shown_interval
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.reporting.text_layout import one_line
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict

if TYPE_CHECKING:
    from pytest_mlregress.reporting.report import RunReport

_DIGITS = 6


def verdict_properties(verdict: Verdict) -> list[tuple[str, str]]:
    """What a verdict says, in numbers.

    Args:
        verdict: the verdict.

    Returns:
        Names and values, the verdict first.
    """
    found = [("mlregress_verdict", str(verdict.kind))]
    if verdict.since is not None:
        found.append(("mlregress_since", one_line(since_text(verdict.since))))
    for metric in verdict.metrics:
        name = one_line(metric.name)
        found += [(f"mlregress_{key}[{name}]", value) for key, value in _of_metric(metric)]
    return found


def suite_properties(report: RunReport) -> list[tuple[str, str]]:
    """What there is to say of the run as a whole.

    Args:
        report: the report.

    Returns:
        Names and values.
    """
    from pytest_mlregress.reporting.overview import overview

    found = {"mlregress_overview": overview(report)}
    if report.code is not None and report.code.commit is not None:
        found["mlregress_commit"] = report.code.commit
        found["mlregress_dirty"] = str(report.code.dirty).lower()
    if report.machine:
        found["mlregress_machine"] = report.machine
    return [(name, one_line(value)) for name, value in found.items()]


def _of_metric(metric: MetricVerdict) -> Iterator[tuple[str, str]]:
    yield "verdict", str(metric.kind)
    if (comparison := metric.comparison) is None:
        return
    yield "difference", number(comparison.difference, digits=_DIGITS)
    if (shown := shown_interval(metric)) is not None:
        low, high = (number(end, digits=_DIGITS) for end in shown[:2])
        yield "interval", f"{low} {high}"
        yield "interval_level", number(shown[2], digits=_DIGITS)
    yield "p", number(comparison.p_harm, digits=_DIGITS)
    yield "limit", number(metric.level or metric.alpha, digits=_DIGITS)
    yield "margin", number(comparison.margin, digits=_DIGITS)
