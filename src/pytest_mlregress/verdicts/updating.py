"""Recording baselines: which samples may become one, and what is kept of the old one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypedDict

from pytest_mlregress.baselines.artifact import (
    Artifact,
    Curve,
    MetricBaseline,
    Provenance,
    Scalar,
)
from pytest_mlregress.baselines.drift import (
    append_pairing,
    booked_loss,
    first_artifact,
    pair_with_baseline,
    revise,
)
from pytest_mlregress.baselines.urls import shareable, shareable_values
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.case import Case, Open, open_case
from pytest_mlregress.verdicts.desk import test_id
from pytest_mlregress.verdicts.finiteness import costs_of_failures, without_values
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.looking import compared
from pytest_mlregress.verdicts.preconditions import UPDATE_PRECONDITIONS, edited_update
from pytest_mlregress.verdicts.rules import Rules
from pytest_mlregress.verdicts.samples import (
    absolute_margin,
    declared,
    incomparable,
    metric_names,
    values_of,
)
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind

MOST_CURVE_POINTS: Final = 50
"""A curve in an artifact is thinned to so many points, evenly over its steps."""

DRIFT_BUDGET: Final = "1sd"
"""How far a baseline may move from its anchor, in the anchor's standard deviations."""

DRIFT_LEVEL: Final = 0.01
"""So strict, because a decay tries its luck at every update: at 0.01 the accepted decay over 50
updates stays within the budget in 95 % of simulated projects, at 0.05 it reached 1.2 SD.  The price
is that, by the normal approximation, a fifth of updates that lost nothing are refused at 20 seeds,
one in ten at 40."""


@dataclass(frozen=True, slots=True)
class Update:
    """What an update leads to: a verdict, and the artifact to keep, None where it is refused."""

    verdict: Verdict
    artifact: Artifact | None = None


def judge_update(
    group: SeedGroup,
    previous: Artifact | None,
    rules: Rules,
    provenance: Provenance,
    *,
    rebase_reason: str | None,
) -> Update | None:
    """The new baseline of a test, the refusal of one, or None while seeds are missing.

    A sample is accepted when every seed of it passed, and, where there is a baseline already,
    when it is not red against that and non-inferior to the anchor within the drift budget.
    ``rebase_reason`` accepts a loss all the same and moves the anchor.
    """
    case = open_case(group, previous, rules)
    if rebase_reason is None and (refused := edited_update(case)) is not None:
        return Update(refused)
    for rule in UPDATE_PRECONDITIONS:
        answer = rule(case)
        if isinstance(answer, Open):
            return None
        if answer is not None:
            return Update(answer)
    if not case.recorded:
        return Update(
            case.verdict(VerdictKind.PASS, notes=("no metric recorded: no baseline needed",))
        )
    if lacking := without_values(case.ready):
        return Update(case.verdict(VerdictKind.REFUSED, reasons=lacking, next_steps=_mend(case)))
    metrics = _sample(case.ready)
    if previous is None:
        artifact = first_artifact(test_id(group.plan), group.plan.tier, metrics, provenance,
                                  **_context(case.ready))  # fmt: skip
        return Update(_recorded(case, metrics, (), "first baseline"), artifact)
    return _revision(case, previous, metrics, provenance, rebase_reason)


def _sample(ready: Sequence[SeedResult]) -> dict[str, MetricBaseline]:
    metrics: dict[str, MetricBaseline] = {}
    for name in metric_names(ready):
        recorded = declared(ready, name)
        values = values_of(ready, name)
        metrics[name] = MetricBaseline(
            higher_is_better=recorded.higher_is_better,
            values=values,
            margin=absolute_margin(recorded, values),
            version=recorded.version,
            resolution=recorded.resolution,
        )
    return metrics


class _Context(TypedDict):
    curves: dict[str, dict[int, Curve]]
    params: dict[str, Scalar]
    data: dict[str, str]


def _context(ready: Sequence[SeedResult]) -> _Context:
    """What is kept besides the metrics; parameters are those of the first seed."""
    curves: dict[str, dict[int, Curve]] = {}
    for seed in ready:
        for name, points in seed.curves.items():
            curves.setdefault(name, {})[seed.seed] = thinned(points)
    return _Context(
        curves=curves, params=shareable_values(ready[0].params), data=dict(ready[0].data)
    )


def thinned(points: Sequence[tuple[int, float]]) -> Curve:
    """At most `MOST_CURVE_POINTS` of the points, the first and the last always among them."""
    if len(points) <= MOST_CURVE_POINTS:
        return tuple(points)
    last = len(points) - 1
    steps = MOST_CURVE_POINTS - 1
    return tuple(points[round(k * last / steps)] for k in range(MOST_CURVE_POINTS))


