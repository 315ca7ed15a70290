"""What to do after a verdict on live pairs; no text asks for a recorded baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pytest_mlregress.revisions.history import History
from pytest_mlregress.verdicts.metrics import MetricsDecision
from pytest_mlregress.verdicts.pair_preconditions import PairContext
from pytest_mlregress.verdicts.verdict import VerdictKind
from pytest_mlregress.verdicts.what_changed import what_changed


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
        case VerdictKind.REGRESSION if pairs.case.rules.expect == "identical":
            return tuple(_what_changed(pairs, history, lost=False))
        case VerdictKind.REGRESSION:
            return (
                *_what_changed(pairs, history, lost=True),
                f"on twice as many seeds: {pairs.command} --mlregress-seeds={more}",
            )
        case VerdictKind.DIVERGED:
            return (*_what_changed(pairs, history, lost=False), *_one_seed(pairs, decision))
        case VerdictKind.INCONCLUSIVE | VerdictKind.UNAFFORDABLE:
            return (
                f"how many pairs it takes: {pairs.command} --mlregress-plan",
                _more_pairs(pairs, decision),
            )
        case _:
            return ()


def _more_pairs(pairs: PairContext, decision: MetricsDecision) -> str:
    """The command with the pairs that every undecided metric takes, or the margin that can be."""
    from pytest_mlregress.statistics.pair_spread import spread_of_sides
    from pytest_mlregress.statistics.pairs_needed import pairs_for_level, pairs_needed, shown_by

    planned = len(pairs.case.group.plan.planned)
    needed: list[int] = []
    for metric in decision.metrics:
        level = pairs_for_level(metric.alpha)
        if planned < min(level.sign_flips, level.two_samples):
            needed.append(level.sign_flips)
        if metric.kind is not VerdictKind.UNAFFORDABLE or metric.comparison is None:
            continue
        sd = spread_of_sides(tuple(metric.baseline.values()), tuple(metric.candidate.values()))
        assert sd is not None  # otherwise it would not be unaffordable
        enough = pairs_needed(metric.comparison.margin / sd, alpha=metric.alpha)
        if enough is None:
            least = shown_by(planned, metric.alpha) * sd
            return f"declare a margin of at least {least:.2g} for {metric.name}"
        needed.append(enough)
    most = max(needed, default=2 * planned)
    return f"run more pairs: {pairs.command} --mlregress-seeds={most}"


def _what_changed(pairs: PairContext, history: History | None, *, lost: bool) -> Iterator[str]:
    base = pairs.case.baseline
    commit = base.provenance.named_commit if base is not None else None
    return what_changed(pairs.case.group.plan, commit, history, lost=lost)


def _one_seed(pairs: PairContext, decision: MetricsDecision) -> Iterator[str]:
    for metric in decision.metrics:
        for seed, value in metric.candidate.items():
            if not math.isfinite(value) and math.isfinite(metric.baseline[seed]):
                yield f"look at one seed alone: {pairs.case.group.plan.command} -k seed{seed}"
                return
