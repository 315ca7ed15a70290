"""Whether a loss was shown by little, so that an unlucky baseline may be all there is to it."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.verdicts.verdict import MetricVerdict

NEAR: Final = 10.0
"""A p-value within this factor of its limit is near it."""

_SMALLEST: Final = 2.0
"""A permutation p-value within this factor of the smallest says that no value could be rarer."""


def near_its_limit(metric: MetricVerdict) -> bool:
    """Whether the p-value of a shown loss is near what it was held to.

    Few seeds cannot give a small p-value, however large the loss: 5 against 10 give 0.00033 at
    least. There Welch's t-test tells a loss that is barely out of the baseline's values from one
    that is far out of them.

    Args:
        metric: a metric with a comparison.

    Returns:
        The answer; False of a loss that is not shown.
    """
    comparison = metric.comparison
    limit = metric.alpha if metric.level is None else metric.level
    if comparison is None or not limit / NEAR < comparison.p_harm <= limit:
        return False
    if comparison.p_harm > _SMALLEST * comparison.smallest_p:
        return True
    return not comparison.welch.pvalue / 2.0 <= limit / NEAR
