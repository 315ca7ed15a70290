"""What the seeds of a check cannot decide, whatever they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.margins import MarginLike
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.verdicts.metric_samples import absolute_margin, margin_in_words
from pytest_mlregress.verdicts.metrics import look_numbers
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.seed_pairing import Link, PlannedLink, link_of, planned_link


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One metric that the seeds of a check cannot decide on.

    Attributes:
        name: the name of the metric.
        margin: in metric units; None for the automatic one, which falls short only if no p-value
            can reach the level.
        written: the margin as the code has it.
        spread: the baseline's standard deviation, in metric units.
        n_baseline: number of baseline seeds.
        detectable: the loss, in metric units, that the seeds find with 90 % power; maybe infinite.
        problem: the planner's sentence, with its numbers.
        share: the part of the comparison's alpha that the unpaired test has: less than 1 with
            linked seeds.
    """

    name: str
    margin: float | None
    written: MarginLike
    spread: float
    n_baseline: int
    detectable: float
    problem: str
    share: float = 1.0

    @property
    def sentence(self) -> str:
        """The problem with the metric and its margin."""
        margin = f" with margin {margin_in_words(self.written, self.margin)}" if self.margin else ""
        return f"metric {self.name!r}{margin}: {self.problem}"


def shortfalls(
    n_seeds: int, first: SeedResult, baseline: Artifact, rules: Rules
) -> tuple[Shortfall, ...]:
    """Every metric that a check cannot decide on.

    That is a design whose smallest attainable p-value cannot reach alpha, and a fixed margin that
    the seeds find with a power below 80 %, linked ones included. What `pairing="always"` links
    without earlier runs is not judged in advance: its correlation is unknown.

    Args:
        n_seeds: the seeds of the check.
        first: the result of its first seed, which has the margins.
        baseline: the baseline.
        rules: how the test is judged.

    Returns:
        One entry per metric.
    """
    from pytest_mlregress.statistics.early_stop import SEQUENTIAL_TESTS

    if rules.test not in SEQUENTIAL_TESTS or rules.expect is not None or rules.deterministic:
        return ()  # a classical test has no smallest p-value, and its power is another
    looks = look_numbers(n_seeds, rules)
    found = (
        _shortfall(
            metric,
            baseline.metrics[metric.name],
            looks,
            rules,
            link_of(metric.name, baseline, rules),
        )
        for metric in first.metrics
    )
    return tuple(shortfall for shortfall in found if shortfall is not None)


def _shortfall(
    recorded: RecordedMetric,
    stored: MetricBaseline,
    looks: Sequence[int],
    rules: Rules,
    link: Link | None,
) -> Shortfall | None:
    from pytest_mlregress.statistics.linked_check import LINKED_SHARE
    from pytest_mlregress.statistics.power import LEAST_POWER
    from pytest_mlregress.statistics.required_seeds import (
        UnaffordableError,
        detectable_sd,
        require_affordable,
        require_attainable,
    )
    from pytest_mlregress.statistics.spread import spread_of

    margin = absolute_margin(recorded, stored.values)
    n_baseline = len(stored.values)
    try:
        spread = spread_of(tuple(stored.values.values())).sd
    except ValueError:
        return None  # too few finite values for a spread: the check itself will say so
    linked = planned_link(link, looks, n_baseline, spread, rules) if link else None
    share = 1.0 - LINKED_SHARE if linked else 1.0
    alpha = share * rules.alpha
    try:
        require_attainable(looks, n_baseline=n_baseline, alpha=alpha)
        if margin and spread > 0.0 and not _found_by_linked_seeds(margin, linked):
            require_affordable(margin / spread, looks, n_baseline=n_baseline, alpha=alpha)
    except UnaffordableError as error:
        found = detectable_sd(tuple(looks), n_baseline=n_baseline, alpha=alpha) * spread
        problem = str(error)
        if linked is not None and linked.least_margin is not None:
            problem += f". Linked seeds detect {linked.least_margin:.3g} with power {LEAST_POWER}"
            found = min(found, linked.least_margin)
        return Shortfall(
            recorded.name, margin, recorded.margin, spread, n_baseline, found, problem, share
        )
    return None


def _found_by_linked_seeds(margin: float, linked: PlannedLink | None) -> bool:
    if linked is None:
        return False
    return linked.least_margin is None or linked.least_margin <= margin
