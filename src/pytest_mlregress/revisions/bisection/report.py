"""What a search found, as plain values that every kind of report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_mlregress.revisions.bisection.axes_report import AxesReport
from pytest_mlregress.revisions.bisection.candidate_weights import READ_WEIGHT, UNREAD_WEIGHT
from pytest_mlregress.revisions.bisection.commit_range import Commit, CommitRange
from pytest_mlregress.revisions.bisection.metric_choice import PASSING, SearchedMetric
from pytest_mlregress.revisions.bisection.search import Knowledge
from pytest_mlregress.statistics.bisection_baseline import trainings_of_git_bisect
from pytest_mlregress.statistics.bisection_problem import CannotTell, NamedCommit, NoneWorse

__all__ = ["BisectionReport", "CandidateRow", "Finding", "build_report"]

Finding: TypeAlias = Literal["commit", "none", "identical", "unclear", "environment"]
"""A commit is named; none is worse; both ends are the same bit for bit; the budget is spent; the
environment lost, and the named commits changed it."""


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One commit of the history.

    Attributes:
        commit: the commit.
        probability: that it lost; 0 where bits have excluded it.
        effect: its expected change of the metric, in metric units as recorded; None where bits
            have excluded it.
        weight: its prior weight.
        read_files: the files that it changed and the test's seeds read.
        changed: the number of files that it changed.
        brought: the commits that came with it, where it is a merge.
        excluded: whether a state before it and one after it give the same bits.
        has_state: whether it can be trained: a commit of a branch that forked off before the good
            end lacks a part of that, and is not.
    """

    commit: Commit
    probability: float
    effect: float | None
    weight: float
    read_files: tuple[str, ...]
    changed: int
    brought: tuple[Commit, ...]
    excluded: bool
    has_state: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectionReport:
    """The answer of a search and what it rests on.

    Attributes:
        test: the node id of the test.
        tier: its tier.
        metric: what was searched by.
        good: the good end.
        bad: the bad end.
        finding: the kind of the answer.
        named: the commits that lost, as positions in `rows`: several that no state tells apart.
        others: commits that lost as well, likewise.
        below_margin: commits that lost less than the given margin, likewise.
        likely: the shortlist where the answer is unclear, likewise.
        probability: of the answer.
        effect: what the named commit changes, in metric units as recorded; None for other answers,
            and where it is the seeds that fail which say that it lost.
        interval: its credible interval at `confidence`, in metric units as recorded.
        excluded_loss: the smallest loss that is excluded where no commit is worse, in metric units.
        reason: why the answer is unclear.
        rows: every candidate, in the order of the history.
        commits: the number of commits between both ends, those of the other axes included.
        states: the number of states that could be trained.
        not_needed: the commits whose states repeat another one's results, bit for bit.
        skipped: the commits that cannot be run, and why.
        confidence: the posterior probability that an answer needs.
        trainings: the number of results.
        sources: how many were trained now, from the cache or from an interrupted run.
        git_bisect: the trainings of ``git bisect run``, by seeds a step.
        weights: the prior weights of a commit that touched what the seeds read, and of others.
        notes: what the user should know, one sentence each.
        axes: which axis lost, where that was asked for.
        budget_spent: whether the answer is unclear for want of trainings: a larger budget goes on.
    """

    test: str
    tier: str
    metric: SearchedMetric
    good: Commit
    bad: Commit
    finding: Finding
    named: tuple[int, ...]
    others: tuple[int, ...]
    likely: tuple[int, ...]
    probability: float
    effect: float | None
    interval: tuple[float, float] | None
    excluded_loss: float | None
    reason: str
    rows: tuple[CandidateRow, ...]
    commits: int
    states: int
    not_needed: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    confidence: float
    trainings: int
    sources: Mapping[str, int]
    git_bisect: Mapping[int, int]
    weights: tuple[float, float] = (READ_WEIGHT, UNREAD_WEIGHT)
    notes: tuple[str, ...] = ()
    axes: AxesReport | None = None
    budget_spent: bool = False
    below_margin: tuple[int, ...] = ()


