"""Metric by metric: the samples of a look, their comparison, and its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.history import earlier_samples
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.joint_levels import JointLevel, LookedAt, joint_levels
from pytest_mlregress.verdicts.look_words import look_notes, look_reasons
from pytest_mlregress.verdicts.metric_samples import declared, metric_names, values_of
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.run_effects import run_effect_of
from pytest_mlregress.verdicts.seed_pairing import Linked, link_of, plan_link
from pytest_mlregress.verdicts.spreading import with_spread
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind, most_severe

if TYPE_CHECKING:
    from pytest_mlregress.statistics.early_stop import LookDecision, SequentialCheck


@dataclass(frozen=True, slots=True)
class MetricsDecision:
    """What the values say about a test.

    Attributes:
        kind: the verdict.
        metrics: the verdict on each metric.
        seeds: number of seeds that it rests on.
        reasons: why.
        notes: remarks that do not change it.
    """

    kind: VerdictKind
    metrics: tuple[MetricVerdict, ...]
    seeds: int
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge_metrics(
    ready: Sequence[SeedResult], planned: Sequence[int], baseline: Artifact, rules: Rules
) -> MetricsDecision | None:
    """Look at every metric, or return None while the seeds of the deciding look are missing.

    A test is decided by the first look at which one metric is red or every metric is decided. A
    metric that was decided at an earlier look keeps that verdict.

    Args:
        ready: the results that may be used.
        planned: the seeds of the check.
        baseline: the baseline.
        rules: how the test is judged.

    Returns:
        The decision.
    """
    if rules.test == "paired" and (unmatched := _unmatched(ready, baseline)):
        return MetricsDecision(VerdictKind.INCOMPARABLE, (), len(ready), (unmatched,))
    looks = look_numbers(len(planned), rules)
    followed = [_follow(name, ready, looks, baseline, rules) for name in metric_names(ready)]
    for n in (n for n in looks if n <= len(ready)):
        followed = _held_together(followed, n, rules)
        reached = [_reached(checked.steps, n) for checked in followed]
        decided = [step for step in reached if step is not None and step.decided]
        red = any(step.metric.kind in RED for step in decided)
        if red or len(decided) == len(reached):
            metrics = tuple(
                with_spread(step.metric, rules)
                if step is not None
                else _not_looked_at(name, ready[:n], baseline, rules)
                for step, name in zip(reached, metric_names(ready), strict=True)
            )
            return MetricsDecision(
                most_severe(tuple(metric.kind for metric in metrics)), metrics, n
            )
    return None


@dataclass(frozen=True, slots=True)
class _Step:
    """What one look says about one metric, and whether it decides it.

    ``p_harm`` is that of the unpaired test, even if linked seeds show more.
    """

    n_seeds: int
    metric: MetricVerdict
    decided: bool
    p_harm: float


def _reached(steps: Sequence[_Step], n: int) -> _Step | None:
    """The step that holds after n seeds: the deciding one, otherwise the latest."""
    until = [step for step in steps if step.n_seeds <= n]
    return next((step for step in until if step.decided), until[-1] if until else None)


RED = (VerdictKind.REGRESSION, VerdictKind.DIVERGED)


def look_numbers(n: int, rules: Rules) -> tuple[int, ...]:
    """After how many seeds a check is judged.

    Only tests whose p-values are exact for few seeds can stop early.

    Args:
        n: the largest number of seeds.
        rules: how the test is judged.

    Returns:
        Increasing numbers of seeds.
    """
    from pytest_mlregress.statistics.early_stop import SEQUENTIAL_TESTS
    from pytest_mlregress.statistics.sequential import default_looks

    sequential = (
        rules.early
        and rules.expect is None
        and rules.dispersion == "off"  # a spread needs every seed
        and rules.test in SEQUENTIAL_TESTS
    )
    return default_looks(n) if sequential else (n,)


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


def compared(
    name: str, ready: Sequence[SeedResult], baseline: Artifact, rules: Rules
) -> MetricVerdict:
    """Compare one metric once, with all the seeds that are ready.

    Args:
        name: the name of the metric.
        ready: the results that may be used.
        baseline: the baseline.
        rules: how the test is judged.

    Returns:
        The verdict on the metric.
    """
    (step,) = _follow(name, ready, (len(ready),), baseline, rules).steps
    return step.metric


def _follow(
    name: str,
    ready: Sequence[SeedResult],
    looks: Sequence[int],
    baseline: Artifact,
    rules: Rules,
) -> _CheckedMetric:
    """One metric's check, with the looks at it that the ready seeds allow."""
    metric = metric_verdict(name, ready, baseline, rules, kind=VerdictKind.INCONCLUSIVE)
    check, linked = _plan_both(metric, looks, baseline, rules)
    return _CheckedMetric(metric, check, linked, _baseline_values(metric, rules)).followed()


