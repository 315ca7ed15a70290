"""The search itself: train what tells most, until one answer is likely enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_mlregress.revisions.bisection.candidate_weights import (
    CandidateWeight,
    weigh_candidates,
)
from pytest_mlregress.revisions.bisection.equal_states import StateComparison, excluded_candidates
from pytest_mlregress.revisions.bisection.evidence import Evidence
from pytest_mlregress.revisions.bisection.history import History
from pytest_mlregress.revisions.bisection.metric_choice import SearchedMetric
from pytest_mlregress.revisions.bisection.search_ends import train_ends
from pytest_mlregress.revisions.bisection.search_settings import SearchSettings
from pytest_mlregress.revisions.bisection.search_step import StepQuestion
from pytest_mlregress.revisions.bisection.state_seed import Source, StateSeed, StateTrainer
from pytest_mlregress.revisions.bisection.tree_changes import FileChange, TreeChanges
from pytest_mlregress.statistics.bisection_problem import BisectionStep, NamedCommit

__all__ = ["Knowledge", "run_search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What is known after some trainings.

    Attributes:
        history: the states and candidates.
        metric: what is searched by.
        weights: what each candidate touched.
        equal: for each state, the position of the one whose results are its own, bit for bit.
        kept: the candidates that can have lost, as positions in the history; the posterior of
            `step` is in this order.
        unavailable: the states that cannot be run, by position, and why.
        step: what the trainings say, and what comes next; None where both ends are bit-identical.
        numeric: where a commit is named, the same from the finite values alone, which effects are
            taken from: a seed that failed is no measurement. None before.
        sources: how many results were trained now, and how many were there already.
        budget: the most trainings.
    """

    history: History
    metric: SearchedMetric
    weights: tuple[CandidateWeight, ...]
    equal: tuple[int, ...]
    kept: tuple[int, ...]
    unavailable: Mapping[int, str]
    step: BisectionStep | None
    numeric: BisectionStep | None
    sources: Mapping[Source, int]
    budget: int

    @property
    def answered(self) -> bool:
        """Whether the search is over."""
        return self.step is None or self.step.answer is not None

    @property
    def budget_spent(self) -> bool:
        """Whether the search ended for want of trainings."""
        return self.trainings >= self.budget

    @property
    def trainings(self) -> int:
        """The number of results, from wherever they come."""
        return sum(self.sources.values())


def run_search(
    history: History,
    trees: TreeChanges,
    changes: Sequence[frozenset[FileChange]],
    trainer: StateTrainer,
    settings: SearchSettings,
    on_knowledge: Callable[[Knowledge], None] = lambda _: None,
    known_seeds: Iterable[StateSeed] = (),
) -> Knowledge:
    """Search a history for the commit that lost.

    Args:
        history: the states and candidates.
        trees: the files of the states.
        changes: what each candidate changed.
        trainer: trains seeds at states.
        settings: how to search.
        on_knowledge: told after each batch of trainings.
        known_seeds: what was trained at its states before.

    Returns:
        What is known at the end; `Knowledge.answered` holds.

    Raises:
        CommandError: an end of the history cannot be run, or no seed records the metric.
    """
    evidence = Evidence()
    evidence.add(known_seeds)
    metric = train_ends(history, trainer, settings, evidence)
    ends = (history.states[0], history.states[-1])
    at_ends = [own for state, own in evidence.reads.items() if state in ends]
    weights = weigh_candidates(changes, at_ends)
    comparison = StateComparison(history.states, trees)
    while True:
        _confirm_failures(trainer, settings, metric, evidence)
        known = _assess(history, comparison, settings, metric, weights, evidence)
        on_knowledge(known)
        if known.step is None or known.step.answer is not None:
            return known
        evidence.add(
            trainer.train([(history.states[place], seed) for place, seed in known.step.next])
        )


def _confirm_failures(
    trainer: StateTrainer, settings: SearchSettings, metric: SearchedMetric, evidence: Evidence
) -> None:
    """Where no seed ran, train more: all that fail skip a state, some of them are evidence."""
    while again := evidence.to_confirm(metric, settings.seeds):
        left = settings.budget - sum(evidence.sources.values())
        if left <= 0:
            return
        evidence.add(trainer.train(again[:left]))


def _assess(
    history: History,
    comparison: StateComparison,
    settings: SearchSettings,
    metric: SearchedMetric,
    weights: tuple[CandidateWeight, ...],
    evidence: Evidence,
) -> Knowledge:
    """What the evidence says, whatever order it came in."""
    places = {state: place for place, state in enumerate(history.states)}
    equal = comparison.equal(evidence.reads)
    excluded = excluded_candidates(history.contains, equal)
    kept = tuple(place for place in range(len(history.candidates)) if place not in excluded)
    unusable = evidence.unusable(metric)
    unavailable = {places[state]: reason for state, reason in unusable.items()}
    step = numeric = None
    if kept:
        question = StepQuestion(
            contains=np.array([[place in own for place in kept] for own in history.contains]),
            prior=np.array([weights[place].weight for place in kept]),
            margin=metric.margin,
            unavailable=frozenset(unavailable)
            | {place for place, same in enumerate(equal) if same != place},
            wasted=evidence.wasted(metric),
            settings=settings,
        )
        observed = evidence.observations(metric, history.states, equal)
        step = question.step(observed)
        if isinstance(step.answer, NamedCommit):
            numeric = question.of_numbers(observed, step)
    return Knowledge(
        history=history,
        metric=metric,
        weights=weights,
        equal=equal,
        kept=kept,
        unavailable=unavailable,
        step=step,
        numeric=numeric,
        sources=evidence.sources,
        budget=settings.budget,
    )
