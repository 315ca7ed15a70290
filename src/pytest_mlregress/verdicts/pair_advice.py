"""What to do after a verdict on live pairs; no text asks for a recorded baseline."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator

from pytest_mlregress.revisions.history import History
from pytest_mlregress.verdicts.metrics import MetricsDecision
from pytest_mlregress.verdicts.pair_preconditions import PairContext
from pytest_mlregress.verdicts.verdict import VerdictKind


def pair_advice(
    pairs: PairContext, decision: MetricsDecision, history: History | None
) -> tuple[str, ...]:
    """The next steps after a decision.

    Args:
        pairs: the test.
        decision: what its values say.
        history: what git knows; None without git.

    Returns:
        One text per step, with a command if there is one.
    """
    more = 2 * len(pairs.case.group.plan.planned)
    match decision.kind:
        case VerdictKind.REGRESSION:
            return (
                *_what_changed(pairs, history),
                f"on twice as many seeds: {pairs.command} --mlregress-seeds={more}",
            )
        case VerdictKind.DIVERGED:
            return (*_what_changed(pairs, history), *_one_seed(pairs, decision))
        case VerdictKind.INCONCLUSIVE | VerdictKind.UNAFFORDABLE:
            return (
                f"how many pairs it takes: {pairs.command} --mlregress-plan",
                f"more of them: {pairs.command} --mlregress-seeds={more}",
            )
        case _:
            return ()


def _what_changed(pairs: PairContext, history: History | None) -> Iterator[str]:
    base = pairs.case.baseline
    commit = base.provenance.named_commit if base is not None else None
    if commit is not None and history is not None and history.knows(commit):
        # `git log` would say nothing of what is in no commit.
        command = "git diff --stat {}" if history.tree.dirty else "git log --oneline {}..HEAD"
        yield f"what changed since the base: {command.format(shlex.quote(commit[:10]))}"


def _one_seed(pairs: PairContext, decision: MetricsDecision) -> Iterator[str]:
    for metric in decision.metrics:
        for seed, value in metric.candidate.items():
            if not math.isfinite(value) and math.isfinite(metric.baseline[seed]):
                yield f"look at one seed alone: {pairs.case.group.plan.command} -k seed{seed}"
                return