@dataclass(frozen=True, slots=True)
class _CheckedMetric:
    """One metric with all of its values, its check, and the steps until one decides.

    ``joint`` holds, by number of seeds, levels that replace the check's.
    """

    metric: MetricVerdict
    check: SequentialCheck
    linked: Linked | None
    baseline: tuple[float, ...]
    joint: Mapping[int, JointLevel] = field(default_factory=dict)
    steps: tuple[_Step, ...] = ()

    def followed(self) -> _CheckedMetric:
        decisions = self.check.follow(
            self.baseline,
            tuple(self.metric.candidate.values()),
            joint_levels={n: joint.level for n, joint in self.joint.items()},
        )
        steps: list[_Step] = []
        for decision in decisions:
            found = _decided(self.metric, decision, self.check, self.joint)
            if self.linked is not None:
                found = self.linked.with_evidence(found)
            decided = decision.action != "continue" or found.kind is VerdictKind.REGRESSION
            steps.append(_Step(decision.n_seeds, found, decided, decision.comparison.p_harm))
            if decided:
                break
        return replace(self, steps=tuple(steps))

    def at(self, n: int) -> _Step | None:
        """The look after n seeds, None if the metric was decided before."""
        return next((step for step in self.steps if step.n_seeds == n), None)


def _held_together(
    checked_metrics: Sequence[_CheckedMetric], n: int, rules: Rules
) -> list[_CheckedMetric]:
    """The metrics after one relabelling for all of them at the look at n seeds, if it applies.

    It is drawn only if no metric is red without it.
    """
    steps = [checked.at(n) for checked in checked_metrics]
    if any(step is not None and step.metric.kind in RED for step in steps):
        return list(checked_metrics)
    looks = [
        LookedAt(checked.check, checked.metric, n, step.p_harm if step is not None else None)
        for checked, step in zip(checked_metrics, steps, strict=True)
    ]
    return [
        checked if joint is None else replace(checked, joint={**checked.joint, n: joint}).followed()
        for checked, joint in zip(checked_metrics, joint_levels(looks, rules), strict=True)
    ]


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


def _unmatched(ready: Sequence[SeedResult], baseline: Artifact) -> str:
    for name, metric in baseline.metrics.items():
        missing = [seed.seed for seed in ready if seed.seed not in metric.values]
        if missing:
            return (
                f"test='paired' needs a baseline value of {name!r} for every seed; "
                f"there is none for {', '.join(map(str, missing))}: record the baseline again"
            )
    return ""


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


def kind_of(decision: LookDecision) -> VerdictKind:
    """What a look means for its metric; one that continues is inconclusive so far.

    Args:
        decision: the look.

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
    from scipy.special import ndtr

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


def _not_looked_at(
    name: str, seen: Sequence[SeedResult], baseline: Artifact, rules: Rules
) -> MetricVerdict:
    """A metric whose only look was still to come when another metric's verdict ended the test."""
    metric = metric_verdict(name, seen, baseline, rules, kind=VerdictKind.INCONCLUSIVE)
    return replace(metric, notes=("not looked at, since another metric is red",))
