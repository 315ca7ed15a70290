"""Recording baselines: which samples may become one, and what is kept of the old one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from pytest_mlregress.baselines.artifact import (
    Artifact,
    MetricBaseline,
    Provenance,
)
from pytest_mlregress.baselines.history import (
    append_pairing,
    first_artifact,
    pair_with_baseline,
    revise,
    with_refused_update,
)
from pytest_mlregress.baselines.urls import shareable
from pytest_mlregress.verdicts.accepted_change import AcceptedChange, EnvironmentChange
from pytest_mlregress.verdicts.context import JudgingContext, judging_context
from pytest_mlregress.verdicts.deterministic import of_one_seed, revised_values, value_changes
from pytest_mlregress.verdicts.drift_gate import Refusal, losses, refusal_notes
from pytest_mlregress.verdicts.finiteness import costs_of_failures, without_values
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.metric_samples import (
    declared,
    incomparable,
)
from pytest_mlregress.verdicts.metrics import compared
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.preconditions import (
    LOOK_PRECONDITIONS,
    UPDATE_PRECONDITIONS,
    edited_update,
)
from pytest_mlregress.verdicts.recorded_sample import context_of, sample_of
from pytest_mlregress.verdicts.seed_blind import seed_blind_update
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind

LONG_SEED_S: Final = 60.0
"""First baselines, with which all later ones are compared, get twice as many seeds if one takes
fewer seconds: an unchanged update is then accepted in 99 % of attempts, not 89."""


@dataclass(frozen=True, slots=True)
class Update:
    """What an update leads to.

    Attributes:
        verdict: the verdict.
        artifact: the artifact to write, None if nothing changes; that of a refused update is the
            old one with a refused attempt counted.
    """

    verdict: Verdict
    artifact: Artifact | None = None


def judge_update(
    group: SeedGroup,
    previous: Artifact | None,
    rules: Rules,
    provenance: Provenance,
    *,
    rebase_reason: str | None,
    environment: EnvironmentChange | None = None,
) -> Update | None:
    """The new baseline of a test, the refusal of one, or None while seeds are missing.

    A sample is accepted when every seed of it passed, and, if there is a baseline already, when it
    is not red against that and non-inferior to the anchor within the drift budget. What is
    undecided after the seeds of one look waits for those of the next; the sample is always the
    first n of the planned seeds.

    Args:
        group: the seeds of the test.
        previous: the baseline that is replaced; None for the first.
        rules: how the test is judged.
        provenance: where the values come from.
        rebase_reason: accepts a loss with this reason and moves the anchor.
        environment: the evidence that the values move to another environment; None for an update
            of the code's values.

    Returns:
        The update.
    """
    case = judging_context(group, previous, rules)
    if rebase_reason is None and (refused := edited_update(case)) is not None:
        return Update(refused)
    for rule in UPDATE_PRECONDITIONS:
        if (answer := rule(case)) is not None:
            return Update(answer)
    looks = group.plan.looks or (len(group.plan.planned),)
    accepted = AcceptedChange(rebase_reason=rebase_reason, environment=environment)
    for n in looks:
        if len(case.ready) < n:
            return None
        look = replace(case, ready=case.ready[:n])
        update = _at_look(look, looks, previous, provenance, accepted)
        if update is not None:
            return update
    raise AssertionError("the last look decides")


def _at_look(
    case: JudgingContext,
    looks: Sequence[int],
    previous: Artifact | None,
    provenance: Provenance,
    accepted: AcceptedChange,
) -> Update | None:
    """The decision on the seeds of one look, None if the next one is to decide."""
    for rule in LOOK_PRECONDITIONS:
        if (answer := rule(case)) is not None:
            return Update(answer)
    if not case.recorded:
        return Update(
            case.verdict(VerdictKind.PASS, notes=("no metric recorded: no baseline needed",))
        )
    if lacking := without_values(case.ready):
        return Update(case.verdict(VerdictKind.REFUSED, reasons=lacking, next_steps=_mend(case)))
    if (blind := seed_blind_update(case)) is not None:
        return Update(blind)
    metrics = sample_of(case.ready)
    changed = {} if previous is None else _incomparable(case, previous)
    if changed:  # other data or another metric: not the environment alone
        accepted = replace(accepted, environment=None)
    new_anchor = accepted.moves_anchor or any(name in changed for name in ("", *metrics))
    if (previous is None or new_anchor) and _wants_more(case, looks):
        return None
    provenance = replace(
        provenance,
        seeds=tuple(seed.seed for seed in case.ready),
        time=accepted.time(provenance.time),
    )
    if previous is None:
        artifact = first_artifact(case.group.plan.baseline_id, case.group.plan.tier, metrics,
                                  provenance, **context_of(case.ready))  # fmt: skip
        return Update(_recorded(case, looks, metrics, (), "first baseline"), artifact)
    if case.rules.deterministic:
        return _one_value(case, looks, previous, metrics, changed, provenance, accepted)
    return _revision(case, looks, previous, metrics, changed, provenance, accepted)


def _one_value(
    case: JudgingContext,
    looks: Sequence[int],
    previous: Artifact,
    metrics: Mapping[str, MetricBaseline],
    changed: Mapping[str, str],
    provenance: Provenance,
    accepted: AcceptedChange,
) -> Update:
    """The revision of a deterministic training: for one value no loss or drift is tested."""
    parts = [accepted.reason, revised_values(previous, metrics), _summary((), changed)]
    reason = shareable("; ".join(part for part in parts if part))
    artifact = revise(
        previous,
        metrics,
        provenance,
        effects=value_changes(previous, metrics),
        reason=reason,
        rebased=accepted.moves_anchor,
        kind=accepted.kind,
        evidence=accepted.evidence,
        **context_of(case.ready),
    )
    return Update(_recorded(case, looks, metrics, (), reason), artifact)


def _wants_more(case: JudgingContext, looks: Sequence[int]) -> bool:
    """Whether values that become an anchor are still fewer than they could be."""
    return len(case.ready) < _enough_for_an_anchor(looks) and not _takes_long(case)


def _enough_for_an_anchor(looks: Sequence[int]) -> int:
    return looks[min(1, len(looks) - 1)]


def _takes_long(case: JudgingContext) -> bool:
    return median(seed.duration for seed in case.ready) > LONG_SEED_S


def _revision(
    case: JudgingContext,
    looks: Sequence[int],
    previous: Artifact,
    metrics: Mapping[str, MetricBaseline],
    changed: Mapping[str, str],
    provenance: Provenance,
    accepted: AcceptedChange,
) -> Update | None:
    shared = () if "" in changed else tuple(name for name in metrics if name not in changed)
    judged = tuple(_against_latest(case, previous, name) for name in shared)
    drifted = (accepted.drift(previous, name, metrics[name], looks) for name in shared)
    refusals = [*losses(judged), *(refusal for refusal in drifted if refusal is not None)]
    if refusals and accepted.rebase_reason is None:
        if len(case.ready) < looks[-1] and not any(refusal.settled for refusal in refusals):
            return None
        return _refused(case, previous, judged, refusals)
    effects = {metric.name: _effect(metric) for metric in judged}
    reason = shareable(accepted.reason or _summary(judged, changed))
    artifact = revise(
        previous,
        metrics,
        provenance,
        effects=effects,
        reason=reason,
        rebased=accepted.moves_anchor or of_one_seed(previous),
        kind=accepted.kind,
        evidence=accepted.evidence,
        **context_of(case.ready),
    )
    values = {name: metric.values for name, metric in metrics.items()}
    paired = pair_with_baseline(previous, values, commit=provenance.commit)
    if shared and paired.metrics:
        artifact = append_pairing(artifact, paired)
    return Update(_recorded(case, looks, metrics, judged, reason), artifact)


def _incomparable(case: JudgingContext, previous: Artifact) -> dict[str, str]:
    """As `incomparable`; with a file that was edited by hand nothing can be compared."""
    if previous.edited:
        return {"": "of the baseline before were edited by hand"}
    if of_one_seed(previous) and not case.rules.deterministic:
        return {"": "of the baseline before are those of one seed, recorded as deterministic"}
    return incomparable(case.ready, previous)


def _mend(case: JudgingContext) -> tuple[str, ...]:
    return (f"find the cause, then record again: {case.group.plan.update_command}",)


def _against_latest(case: JudgingContext, previous: Artifact, name: str) -> MetricVerdict:
    return compared(name, case.ready, previous, case.rules)


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
    case: JudgingContext,
    looks: Sequence[int],
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
    return case.verdict(
        VerdictKind.RECORDED,
        metrics=rows,
        reasons=(reason,),
        notes=(*costs, *_small_anchor(case, looks, new_anchor=len(judged) < len(metrics))),
    )


def _small_anchor(case: JudgingContext, looks: Sequence[int], *, new_anchor: bool) -> Iterator[str]:
    """That an anchor has few seeds because they take long, and what that will mean."""
    enough = _enough_for_an_anchor(looks)
    if new_anchor and len(case.ready) < enough:
        yield (
            f"an anchor of {len(case.ready)} seeds, since one takes over {LONG_SEED_S:.0f} s: "
            "later updates that lost nothing are refused in 11 % of tries, with "
            f"{enough} seeds in 1 %: {case.group.plan.update_command} "
            f"--mlregress-baseline-seeds={enough}"
        )


def _refused(
    case: JudgingContext,
    previous: Artifact,
    judged: Sequence[MetricVerdict],
    refusals: Sequence[Refusal],
) -> Update:
    """The refusal; in the baseline only the count of refused attempts changes."""
    command = case.group.plan.update_command
    more = 2 * len(case.group.plan.planned)
    drifted = [refusal.metric for refusal in refusals if refusal.drifted]
    verdict = case.verdict(
        VerdictKind.REFUSED,
        metrics=tuple(judged),
        reasons=(
            *(refusal.reason for refusal in refusals),
            *refusal_notes(previous, refusals),
            "the values of the baseline stay as they were",
        ),
        next_steps=(
            "find the cause of the loss; where there may be none, more seeds can tell: "
            f"{command} --mlregress-baseline-seeds={more}",
            f"to accept it: {command} --mlregress-rebase-anchor='why'",
        )
        if all(metric.kind is not VerdictKind.DIVERGED for metric in judged)
        else _mend(case),  # values that are not finite are no baseline
    )
    return Update(verdict, with_refused_update(previous, drifted) if drifted else None)
