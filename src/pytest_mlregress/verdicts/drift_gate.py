"""The drift test of an update: whether new values may be too far below their anchor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Anchor, Artifact, MetricBaseline
from pytest_mlregress.baselines.history import accepted_loss
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.statistics import Comparison


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a metric is not accepted at a look, and whether more seeds can settle it.

    Attributes:
        metric: the name of the metric.
        reason: why it is refused.
        drifted: whether it may have drifted from the anchor, which counts as a refused attempt;
            False for a loss against the latest baseline.
        settled: whether more seeds cannot change it.
    """

    metric: str
    reason: str
    drifted: bool
    settled: bool


def losses(judged: Sequence[MetricVerdict]) -> list[Refusal]:
    """The metrics that are red against the baseline that they would replace.

    Args:
        judged: the metrics, compared with that baseline.

    Returns:
        One refusal per red metric.
    """
    return [
        Refusal(
            metric.name,
            f"{metric.name} is worse than the baseline that it would replace ({metric.kind})",
            drifted=False,
            settled=_is_settled(metric),
        )
        for metric in judged
        if metric.kind in (VerdictKind.REGRESSION, VerdictKind.DIVERGED)
    ]


def _is_settled(metric: MetricVerdict) -> bool:
    """An estimate beyond the margin of its look will not be reversed by more seeds."""
    comparison = metric.comparison
    if metric.kind is VerdictKind.DIVERGED or comparison is None:
        return True
    loss = _loss(metric.baseline, metric.candidate, metric.higher_is_better)
    return not loss < comparison.margin


def drifts(
    previous: Artifact, name: str, metric: MetricBaseline, looks: Sequence[int]
) -> Refusal | None:
    """The refusal of new values that may be too far below the anchor, or None.

    Args:
        previous: the old baseline.
        name: the name of the metric.
        metric: its new values, those of one look.
        looks: the numbers of seeds after which the update is judged.

    Returns:
        The refusal.
    """
    from pytest_mlregress.statistics import compare
    from pytest_mlregress.statistics.drift import drift_budget, drift_levels
    from pytest_mlregress.statistics.samples import as_sample

    anchor = previous.anchor.get(name)
    if anchor is None or _same_seeds(anchor.values, metric.values):
        return None
    levels = drift_levels(tuple(looks), len(anchor.values), anchor.refused)
    level = levels[list(looks).index(len(metric.values))]
    budget = drift_budget(as_sample(tuple(anchor.values.values()), "anchor"))
    if math.isnan(budget):
        return Refusal(name, _no_spread(name, anchor), drifted=True, settled=True)
    comparison = compare(
        tuple(anchor.values.values()),
        tuple(metric.values.values()),
        higher_is_better=metric.higher_is_better,
        margin=budget,
        alpha=level,
    )
    if comparison.p_safe <= level:
        return None
    loss = _loss(anchor.values, metric.values, metric.higher_is_better)
    return Refusal(
        name,
        _drifted(previous, name, anchor, comparison, level),
        drifted=True,
        settled=loss >= budget,
    )


def _loss(before: Mapping[int, float], now: Mapping[int, float], higher_is_better: bool) -> float:
    """The estimated loss in metric units, of winsorised means; NaN where a value is not finite."""
    from pytest_mlregress.statistics.samples import as_sample
    from pytest_mlregress.statistics.t_tests import robust_difference

    values = [*before.values(), *now.values()]
    if not all(map(math.isfinite, values)):
        return math.nan
    difference = robust_difference(
        as_sample(tuple(before.values()), "before"), as_sample(tuple(now.values()), "now")
    ).value
    return -difference if higher_is_better else difference


def _drifted(
    previous: Artifact, name: str, anchor: Anchor, comparison: Comparison, level: float
) -> str:
    return (
        f"{name} may have drifted by more than 1sd ({comparison.margin:.4g}) from its "
        f"anchor of {anchor.time[:10]}: {comparison.mean_baseline:.6g} then, "
        f"{comparison.mean_candidate:.6g} now, p(not drifted so far) = {comparison.p_safe:.3g} > "
        f"{level:.2g}; accepted so far: a loss of {accepted_loss(previous, name) + 0.0:.4g}"
    )


def _no_spread(name: str, anchor: Anchor) -> str:
    return (
        f"{name} has an anchor of {anchor.time[:10]} with fewer than two finite values, against "
        "which no drift can be judged"
    )


def _same_seeds(before: Mapping[int, float], now: Mapping[int, float]) -> bool:
    """True if every old seed gave the same value.

    Nothing has drifted then, however few seeds there are.
    """
    return all(now.get(seed, math.nan) == value for seed, value in before.items())


def refusal_notes(previous: Artifact, refusals: Sequence[Refusal]) -> tuple[str, ...]:
    """What each refused attempt against an anchor does to the next one.

    Args:
        previous: the old baseline.
        refusals: the refusals of this update.

    Returns:
        One note per anchor.
    """
    from pytest_mlregress.statistics.drift import DRIFT_LEVEL

    notes = []
    for refusal in refusals:
        if refusal.drifted:
            tries = previous.anchor[refusal.metric].refused + 1
            notes.append(
                f"{refusal.metric}: refused try {tries} against this anchor, as the file of the "
                f"baseline now says (commit it): the next one is held to the level "
                f"{DRIFT_LEVEL / (tries + 1):.2g} in place of {DRIFT_LEVEL:g}, so that a loss "
                "cannot try its luck until it passes"
            )
    return tuple(notes)
