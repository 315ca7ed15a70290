"""One metric's check: its plan, and what each look says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.history import earlier_samples
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.cut_looks import cut_off
from pytest_mlregress.verdicts.joint_levels import JointLevel
from pytest_mlregress.verdicts.look_words import look_notes, look_reasons
from pytest_mlregress.verdicts.metric_samples import declared, values_of
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.run_effects import run_effect_of
from pytest_mlregress.verdicts.seed_pairing import Linked, link_of, plan_link
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.statistics.early_stop import LookDecision, SequentialCheck
    from pytest_mlregress.statistics.live_pairs import PairLook

RED = (VerdictKind.REGRESSION, VerdictKind.DIVERGED)


@dataclass(frozen=True, slots=True)
class Step:
    """What one look says about one metric, and whether it decides it.

    ``p_harm`` is that of the unpaired test, even if linked seeds show more.
    """

    n_seeds: int
    metric: MetricVerdict
    decided: bool
    p_harm: float
    harm_shown: bool

    @property
    def ended(self) -> MetricVerdict:
        """The metric if the test ends here."""
        return self.metric if self.decided else cut_off(self.metric, harm_shown=self.harm_shown)


def metric_verdict(
    name: str,
    ready: Sequence[SeedResult],
    baseline: Artifact,
    rules: Rules,
    *,
    kind: VerdictKind,
) -> MetricVerdict:
    """A verdict on one metric with both samples and no comparison yet.

    Args:
        name: the name of the metric.
        ready: the results that may be used.
        baseline: the baseline.
        rules: how the test is judged.
        kind: the verdict.

    Returns:
        The verdict.
    """
    recorded, stored = declared(ready, name), baseline.metrics[name]
    return MetricVerdict(
        name=name,
        kind=kind,
        higher_is_better=recorded.higher_is_better,
        declared=recorded.margin,
        recorded_margin="auto" if stored.margin is None else stored.margin,
        alpha=rules.alpha,
        baseline=stored.values,
        candidate=values_of(ready, name),
        run_effect=run_effect_of(name, baseline, rules),
    )


def follow(
    name: str,
    ready: Sequence[SeedResult],
    looks: Sequence[int],
    baseline: Artifact,
    rules: Rules,
) -> CheckedMetric:
    """One metric's check, with the looks at it that the ready seeds allow."""
    metric = metric_verdict(name, ready, baseline, rules, kind=VerdictKind.INCONCLUSIVE)
    check, linked = _plan_both(metric, looks, baseline, rules)
    return CheckedMetric(metric, check, linked, _baseline_values(metric, rules)).followed()


@dataclass(frozen=True, slots=True)
class CheckedMetric:
    """One metric with all of its values, its check, and the steps until one decides.

    ``joint`` holds, by number of seeds, levels that replace the check's.
    """

    metric: MetricVerdict
    check: SequentialCheck
    linked: Linked | None
    baseline: tuple[float, ...]
    joint: Mapping[int, JointLevel] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    def followed(self) -> CheckedMetric:
        """With the steps that its ready seeds allow, up to the one that decides.

        Returns:
            The metric.
        """
        decisions = self.check.follow(
            self.baseline,
            tuple(self.metric.candidate.values()),
            joint_levels={n: joint.level for n, joint in self.joint.items()},
        )
        steps: list[Step] = []
        for decision in decisions:
            found = _decided(self.metric, decision, self.check, self.joint)
            if self.linked is not None:
                found = self.linked.with_evidence(found)
            decided = decision.action != "continue" or found.kind is VerdictKind.REGRESSION
            steps.append(
                Step(
                    n_seeds=decision.n_seeds,
                    metric=found,
                    decided=decided,
                    p_harm=decision.comparison.p_harm,
                    harm_shown=decision.harm_shown,
                )
            )
            if decided:
                break
        return replace(self, steps=tuple(steps))

    def at(self, n: int) -> Step | None:
        """The look after n seeds, None if the metric was decided before."""
        return next((step for step in self.steps if step.n_seeds == n), None)


def _plan_both(
    metric: MetricVerdict, looks: Sequence[int], baseline: Artifact, rules: Rules
) -> tuple[SequentialCheck, Linked | None]:
    """The unpaired check, and the linked part if there is one, which takes a share of alpha."""
    resolution = baseline.metrics[metric.name].resolution
    earlier = earlier_samples(baseline, metric.name)
    link = link_of(metric.name, baseline, rules)
    if link is not None:
        from pytest_mlregress.statistics.linked_check import LINKED_SHARE

        shared = replace(rules, alpha=(1.0 - LINKED_SHARE) * rules.alpha)
        check = _plan(metric, looks, shared, resolution, earlier)
        linked = plan_link(metric.baseline, link, check, rules, resolution)
        if linked is not None:
            return check, linked
    return _plan(metric, looks, rules, resolution, earlier), None


def _baseline_values(metric: MetricVerdict, rules: Rules) -> tuple[float, ...]:
    """The baseline's sample; for the paired test the matched values, in the candidate's order."""
    if rules.test == "paired":
        return tuple(metric.baseline[seed] for seed in metric.candidate)
    return tuple(metric.baseline.values())


def _plan(
    metric: MetricVerdict,
    looks: Sequence[int],
    rules: Rules,
    resolution: float | None,
    earlier: Sequence[tuple[float, ...]],
) -> SequentialCheck:
    from pytest_mlregress.statistics.early_stop import plan_check

    return plan_check(
        tuple(metric.baseline.values()),
        looks,
        higher_is_better=metric.higher_is_better,
        margin=metric.declared,
        alpha=rules.alpha,
        test=rules.test,
        on_nonfinite=rules.on_nonfinite,
        resolution=resolution,
        earlier=earlier,
        run_effect=metric.run_effect.used if metric.run_effect is not None else 0.0,
    )


def kind_of(decision: LookDecision | PairLook) -> VerdictKind:
    """What a look means for its metric; one that continues is inconclusive so far.

    Args:
        decision: the look, at two samples or at pairs.

    Returns:
        The verdict on the metric.
    """
    if decision.comparison.verdict == "diverged":
        return VerdictKind.DIVERGED
    match decision.action:
        case "reject":
            return VerdictKind.REGRESSION
        case "accept" if decision.harm_shown:
            return VerdictKind.MINOR
        case "accept":
            return VerdictKind.IMPROVEMENT if decision.better_shown else VerdictKind.PASS
        case _:
            return VerdictKind.INCONCLUSIVE


def _decided(
    metric: MetricVerdict,
    decision: LookDecision,
    check: SequentialCheck,
    joint: Mapping[int, JointLevel],
) -> MetricVerdict:
    """The verdict of one look, with the margin and the power of the whole design."""
    from pytest_mlregress.statistics.special_functions import ndtr

    comparison = replace(decision.comparison, margin=check.margin, beta=decision.safety_level)
    if not check.fixed_margin:
        comparison = replace(comparison, detectable=check.margin)
    level = float(ndtr(-decision.reject)) if len(check.design.looks) > 1 else None
    if decision.n_seeds in joint:
        level = joint[decision.n_seeds].level
    return replace(
        metric,
        kind=kind_of(decision),
        candidate=dict(list(metric.candidate.items())[: decision.n_seeds]),
        comparison=comparison,
        level=level,
        reasons=(*comparison.reasons, *look_reasons(decision, check)),
        notes=(
            *look_notes(decision, check, metric),
            *(str(level) for n, level in joint.items() if n <= decision.n_seeds),
        ),
    )
