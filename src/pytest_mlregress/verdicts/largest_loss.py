"""Which metric of a suite lost most, on one scale for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict


@dataclass(frozen=True, slots=True)
class Effect:
    """The measured change of one metric, oriented so that a loss is negative.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        metric: the name of the metric.
        change: candidate minus base, in metric units.
        low: the lower end of its confidence interval.
        high: the upper end.
        share: the change as a share of the metric's margin, or of the base's SD without a margin.
    """

    test: str
    tier: str
    metric: str
    change: float
    low: float
    high: float
    share: float


def effect_of(verdict: Verdict, metric: MetricVerdict) -> Effect | None:
    """The measured change of a metric.

    Args:
        verdict: the test.
        metric: one of its metrics.

    Returns:
        The effect; None where nothing finite was compared.
    """
    comparison = metric.comparison
    if comparison is None or not math.isfinite(comparison.difference):
        return None
    sign = 1.0 if comparison.higher_is_better else -1.0
    low, high = sorted(sign * end for end in comparison.interval)
    change = sign * comparison.difference + 0.0
    scales = (comparison.margin, comparison.sd_baseline, 1.0)
    scale = next(scale for scale in scales if math.isfinite(scale) and scale > 0)
    return Effect(
        verdict.test, verdict.tier, metric.name, change, low + 0.0, high + 0.0, change / scale
    )


def largest_loss(verdicts: Iterable[Verdict]) -> Effect | None:
    """The metric that lost most, relative to its margin.

    Args:
        verdicts: the verdicts of a run.

    Returns:
        Its effect, a gain if there is no loss; None if nothing was compared.
    """
    effects = [
        effect
        for verdict in verdicts
        for metric in verdict.metrics
        if (effect := effect_of(verdict, metric)) is not None
    ]
    return min(effects, key=lambda effect: effect.share, default=None)
