"""The decision on one test, as a pure function of its seed results.

`judge` is called after every seed and returns None while the verdict is open. Statistics use the
first n seeds by number, never those that happened to finish first, so that the answer is the same
for any number of workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Artifact
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
from pytest_mlregress.verdicts.identical import (
    first_moved,
    judge_bit_equality,
    recorded_in_another_group,
)
from pytest_mlregress.verdicts.metric_samples import margin_changes
from pytest_mlregress.verdicts.metrics import MetricsDecision, judge_metrics, look_numbers
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.preconditions import PRECONDITIONS, skipped_seeds
from pytest_mlregress.verdicts.run_effects import run_effect_notes
from pytest_mlregress.verdicts.seed_blind import seed_blind_notes
from pytest_mlregress.verdicts.shortfalls import Shortfall
from pytest_mlregress.verdicts.unaffordable import (
    looks_harmless,
    unaffordable,
    unaffordable_verdict,
)
from pytest_mlregress.verdicts.undecided import Undecided
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.revisions.history import History


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
    before = group.undecided
    if before is not None and not before.is_of(baseline, rules):
        before = None
    if before is not None and before.holds(group.environment, group.results):
        return None
    case = judging_context(group, baseline, beside_curves(rules, baseline))
    found = _decided(case, before, history)
    group.undecided = _undecided(case, rules, found) if isinstance(found, _Open) else None
    return (None if isinstance(found, _Open) else found) or skipped_seeds(case)


@dataclass(frozen=True, slots=True)
class _Open:
    """Only more seeds can decide the test; some of its metrics they cannot, if that is known."""

    short: tuple[Shortfall, ...] | None = None


def _undecided(case: JudgingContext, rules: Rules, found: _Open) -> Undecided | None:
    """When a test that is open may be decided, where that is known in advance."""
    ready, planned, baseline = case.ready, len(case.group.plan.planned), case.baseline
    if baseline is None or not ready or case.group.standing is not None:
        return None
    if rules.expect is not None or rules.test == "paired":  # which any seed may decide
        return None
    seeds = planned
    if case.rules.early:
        if not case.differences and first_moved(baseline, ready) is None:
            return None  # a few more such seeds may be identity enough
        seeds = next(n for n in look_numbers(planned, case.rules) if n > len(ready))
    return Undecided(baseline, rules, case.group.environment, ready[0], found.short, seeds)


def _decided(
    case: JudgingContext, before: Undecided | None, history: History | None
) -> Verdict | _Open | None:
    """The verdict, None where a precondition needs more seeds.

    ``before`` is what was found the last time, of the same baseline and rules.
    """
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
    short = before.short if before is not None else None
    if not rules.early and len(ready) < len(planned):
        return _Open(short)  # all seeds run, so nothing is decided before the last one
    if short is None:
        short = unaffordable(case, baseline)
    nothing_to_decide = len(short) == len(ready[0].metrics) if ready else False
    if nothing_to_decide and rules.early and looks_harmless(ready[0], baseline):
        return unaffordable_verdict(case, baseline, short)
    if (verdict := recorded_in_another_group(case, baseline)) is not None:
        return verdict
    decision = judge_bit_equality(
        ready, planned, baseline, rules, same_environment=not case.differences
    ).or_looked(judge_metrics(ready, planned, baseline, rules))
    if decision is None:
        return _Open(short)
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