def _revision(
    case: Case,
    previous: Artifact,
    metrics: Mapping[str, MetricBaseline],
    provenance: Provenance,
    rebase_reason: str | None,
) -> Update:
    changed = _incomparable(case, previous)
    shared = () if "" in changed else tuple(name for name in metrics if name not in changed)
    judged = tuple(_against_latest(case, previous, name) for name in shared)
    refusals = [
        *_losses(judged),
        *(text for name in shared if (text := _drift(previous, name, metrics[name])) is not None),
    ]
    if refusals and rebase_reason is None:
        return Update(_refused(case, judged, refusals))
    effects = {metric.name: _effect(metric) for metric in judged}
    reason = shareable(rebase_reason or _summary(judged, changed))
    artifact = revise(
        previous,
        metrics,
        provenance,
        effects=effects,
        reason=reason,
        rebased=rebase_reason is not None,
        **_context(case.ready),
    )
    values = {name: metric.values for name, metric in metrics.items()}
    paired = pair_with_baseline(previous, values, commit=provenance.commit)
    if shared and paired.metrics:
        artifact = append_pairing(artifact, paired)
    return Update(_recorded(case, metrics, judged, reason), artifact)


def _incomparable(case: Case, previous: Artifact) -> dict[str, str]:
    """As `incomparable`; with a file that was edited by hand nothing can be compared."""
    if previous.edited:
        return {"": "of the baseline before were edited by hand"}
    return incomparable(case.ready, previous)


def _mend(case: Case) -> tuple[str, ...]:
    return (f"find the cause, then record again: {case.group.plan.update_command}",)


def _against_latest(case: Case, previous: Artifact, name: str) -> MetricVerdict:
    return compared(name, case.ready, previous, case.rules)


def _losses(judged: Sequence[MetricVerdict]) -> list[str]:
    return [
        f"{metric.name} is worse than the baseline that it would replace ({metric.kind})"
        for metric in judged
        if metric.kind in (VerdictKind.REGRESSION, VerdictKind.DIVERGED)
    ]


def _drift(previous: Artifact, name: str, metric: MetricBaseline) -> str | None:
    """Why the new values are too far below the anchor, or None."""
    from pytest_mlregress.statistics import compare

    anchor = previous.anchor.get(name)
    if anchor is None or _same_seeds(anchor.values, metric.values):
        return None
    comparison = compare(
        tuple(anchor.values.values()),
        tuple(metric.values.values()),
        higher_is_better=metric.higher_is_better,
        margin=DRIFT_BUDGET,
        alpha=DRIFT_LEVEL,
    )
    if comparison.p_safe <= DRIFT_LEVEL:
        return None
    return (
        f"{name} may have drifted by more than {DRIFT_BUDGET} ({comparison.margin:.4g}) from its "
        f"anchor of {anchor.time[:10]}: {comparison.mean_baseline:.6g} then, "
        f"{comparison.mean_candidate:.6g} now, p(not drifted so far) = {comparison.p_safe:.3g} > "
        f"{DRIFT_LEVEL}; booked so far: a loss of {booked_loss(previous, name) + 0.0:.4g}"
    )


def _same_seeds(before: Mapping[int, float], now: Mapping[int, float]) -> bool:
    """True where every seed of before gave the same value: nothing has drifted, however few seeds
    there are to tell."""
    return all(now.get(seed) == value for seed, value in before.items())


def _effect(metric: MetricVerdict) -> float:
    """The change of the mean, a loss being negative; 0 where a value is non-finite."""
    if metric.comparison is None or not math.isfinite(metric.comparison.difference):
        return 0.0
    sign = 1.0 if metric.higher_is_better else -1.0
    return sign * metric.comparison.difference


def _summary(judged: Sequence[MetricVerdict], changed: Mapping[str, str]) -> str:
    parts = [f"{metric.name}: {metric.kind}" for metric in judged]
    parts += [f"{name or 'data'} {problem}" for name, problem in changed.items()]
    return "; ".join(parts)


def _recorded(
    case: Case,
    metrics: Mapping[str, MetricBaseline],
    judged: Sequence[MetricVerdict],
    reason: str,
) -> Verdict:
    known = {metric.name: metric for metric in judged}
    rows = tuple(
        replace(known[name], kind=VerdictKind.RECORDED)
        if name in known
        else MetricVerdict(
            name=name,
            kind=VerdictKind.RECORDED,
            higher_is_better=metric.higher_is_better,
            declared=declared(case.ready, name).margin,
            alpha=case.rules.alpha,
            candidate=metric.values,
        )
        for name, metric in metrics.items()
    )
    costs = costs_of_failures(
        case.ready, n_check=case.group.plan.check_seeds, alpha=case.rules.alpha
    )
    return case.verdict(VerdictKind.RECORDED, metrics=rows, reasons=(reason,), notes=costs)


def _refused(case: Case, judged: Sequence[MetricVerdict], reasons: Sequence[str]) -> Verdict:
    command = case.group.plan.update_command
    more = 2 * len(case.group.plan.planned)
    return case.verdict(
        VerdictKind.REFUSED,
        metrics=tuple(judged),
        reasons=(*reasons, "the baseline stays as it was"),
        next_steps=(
            "find the cause of the loss; where there may be none, more seeds can tell: "
            f"{command} --mlregress-baseline-seeds={more}",
            "or accept it and keep the reason: "
            f"{command} --mlregress-rebase-anchor='why it is accepted'",
        ),
    )
