"""Matched seeds: whether a metric's seeds are compared linked, and the linked comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.drift import paired_history
from pytest_mlregress.verdicts.rules import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict

if TYPE_CHECKING:
    from pytest_mlregress.statistics import Comparison
    from pytest_mlregress.statistics.pairing import LinkEstimate


@dataclass(frozen=True, slots=True)
class Link:
    """How the matched seeds of one metric are linked, fixed from earlier runs.

    ``theta`` is the weight of a baseline seed's own value, ``rho`` the correlation that the weight
    comes from, NaN where `pairing="always"` links without any history.
    """

    theta: float
    rho: float

    def gain(self, n_baseline: int, n_candidate: int) -> float:
        """How many unpaired seeds tell as much as one linked seed; NaN where rho is unknown."""
        from pytest_mlregress.statistics.pairing import equivalent_seeds

        if math.isnan(self.rho):
            return math.nan
        seeds = equivalent_seeds(n_baseline, n_candidate, theta=self.theta, rho=self.rho)
        return seeds / n_candidate


def link_of(name: str, baseline: Artifact, rules: Rules) -> Link | None:
    """The link of a metric's seeds, or None where it is compared unpaired."""
    if rules.pairing == "never" or rules.on_nonfinite == "test" or rules.test != "robust-t":
        return None
    estimate = _history(name, baseline)
    if estimate.eligible:
        return Link(estimate.theta, estimate.rho)
    return Link(1.0, math.nan) if rules.pairing == "always" else None


def _history(name: str, baseline: Artifact) -> LinkEstimate:
    from pytest_mlregress.statistics.pairing import EarlierRun, estimate_theta

    return estimate_theta(
        [EarlierRun(commit or "", tuple(pairs)) for commit, pairs in paired_history(baseline, name)]
    )


def linkable(metric: MetricVerdict) -> bool:
    """True where every candidate seed has a baseline value, and all values are finite."""
    return (
        len(metric.candidate) > 1
        and metric.candidate.keys() <= metric.baseline.keys()
        and all(map(math.isfinite, (*metric.baseline.values(), *metric.candidate.values())))
    )


def compare_linked(
    metric: MetricVerdict, link: Link, rules: Rules, resolution: float | None = None
) -> Comparison:
    """Compare the linked samples.

    The automatic margin stays that of the unpaired comparison: a loss that only pairing can see is
    real, but `minor`, and does not hold up a change.
    """
    from pytest_mlregress.statistics import compare
    from pytest_mlregress.statistics.pairing import seed_linked

    baseline, candidate = tuple(metric.baseline.values()), tuple(metric.candidate.values())
    how = partial(
        compare,
        baseline,
        candidate,
        higher_is_better=metric.higher_is_better,
        alpha=rules.alpha,
        beta=rules.beta,
        resolution=resolution,
    )
    margin = how(margin=metric.declared).margin
    return how(
        margin=margin if math.isfinite(margin) else "auto",
        linked=seed_linked(metric.baseline, metric.candidate, link.theta),
    )
