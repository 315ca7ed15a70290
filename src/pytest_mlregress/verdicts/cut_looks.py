"""Metrics that another metric's red verdict cuts off before their own look has decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pytest_mlregress.verdicts.look_words import UNDECIDED
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

__all__ = ["cut_off"]

_WORSE_TOO: Final = (
    "another metric's verdict ended the test before this one's last look; a loss is shown, and its "
    "mean and its median are at least the margin"
)


def cut_off(metric: MetricVerdict, *, harm_shown: bool) -> MetricVerdict:
    """A metric whose check would have gone on, as it is when no seed follows.

    Before its last look a check with a fixed margin goes on where a loss is shown that may be
    smaller than the margin. Where the loss of the raw means and that of the raw medians are both
    as large as the margin, it ends as its last look would: harm shown, and not safe. The test is
    red by another metric in any case, so that this decides no verdict of a test.

    Args:
        metric: the metric after the look, with its comparison.
        harm_shown: whether this look or an earlier one showed a loss.

    Returns:
        The metric, a regression where the loss is shown to be one.
    """
    if metric.comparison is None or metric.kind is not VerdictKind.INCONCLUSIVE or not harm_shown:
        return metric
    safety = metric.comparison.safety
    if min(safety.mean_loss, safety.median_loss) < metric.comparison.margin:
        return metric
    notes = tuple(_WORSE_TOO if note == UNDECIDED else note for note in metric.notes)
    return replace(metric, kind=VerdictKind.REGRESSION, notes=notes)
