"""A change of the spread without one of the mean (`--mlregress-dispersion`)."""

from __future__ import annotations

from dataclasses import replace

from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind, most_severe


def with_spread(metric: MetricVerdict, rules: Rules) -> MetricVerdict:
    """The verdict of a metric after its spread was tested too, at the level of one comparison.

    A wider spread is a note with ``warn`` and a regression with ``fail``.

    Args:
        metric: the verdict on its mean.
        rules: how the test is judged.

    Returns:
        The verdict.
    """
    if rules.dispersion == "off":
        return metric
    from pytest_mlregress.statistics.dispersion import dispersion_test

    found = dispersion_test(tuple(metric.baseline.values()), tuple(metric.candidate.values()))
    if not found.pvalue <= rules.alpha:  # NaN where a spread cannot be tested
        return metric
    line = (
        f"the seeds spread {found.ratio:.3g} times as wide as the baseline's "
        f"(p = {found.pvalue:.2g}, level {rules.alpha:.2g})"
    )
    if rules.dispersion == "warn":
        return replace(metric, notes=(*metric.notes, line))
    kind = most_severe((metric.kind, VerdictKind.REGRESSION))
    return replace(metric, kind=kind, reasons=(*metric.reasons, line))
