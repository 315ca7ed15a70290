"""The decision on one test, as a pure function of its seed results.

`judge` is called after every seed and returns None while the verdict is open. Statistics use the
first n seeds by number, never those that happened to finish first, so that the answer is the same
for any number of workers.
"""

from __future__ import annotations

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.revisions.history import History
from pytest_mlregress.verdicts.advice import advice, remarks
from pytest_mlregress.verdicts.checked_metric import RED
from pytest_mlregress.verdicts.context import (
    PENDING,
    JudgingContext,
    judging_context,
    run_command,
    seeds_in_words,
)
from pytest_mlregress.verdicts.curves import beside_curves
from pytest_mlregress.verdicts.deterministic import judge_bits
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.identical import judge_bit_equality
from pytest_mlregress.verdicts.metric_samples import margin_changes
from pytest_mlregress.verdicts.metrics import MetricsDecision, judge_metrics
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.preconditions import PRECONDITIONS, skipped_seeds
from pytest_mlregress.verdicts.run_effects import run_effect_notes
from pytest_mlregress.verdicts.seed_blind import seed_blind_notes
from pytest_mlregress.verdicts.unaffordable import (
    looks_harmless,
    unaffordable,
    unaffordable_verdict,
)
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind


def judge(
    group: SeedGroup, baseline: Artifact | None, rules: Rules, history: History | None = None
) -> Verdict | None:
    """The verdict on a test, or None while more of its seeds have to run.

    Args:
        group: the seeds of the test.
        baseline: its baseline; None without one.
        rules: how it is judged.
        history: what git knows, for the text of the verdict only; None without git.

    Returns:
        The verdict.
    """
    case = judging_context(group, baseline, beside_curves(rules, baseline))
    return _decided(case, history) or skipped_seeds(case)


def _decided(case: JudgingContext, history: History | None) -> Verdict | None:
    for rule in PRECONDITIONS:
        answer = rule(case)
        if answer is PENDING:
            return None
        if answer is not None:
            return answer
    ready, planned, baseline, rules = case.ready, case.group.plan.planned, case.baseline, case.rules
    assert baseline is not None  # the preconditions end where there is none
    if rules.deterministic:
        return judge_bits(case, baseline)
    if not rules.early and len(ready) < len(planned):
        return None  # all seeds run, so nothing is decided before the last one
    short = unaffordable(case, baseline)
    nothing_to_decide = len(short) == len(ready[0].metrics) if ready else False
    if nothing_to_decide and rules.early and looks_harmless(ready[0], baseline):
        return unaffordable_verdict(case, baseline, short)
    decision = judge_bit_equality(
        ready, planned, baseline, rules, same_environment=not case.differences
    ).or_looked(judge_metrics(ready, planned, baseline, rules))
    if decision is None:
        return None
    if short and decision.kind not in RED:
        return unaffordable_verdict(case, baseline, short, decision)
    return _verdict(case, baseline, decision, history)


def incomplete(group: SeedGroup, rules: Rules, reason: str) -> Verdict:
    """The verdict on a test whose missing seeds will not run.

    Args:
        group: the seeds of the test.
        rules: how it is judged.
        reason: why they will not.

    Returns:
        The verdict.
    """
    case = judging_context(group, None, rules)
    missing = [seed for seed in group.plan.selected if seed not in group.results]
    reasons = (f"{reason}: {seeds_in_words(missing)} did not report",) if missing else (reason,)
    return case.verdict(
        VerdictKind.INCOMPLETE,
        reasons=reasons,
        next_steps=(run_command(group),),
    )


def _verdict(
    case: JudgingContext, baseline: Artifact, decision: MetricsDecision, history: History | None
) -> Verdict:
    return case.verdict(
        decision.kind,
        metrics=decision.metrics,
        reasons=decision.reasons,
        notes=(
            *margin_changes(case.ready, baseline),
            *seed_blind_notes(case.ready[: decision.seeds]),
            *decision.notes,
            *run_effect_notes(decision.metrics),
            *remarks(case, decision, history),
        ),
        decided_after=decision.seeds,
        next_steps=advice(case, decision, history),
    )