def build_report(
    known: Knowledge,
    between: CommitRange,
    *,
    test: str,
    tier: str,
    commits: int,
    confidence: float,
    sources: Mapping[str, int],
    notes: tuple[str, ...] = (),
    axes: AxesReport | None = None,
) -> BisectionReport:
    """Put the result of a search into values.

    Args:
        known: what is known at its end.
        between: the commits.
        test: the node id of the test.
        tier: its tier.
        commits: the number of commits between both ends, those of the other axes included.
        confidence: the posterior probability that an answer needs.
        sources: how many results were trained now, from the cache or from an interrupted run.
        notes: what the user should know, one sentence each.
        axes: which axis lost, where that was asked for.

    Returns:
        The report.
    """
    history = known.history
    found = _finding(known)
    metric = known.metric
    effect = None if found.effect is None else metric.as_recorded(found.effect)
    interval = None
    if found.effect is not None and found.interval is not None:
        interval = metric.interval_as_recorded(found.interval)
    return BisectionReport(
        test=test,
        tier=tier,
        metric=known.metric,
        good=between.good,
        bad=between.bad,
        finding=found.kind,
        named=found.named,
        others=found.others,
        below_margin=found.below_margin,
        likely=found.likely,
        probability=found.probability,
        effect=effect,
        interval=interval,
        excluded_loss=found.excluded_loss,
        reason=found.reason,
        budget_spent=known.budget_spent,
        rows=_rows(known),
        commits=commits,
        states=len(history.states),
        not_needed=tuple(
            history.states[place] for place, same in enumerate(known.equal) if same != place
        ),
        skipped=tuple(
            (history.states[place], reason) for place, reason in sorted(known.unavailable.items())
        ),
        confidence=confidence,
        trainings=sum(sources.values()),
        sources=dict(sources),
        git_bisect={seeds: trainings_of_git_bisect(commits, seeds) for seeds in (5, 20)},
        notes=notes,
        axes=axes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    kind: Finding
    probability: float
    named: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    likely: tuple[int, ...] = ()
    effect: float | None = None
    interval: tuple[float, float] | None = None
    excluded_loss: float | None = None
    below_margin: tuple[int, ...] = ()
    reason: str = ""


def _finding(known: Knowledge) -> _Found:
    answer = None if known.step is None else known.step.answer
    match answer:
        case None:
            return _Found(kind="identical", probability=1.0)
        case NamedCommit():
            measured = _measured(known, answer)
            return _Found(
                kind="commit",
                probability=answer.probability,
                named=tuple(known.kept[place] for place in answer.candidates),
                others=tuple(known.kept[place] for place in answer.others),
                below_margin=tuple(known.kept[place] for place in answer.below_margin),
                effect=None if measured is None else measured.effect,
                interval=None if measured is None else measured.interval,
            )
        case NoneWorse():
            return _Found(
                kind="none",
                probability=answer.probability,
                excluded_loss=answer.excluded_loss,
                below_margin=tuple(known.kept[place] for place in answer.below_margin),
            )
        case CannotTell():
            return _Found(
                kind="unclear",
                probability=answer.probability,
                likely=tuple(known.kept[place] for place in answer.likely),
                reason=answer.reason,
            )


def _measured(known: Knowledge, answer: NamedCommit) -> NamedCommit | None:
    """The answer whose effect is measured; None where it rests on seeds without a number."""
    if known.numeric is None or known.metric.name == PASSING:
        return answer
    numbers = known.numeric.answer
    if isinstance(numbers, NamedCommit) and numbers.candidates == answer.candidates:
        return numbers
    return None


def _rows(known: Knowledge) -> tuple[CandidateRow, ...]:
    history = known.history
    places = {place: index for index, place in enumerate(known.kept)}
    states = frozenset(history.states)
    rows = []
    for place, commit in enumerate(history.candidates):
        probability, effect = 0.0, None
        if known.step is not None and place in places:
            probability = float(known.step.posterior[places[place]])
            of = known.step if known.metric.name == PASSING else known.numeric or known.step
            effect = known.metric.as_recorded(float(of.effects[places[place]]))
        rows.append(
            CandidateRow(
                commit=commit,
                probability=probability,
                effect=effect,
                weight=known.weights[place].weight,
                read_files=known.weights[place].read_files,
                changed=known.weights[place].changed,
                brought=history.brought[place],
                excluded=effect is None,
                has_state=commit.name in states,
            )
        )
    return tuple(rows)
