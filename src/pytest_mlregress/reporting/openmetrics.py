"""The figures of a run in the text format of OpenMetrics: GitLab's metrics report, or Prometheus.

GitLab reads each line as words of a shell and drops everything after a ``#``, even inside quotes;
in labels it is therefore written as the full-width sign.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from pytest_mlregress.reporting.metric_text import shown_interval
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.reporting.text_layout import one_line
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict

_IN_LABELS: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "#": "＃"}

_FAMILIES: Final = {
    "mlregress_mean": "Mean of the metric over the seeds of this run.",
    "mlregress_baseline_mean": "Mean of the metric over the seeds of the baseline.",
    "mlregress_difference": "Mean of this run minus that of the baseline.",
    "mlregress_difference_low": "Lower end of the interval of the difference.",
    "mlregress_difference_high": "Upper end of the interval of the difference.",
    "mlregress_difference_level": "Confidence of that interval.",
    "mlregress_p_harm": "p-value of the test for a loss.",
    "mlregress_margin": "The smallest loss that matters.",
}
"""What is known of a metric, by the name of the family."""


def to_openmetrics(report: RunReport) -> str:
    """Gauges by test, tier and metric, and the number of tests by verdict.

    Args:
        report: the report.

    Returns:
        The text, ended by ``# EOF``; what is not known of a metric has no line.
    """
    verdicts = report.most_severe_first
    samples = [
        (_labels(verdict, metric), _figures(metric))
        for verdict in verdicts
        for metric in verdict.metrics
    ]
    lines: list[str] = []
    for name, meaning in _FAMILIES.items():
        found = [(labels, figures[name]) for labels, figures in samples if name in figures]
        lines += _family(name, meaning, found)
    kinds = [
        (_label_set({"verdict": str(kind)}), float(count))
        for kind, count in report.totals.by_severity
    ]
    lines += _family("mlregress_tests", "Tests by verdict.", kinds)
    return "\n".join([*lines, "# EOF"]) + "\n"


def _family(name: str, meaning: str, samples: list[tuple[str, float]]) -> Iterator[str]:
    if samples:
        yield f"# TYPE {name} gauge"
        yield f"# HELP {name} {meaning}"
        yield from (f"{name}{labels} {_number(value)}" for labels, value in samples)


def _figures(metric: MetricVerdict) -> dict[str, float]:
    figures = {}
    if metric.candidate:
        figures["mlregress_mean"] = summarise(metric.candidate.values()).mean
    if metric.baseline:
        figures["mlregress_baseline_mean"] = summarise(metric.baseline.values()).mean
    if (found := metric.comparison) is not None:
        figures |= {
            "mlregress_difference": found.difference,
            "mlregress_p_harm": found.p_harm,
            "mlregress_margin": found.margin,
        }
        if (shown := shown_interval(metric)) is not None:
            names = ("low", "high", "level")
            figures |= {f"mlregress_difference_{n}": v for n, v in zip(names, shown, strict=True)}
    return figures


def _labels(verdict: Verdict, metric: MetricVerdict) -> str:
    return _label_set({"test": verdict.test, "tier": verdict.tier, "metric": metric.name})


def _label_set(labels: Mapping[str, str]) -> str:
    written = (
        f'{name}="{"".join(_IN_LABELS.get(c, c) for c in one_line(text))}"'
        for name, text in labels.items()
    )
    return f"{{{','.join(written)}}}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.9g}"
