"""A plan as a table for a terminal."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.verdicts.plan import (
    WORTH_SAYING,
    PlannedMetric,
    PlannedTest,
    SuitePlan,
)

if TYPE_CHECKING:
    from pytest_mlregress.statistics.planner import MetricPlan
    from pytest_mlregress.verdicts.seed_pairing import PlannedLink


def plan_table(plan: SuitePlan, *, width: int) -> str:
    """What the planned seeds can detect, test by test.

    Args:
        plan: the plan.
        width: width in terminal cells.

    Returns:
        The text.
    """
    lines = [line for test in plan.tests for line in _lines(test)] + _totals(plan)
    return "".join(_wrapped(visible(line), width) + "\n" for line in lines)


def _wrapped(line: str, width: int) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line, width, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False
    )


def _lines(test: PlannedTest) -> list[str]:
    tier = f" ({test.tier})" if test.tier != "default" else ""
    unit = "pair" if test.pairs else "seed"
    lines = [f"{test.test}{tier}: at most {count_of(test.seeds, unit)}"]
    lines += [f"  {line}" for line in test.pairs]
    if test.problem:
        lines.append(f"  {test.problem}")
    for metric in test.metrics:
        lines += [f"  {line}" for line in _metric_lines(metric)]
    return lines


def _metric_lines(metric: PlannedMetric) -> list[str]:
    plan = metric.plan
    if plan is None:
        return [f"{metric.name}: {metric.problem}"]
    at_most = (
        "a lower bound: what the test set alone causes"
        if plan.spread.lower_bound
        else f"at most {number(plan.spread.upper)} with 80 % confidence"
    )
    return [
        f"{metric.name}: margin {number(plan.margin)}, found with power {plan.power:.2f} "
        f"({plan.power_upper_sd:.2f} should the spread be at its upper 80 % bound)",
        f"  detectable: {number(plan.detectable_80)} at power 0.80, "
        f"{number(plan.detectable_90)} at power 0.90",
        f"  seed SD {number(plan.spread.sd)} ({at_most}), "
        f"{count_of(plan.n_baseline, 'baseline seed')}",
        f"  looks after {', '.join(map(str, plan.looks))} seeds; expected seeds "
        f"{plan.expected_seeds_unchanged:.1f} unchanged, {plan.expected_seeds_at_margin:.1f} at a "
        "loss of the margin",
        f"  level {plan.alpha:.3g}, smallest attainable p {plan.smallest_p:.3g}; "
        f"for power 0.90 at the margin: {plan.needed}",
        *_run_effect(plan),
        *_linked(metric.linked),
        *_undecided(metric, plan),
    ]


def _run_effect(plan: MetricPlan) -> list[str]:
    if not plan.run_effect > 0.0:
        return []
    return [
        f"  run effect {number(plan.run_effect)} ({plan.run_effect / plan.spread.sd:.2f} seed SD): "
        f"no number of seeds detects less than {number(plan.least_detectable)} at power 0.90"
    ]


def _linked(linked: PlannedLink | None) -> list[str]:
    if linked is None:
        return []
    found = (
        f": {number(linked.detectable_90)} detectable at power 0.90 with all of them"
        if linked.detectable_90 is not None
        else ""
    )
    return [f"  seeds linked at {', '.join(map(str, linked.looks))}, {linked.link}{found}"]


def _undecided(metric: PlannedMetric, plan: MetricPlan) -> list[str]:
    """A long bad tail hides a loss of the automatic margin: how often, and the remedy."""
    if metric.inconclusive < WORTH_SAYING:
        return []
    return [
        f"  about {metric.inconclusive:.0%} of unchanged checks end inconclusive: the seeds have a "
        f"long bad tail; declare a margin above {number(plan.margin)}, or run more seeds"
    ]


def _totals(plan: SuitePlan) -> list[str]:
    if plan.tests and all(test.pairs for test in plan.tests):
        most = sum(test.seeds for test in plan.tests)
        return [
            "",
            f"{count_of(len(plan.tests), 'test')}, which share alpha {plan.alpha:g}: at most "
            f"{count_of(most, 'pair')}, that is {2 * most} trainings",
        ]
    planned = [m.plan for test in plan.tests for m in test.metrics if m.plan is not None]
    if not planned:
        return []
    most = sum(test.seeds for test in plan.tests if test.metrics)
    expected = math.fsum(
        max(m.plan.expected_seeds_unchanged for m in test.metrics if m.plan is not None)
        for test in plan.tests
        if any(m.plan is not None for m in test.metrics)
    )
    return [
        "",
        f"{count_of(len(plan.tests), 'test')}; {count_of(plan.comparisons, 'comparison')} in the "
        f"suite, which share alpha {plan.alpha:g}; "
        f"at most {count_of(most, 'seed')}, about {expected:.0f} expected when nothing changed",
        f"an unchanged suite passes with a chance of at least {plan.pass_at_least:.3f} "
        f"({plan.pass_if_independent:.3f} if the tests are independent)",
        *_where_margins_come_from(plan),
    ]


def _where_margins_come_from(plan: SuitePlan) -> list[str]:
    if not any(metric.margin_recorded for test in plan.tests for metric in test.metrics):
        return []
    return [
        "fixed margins are those that the baselines were recorded with: nothing ran that could "
        "tell another one; a check goes by the margin in the code"
    ]
