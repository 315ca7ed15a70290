"""Margins that are below what the declared seeds can detect."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Baseline, Project
from pytest_mlregress.doctor.python_code import constant_int
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.doctor.regression_tests import RegressionTest

if TYPE_CHECKING:
    from pytest_mlregress.verdicts.plan import PlannedMetric

POWER: Final = Question(
    "margin-power",
    "baselines",
    "The seeds of each test detect a loss of its margin with 90 % power, by `mlregress plan`.",
)

_DEFAULT_SEEDS: Final = 5
_POWER: Final = 0.9
_ROUNDING: Final = 1e-9


@check(POWER)
def margin_power(project: Project) -> Iterator[DoctorFinding]:
    """Plan a check of each baseline."""
    from pytest_mlregress.verdicts.policy import Rules

    baselines = project.require_baselines()
    comparisons = max(1, sum(len(each.artifact.metrics) for each in baselines))
    for baseline in baselines:
        test = _test_of(baseline, project)
        if test is not None and test.argument("deterministic") is True:
            yield POWER.ok(f"{baseline.test}: deterministic, compared bit for bit")
            continue
        if all(metric.margin is None for metric in baseline.artifact.metrics.values()):
            yield POWER.ok(f"{baseline.test}: its margins are automatic, what its seeds detect")
            continue
        from pytest_mlregress.verdicts.plan import plan_test  # scipy: a second

        seeds = _seeds(test, project)
        rules = Rules(alpha=_alpha(project) / comparisons, comparisons=comparisons)
        planned = plan_test(baseline.test, baseline.artifact.tier, seeds, baseline.artifact, rules)
        for metric in planned.metrics:
            yield _judged(metric, baseline, seeds)


def _judged(metric: PlannedMetric, baseline: Baseline, seeds: int) -> DoctorFinding:
    name = f"{baseline.test}: {metric.name}"
    if metric.plan is None:
        return POWER.skipped(f"{name}: {metric.problem}")
    plan = metric.plan
    detected = f"{seeds} seeds detect a loss of {plan.detectable_90:.3g} with 90 % power"
    if metric.margin_recorded and plan.detectable_90 > plan.margin * (1.0 + _ROUNDING):
        return POWER.warning(
            f"{name}: its margin is {plan.margin:.3g} (power {plan.power:.0%}), and {detected}",
            f'more seeds, a margin of {plan.detectable_90:.2g}, or margin="auto"; what each costs: '
            f"mlregress plan --seeds {seeds}",
            baseline.location,
        )
    return POWER.ok(f"{name}: {detected}", baseline.location)


def _test_of(baseline: Baseline, project: Project) -> RegressionTest | None:
    return next((test for test in project.tests if baseline in project.baselines_of(test)), None)


def _seeds(test: RegressionTest | None, project: Project) -> int:
    """The seeds of a check: the marker's, else those of the configuration."""
    mark = test.marker("seeds") if test is not None else None
    if mark is not None and mark.call is not None and mark.call.args:
        argument = mark.call.args[0]
        if (number := constant_int(argument)) is not None:
            return number
        if isinstance(argument, ast.List | ast.Tuple):
            return len(argument.elts)
    configured = project.configuration.values.get("mlregress_seeds", "").strip()
    return int(configured) if configured.isdecimal() and int(configured) else _DEFAULT_SEEDS


def _alpha(project: Project) -> float:
    try:
        alpha = float(project.configuration.values.get("mlregress_alpha", "0.05"))
    except ValueError:
        return 0.05
    return alpha if 0.0 < alpha < 0.5 else 0.05
