"""Matched seeds: whether a metric's seeds are linked, and what that adds to a look."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.history import paired_history
from pytest_mlregress.plurals import count_of
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.statistics.early_stop import SequentialCheck
    from pytest_mlregress.statistics.linked_check import LinkedCheck, LinkedEvidence
    from pytest_mlregress.statistics.pairing import LinkEstimate


@dataclass(frozen=True, slots=True)
class Link:
    """How the matched seeds of one metric are linked, fixed from earlier runs.

    Attributes:
        theta: the weight of a baseline seed's value.
        rho: the correlation of matched seeds; NaN if `pairing="always"` links without any history.
        runs: number of earlier runs; 0 without any history.
        skewed: whether their residuals are skewed.
    """

    theta: float
    rho: float
    runs: int = 0
    skewed: bool = False

    def __str__(self) -> str:
        history = "" if math.isnan(self.rho) else f", rho = {self.rho:.2f} in {_earlier(self.runs)}"
        return f"theta = {self.theta:.2f}{history}"


def link_of(name: str, baseline: Artifact, rules: Rules) -> Link | None:
    """The link of a metric's seeds, or None if it is compared unpaired.

    Args:
        name: the name of the metric.
        baseline: the baseline, with its paired runs.
        rules: how the test is judged.

    Returns:
        The link.
    """
    if rules.pairing == "never" or rules.on_nonfinite == "test" or rules.test != "robust-t":
        return None
    if not all(map(math.isfinite, baseline.metrics[name].values.values())):
        return None
    estimate = _history(name, baseline)
    if estimate.eligible:
        skewed = estimate.skewed(higher_is_better=baseline.metrics[name].higher_is_better)
        return Link(estimate.theta, estimate.rho, estimate.n_runs, skewed)
    return Link(1.0, math.nan) if rules.pairing == "always" else None


def _history(name: str, baseline: Artifact) -> LinkEstimate:
    from pytest_mlregress.statistics.pairing import EarlierRun, estimate_theta

    return estimate_theta(
        [EarlierRun(commit or "", tuple(pairs)) for commit, pairs in paired_history(baseline, name)]
    )


@dataclass(frozen=True, slots=True)
class Linked:
    """The linked part of one metric's check.

    Attributes:
        link: how its seeds are linked.
        check: the linked check.
    """

    link: Link
    check: LinkedCheck

    def with_evidence(self, metric: MetricVerdict) -> MetricVerdict:
        """The metric after one look, red if its linked seeds show a loss that matters.

        One that would pass is `minor` if they show a loss of less than the linked margin. Either
        has the linked comparison: the unpaired one may show a gain.

        Args:
            metric: the verdict of the unpaired test, with the candidate's values of that look.

        Returns:
            The verdict.
        """
        evidence = self.check.at(metric.baseline, metric.candidate)
        if evidence is None or metric.kind in (VerdictKind.REGRESSION, VerdictKind.DIVERGED):
            return metric
        note = self._note(evidence)
        if not evidence.red:
            noted = replace(metric, notes=(*metric.notes, note))
            if not (evidence.shown and metric.kind is VerdictKind.PASS):
                return noted
            return replace(
                noted,
                kind=VerdictKind.MINOR,
                comparison=evidence.comparison,
                level=evidence.level,
            )
        return replace(
            metric,
            kind=VerdictKind.REGRESSION,
            comparison=evidence.comparison,
            level=evidence.level,
            reasons=(),
            notes=(note,),
        )

    def _note(self, evidence: LinkedEvidence) -> str:
        found = "show no loss"
        if evidence.shown:
            found = f"show a loss of {evidence.loss:.4g}"
            found += "" if evidence.red else f", less than their margin {self.check.margin:.4g}"
        figures = f"p = {evidence.comparison.p_harm:.2g}, level {evidence.level:.2g}"
        return f"seeds linked with {self.link} {found}: {figures}"


def plan_link(
    baseline: Mapping[int, float],
    link: Link,
    check: SequentialCheck,
    rules: Rules,
    resolution: float | None,
) -> Linked | None:
    """Fix the linked part of a check.

    Args:
        baseline: the baseline's values by seed, in metric units.
        link: how its seeds are linked.
        check: the unpaired check.
        rules: how the test is judged.
        resolution: the smallest step of the metric.

    Returns:
        The linked part; None if its seeds cannot use it.
    """
    from pytest_mlregress.statistics.linked_check import LINKED_SHARE, plan_linked_check

    planned = plan_linked_check(
        baseline,
        check,
        alpha=LINKED_SHARE * rules.alpha,
        theta=link.theta,
        rho=link.rho,
        skewed=link.skewed,
        resolution=resolution,
    )
    return Linked(link, planned) if planned is not None else None


@dataclass(frozen=True, slots=True)
class PlannedLink:
    """What linked seeds add to a plan.

    Attributes:
        link: the link, in words.
        rho: the correlation in earlier runs; None if `pairing="always"` links without any.
        looks: the looks of the linked test.
        detectable_90: the loss, in metric units, that they find in 90 % of the checks that run all
            seeds, if the correlation is still ``rho``; with an automatic margin none is red below
            the standard error of the baseline's mean. None without earlier runs.
        least_margin: the declared margin that they find in 80 %. None without earlier runs.
    """

    link: str
    rho: float | None
    looks: tuple[int, ...]
    detectable_90: float | None
    least_margin: float | None = None


def planned_link(
    link: Link,
    looks: Sequence[int],
    n_baseline: int,
    sd: float,
    rules: Rules,
    run_effect: float = 0.0,
) -> PlannedLink | None:
    """What a link adds to a check with those looks.

    Args:
        link: how the seeds are linked.
        looks: increasing numbers of candidate seeds.
        n_baseline: number of baseline seeds.
        sd: the baseline's standard deviation, in metric units.
        rules: how the test is judged.
        run_effect: how much runs differ beyond their seeds, in metric units.

    Returns:
        What it adds; None if no look can use it.
    """
    from pytest_mlregress.statistics.linked_check import (
        LINKED_SHARE,
        detectable_linked,
        linked_looks,
        linked_margin_sd,
    )
    from pytest_mlregress.statistics.power import LEAST_POWER

    linked = linked_looks(
        looks, n_baseline=n_baseline, alpha=LINKED_SHARE * rules.alpha, skewed=link.skewed
    )
    if not linked or not sd > 0.0:
        return None
    numbers = tuple(look.n_seeds for look in linked)
    if math.isnan(link.rho):
        return PlannedLink(str(link), None, numbers, None)
    margin, least = (
        find(
            linked[-1],
            n_baseline=n_baseline,
            theta=link.theta,
            rho=link.rho,
            run_effect_sd=run_effect / sd,
        )
        for find in (linked_margin_sd, partial(detectable_linked, power=LEAST_POWER))
    )
    return PlannedLink(str(link), link.rho, numbers, margin * sd, least_margin=least * sd)


def _earlier(runs: int) -> str:
    return count_of(runs, "earlier run")
