"""What the planned seeds can detect and what they cost, without running anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.baselines.history import earlier_samples
from pytest_mlregress.verdicts.cost import RunCost, SeedCost, run_cost, seed_cost
from pytest_mlregress.verdicts.curves import beside_curves
from pytest_mlregress.verdicts.metrics import look_numbers
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.run_effects import run_effect_of
from pytest_mlregress.verdicts.seed_pairing import Link, PlannedLink, link_of, planned_link

if TYPE_CHECKING:
    from pytest_mlregress.statistics.planner import MetricPlan


WORTH_SAYING: Final = 0.05
"""From this share of inconclusive checks on a plan names it, with the remedy."""


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """The plan of one metric, or why there is none.

    Attributes:
        name: the name of the metric.
        plan: its plan.
        problem: why there is none.
        margin_recorded: whether its margin is the one that the baseline was recorded with: a check
            learns the one in the code only from its first seed.
        inconclusive: share of unchanged checks that would be inconclusive.
        linked: what linked seeds add.
    """

    name: str
    plan: MetricPlan | None = None
    problem: str = ""
    margin_recorded: bool = False
    inconclusive: float = 0.0
    linked: PlannedLink | None = None


@dataclass(frozen=True, slots=True)
class PlannedTest:
    """The plans of one test's metrics.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        seeds: seeds of a check.
        metrics: the plan of each metric.
        problem: why there are none.
        pairs: of an A/B run, what its pairs can show, in place of the metrics.
        cost: what one seed takes, by the baseline; None where that is unknown.
    """

    test: str
    tier: str
    seeds: int
    metrics: tuple[PlannedMetric, ...] = ()
    problem: str = ""
    pairs: tuple[str, ...] = ()
    cost: SeedCost | None = None

    @property
    def typical_seeds(self) -> float:
        """Seeds that a check trains on average when nothing changed."""
        expected = [m.plan.expected_seeds_unchanged for m in self.metrics if m.plan is not None]
        return max(expected, default=float(self.seeds))


@dataclass(frozen=True, slots=True)
class SuitePlan:
    """The plan of a run.

    Attributes:
        tests: the plan of each test.
        alpha: level of the suite.
        comparisons: number of metrics that share it.
        pass_at_least: probability that the whole suite passes when nothing changed: a bound for any
            correlation.
        pass_if_independent: the same, estimated for independent tests.
        notes: remarks.
        typical_cost: what the run takes when nothing changed; None where no test has recorded
            durations.
        worst_cost: the same with all seeds.
    """

    tests: tuple[PlannedTest, ...]
    alpha: float
    comparisons: int
    pass_at_least: float = 1.0
    pass_if_independent: float = 1.0
    notes: tuple[str, ...] = field(default=())
    typical_cost: RunCost | None = None
    worst_cost: RunCost | None = None


def plan_test(
    test: str,
    tier: str,
    n_seeds: int,
    baseline: Artifact | None,
    rules: Rules,
    *,
    margin: float | None = None,
) -> PlannedTest:
    """Plan a check against a baseline.

    Args:
        test: the node id without the seed.
        tier: the tier.
        n_seeds: the largest number of seeds.
        baseline: the baseline; None without one.
        rules: how the test is judged.
        margin: absolute, in metric units, in place of each metric's margin.

    Returns:
        The plan.
    """
    if baseline is None:
        problem = (
            "no baseline, so the spread of its seeds is unknown; record one, or plan from the "
            "size of the test set: mlregress plan --test-size N --accuracy P"
        )
        return PlannedTest(test, tier, n_seeds, problem=problem)
    if rules.deterministic:
        problem = "deterministic: one seed is compared bit for bit, and any change is found"
        return PlannedTest(test, tier, n_seeds, problem=problem, cost=seed_cost(baseline))
    rules = beside_curves(rules, baseline)
    looks = look_numbers(n_seeds, rules)
    found = {name: run_effect_of(name, baseline, rules) for name in baseline.metrics}
    effects = {name: effect.used if effect is not None else 0.0 for name, effect in found.items()}
    metrics = tuple(
        _plan_metric(
            name,
            metric,
            looks,
            rules,
            margin,
            earlier_samples(baseline, name),
            link_of(name, baseline, rules),
            effects[name],
        )
        for name, metric in baseline.metrics.items()
    )
    return PlannedTest(test, tier, n_seeds, metrics, cost=seed_cost(baseline))


def _plan_metric(
    name: str,
    metric: MetricBaseline,
    looks: Sequence[int],
    rules: Rules,
    given: float | None,
    earlier: Sequence[tuple[float, ...]],
    link: Link | None,
    run_effect: float,
) -> PlannedMetric:
    from pytest_mlregress.statistics.linked_check import LINKED_SHARE
    from pytest_mlregress.statistics.planner import plan_metric
    from pytest_mlregress.statistics.spread import spread_of

    try:
        spread = spread_of(tuple(metric.values.values()), earlier)
        linked = (
            planned_link(link, looks, len(metric.values), spread.sd, rules, run_effect)
            if link
            else None
        )
        plan = plan_metric(
            spread,
            looks,
            n_baseline=len(metric.values),
            alpha=rules.alpha * ((1.0 - LINKED_SHARE) if linked else 1.0),
            margin=given or metric.margin or None,
            resolution=metric.resolution,
            run_effect=run_effect,
        )
    except ValueError as error:
        return PlannedMetric(name, problem=str(error))
    fixed = given or metric.margin or None
    undecided = _inconclusive_share(metric, plan, fixed)
    passing = min(plan.pass_probability, 1.0 - plan.alpha - undecided)
    return PlannedMetric(
        name,
        replace(plan, pass_probability=max(passing, 0.0)),
        margin_recorded=not given and bool(metric.margin),
        inconclusive=undecided,
        linked=linked,
    )


def _inconclusive_share(metric: MetricBaseline, plan: MetricPlan, margin: float | None) -> float:
    """The share of unchanged checks that would be inconclusive, if seeds are as those recorded."""
    from pytest_mlregress.statistics.resampled_checks import unchanged_checks

    simulated = unchanged_checks(
        tuple(metric.values.values()),
        plan.design,
        higher_is_better=metric.higher_is_better,
        margin=margin,
    )
    return 1.0 - float(simulated.rejected.mean()) - float(simulated.accepted.mean())


def plan_before_any_run(
    test_size: int,
    accuracy: float,
    n_seeds: int,
    *,
    n_baseline: int,
    alpha: float,
    margin: float | None,
) -> PlannedTest:
    """Plan the check of an accuracy from the size of its test set only.

    Args:
        test_size: number of test examples.
        accuracy: the expected accuracy, between 0 and 1.
        n_seeds: the largest number of seeds of a check.
        n_baseline: number of baseline seeds.
        alpha: level of the check.
        margin: absolute; None for the automatic one.

    Returns:
        The plan.

    Raises:
        ValueError: the seeds cannot detect such a loss, or a bad value.
    """
    from pytest_mlregress.statistics.planner import plan_metric
    from pytest_mlregress.statistics.spread import spread_of_accuracy

    plan = plan_metric(
        spread_of_accuracy(accuracy, test_size),
        look_numbers(n_seeds, Rules(alpha=alpha)),
        n_baseline=n_baseline,
        alpha=alpha,
        margin=margin,
    )
    metric = PlannedMetric(f"accuracy near {accuracy:g}", plan)
    return PlannedTest(f"{test_size} test examples", "default", n_seeds, (metric,))


def plan_suite(
    tests: Sequence[PlannedTest],
    *,
    alpha: float,
    comparisons: int,
    workers: int = 1,
    notes: tuple[str, ...] = (),
) -> SuitePlan:
    """Combine the plans of single tests.

    Args:
        tests: the plan of each test.
        alpha: level of the suite.
        comparisons: number of metrics that share it.
        workers: the number of processes that train.
        notes: remarks.

    Returns:
        The plan of the run.
    """
    from pytest_mlregress.statistics.planner import suite_pass_probability

    plans = [metric.plan for test in tests for metric in test.metrics if metric.plan is not None]
    at_least, independent = suite_pass_probability(plans)
    return SuitePlan(
        tuple(tests),
        alpha,
        comparisons,
        at_least,
        independent,
        notes,
        run_cost([(math.ceil(test.typical_seeds), test.cost) for test in tests], workers),
        run_cost([(test.seeds, test.cost) for test in tests], workers),
    )
