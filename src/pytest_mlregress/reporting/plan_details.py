"""What a plan says of one metric beyond its line in the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.verdicts.plan import WORTH_SAYING, PlannedMetric

if TYPE_CHECKING:
    from pytest_mlregress.statistics.planner import MetricPlan
    from pytest_mlregress.verdicts.seed_pairing import PlannedLink

_ENOUGH_POWER: Final = 0.895
"""Below it a plan says by default how many seeds would find a loss of the margin."""


def metric_details(metric: PlannedMetric, plan: MetricPlan) -> tuple[str, ...]:
    """The design of a metric's check, line by line.

    Args:
        metric: the metric.
        plan: its plan.

    Returns:
        The lines.
    """
    at_most = (
        "a lower bound: what the test set alone causes"
        if plan.spread.lower_bound
        else f"at most {number(plan.spread.upper)} with 80 % confidence"
    )
    return (
        f"margin {number(plan.margin)}, found with power {plan.power:.2f} "
        f"({plan.power_upper_sd:.2f} should the spread be at its upper 80 % bound)",
        f"detectable: {number(plan.detectable_80)} at power 0.80, "
        f"{number(plan.detectable_90)} at power 0.90",
        f"seed SD {number(plan.spread.sd)} ({at_most}), "
        f"{count_of(plan.n_baseline, 'baseline seed')}",
        f"looks after {', '.join(map(str, plan.looks))} seeds; expected seeds "
        f"{plan.expected_seeds_unchanged:.1f} unchanged, {plan.expected_seeds_at_margin:.1f} at a "
        "loss of the margin",
        f"level {plan.alpha:.3g}, smallest attainable p {plan.smallest_p:.3g}; "
        f"for power 0.90 at the margin: {plan.needed}",
    )


def standing_out(
    metric: PlannedMetric, plan: MetricPlan, *, detailed: bool = False
) -> tuple[str, ...]:
    """What a person should know of a metric whoever asks: how its check falls short.

    Args:
        metric: the metric.
        plan: its plan.
        detailed: whether `metric_details` is shown, too.

    Returns:
        The lines; none for most metrics.
    """
    return tuple(_standing_out(metric, plan, detailed))


def _standing_out(metric: PlannedMetric, plan: MetricPlan, detailed: bool) -> Iterator[str]:
    if plan.power < _ENOUGH_POWER and not detailed:
        yield f"for power 0.90 at the margin {number(plan.margin)}: {plan.needed}"
    if plan.spread.lower_bound and not detailed:
        yield f"seed SD {number(plan.spread.sd)} (a lower bound: what the test set alone causes)"
    if plan.run_effect > 0.0:
        yield (
            f"run effect {number(plan.run_effect)} ({plan.run_effect / plan.spread.sd:.2f} seed "
            f"SD): no number of seeds detects less than {number(plan.least_detectable)} at power "
            "0.90"
        )
    if metric.linked is not None:
        yield _linked(metric.linked)
    if metric.inconclusive >= WORTH_SAYING:
        yield (
            f"about {metric.inconclusive:.0%} of unchanged checks end inconclusive: the seeds have "
            f"a long bad tail; declare a margin above {number(plan.margin)}, or run more seeds"
        )


def _linked(linked: PlannedLink) -> str:
    found = (
        f": {number(linked.detectable_90)} detectable at power 0.90 with all of them"
        if linked.detectable_90 is not None
        else ""
    )
    return f"seeds linked at {', '.join(map(str, linked.looks))}, {linked.link}{found}"
