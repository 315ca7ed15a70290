"""The decision on one test, as a pure function of what its seeds gave.

`judge` is asked after every seed and answers None while the verdict is open. Statistics look at
the first n seeds by number, never at those that happened to arrive first, so that the answer is
the same for any number of workers.
"""

from __future__ import annotations

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.revisions.history import History
from pytest_mlregress.verdicts.advice import advice, remarks
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
from pytest_mlregress.verdicts.metrics import RED, MetricsDecision, judge_metrics
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

    ``history`` says what git knows, for the words of the verdict alone; None for nothing.
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
        return None  # nothing is saved, and so nothing is decided before the last seed
    short = unaffordable(case, baseline)
    nothing_to_decide = len(short) == len(ready[0].metrics) if ready else False
    if nothing_to_decide and rules.early and looks_harmless(ready[0], baseline):
        return unaffordable_verdict(case, baseline, short)
    finding = judge_bit_equality(
        ready, planned, baseline, rules, same_environment=not case.differences
    ).or_looked(judge_metrics(ready, planned, baseline, rules))
    if finding is None:
        return None
    if short and finding.kind not in RED:
        return unaffordable_verdict(case, baseline, short, finding)
    return _verdict(case, baseline, finding, history)


def incomplete(group: SeedGroup, rules: Rules, reason: str) -> Verdict:
    """The verdict on a test whose missing seeds will not come any more."""
    case = judging_context(group, None, rules)
    missing = [seed for seed in group.plan.selected if seed not in group.results]
    reasons = (f"{reason}: {seeds_in_words(missing)} did not report",) if missing else (reason,)
    return case.verdict(
        VerdictKind.INCOMPLETE,
        reasons=reasons,
        next_steps=(run_command(group),),
    )


def _verdict(
    case: JudgingContext, baseline: Artifact, finding: MetricsDecision, history: History | None
) -> Verdict:
    return case.verdict(
        finding.kind,
        metrics=finding.metrics,
        reasons=finding.reasons,
        notes=(
            *margin_changes(case.ready, baseline),
            *seed_blind_notes(case.ready[: finding.seeds]),
            *finding.notes,
            *run_effect_notes(finding.metrics),
            *remarks(case, finding, history),
        ),
        decided_after=finding.seeds,
        next_steps=advice(case, finding, history),
    )
