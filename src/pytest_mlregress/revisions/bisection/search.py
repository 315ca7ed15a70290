"""The search itself: train what tells most, until one answer is likely enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.revisions.bisection.candidate_weights import (
    CandidateWeight,
    weigh_candidates,
)
from pytest_mlregress.revisions.bisection.equal_states import StateComparison, excluded_candidates
from pytest_mlregress.revisions.bisection.evidence import Evidence
from pytest_mlregress.revisions.bisection.history import History
from pytest_mlregress.revisions.bisection.metric_choice import SearchedMetric, choose_metric
from pytest_mlregress.revisions.bisection.state_seed import Source, StateSeed, StateTrainer
from pytest_mlregress.revisions.bisection.tree_changes import FileChange, TreeChanges
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.statistics.bisection_problem import (
    BisectionProblem,
    BisectionStep,
    CannotTell,
)
from pytest_mlregress.statistics.noisy_bisection import next_step

__all__ = ["Knowledge", "SearchSettings", "run_search", "train_ends"]

_SEEDS_TO_CHOOSE: Final = 3
"""Seeds at both ends, among several metrics: the fewest whose spread says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How a search is carried out.

    Attributes:
        metric: the metric; None for the one that lost most.
        confidence: the posterior probability that an answer needs.
        budget: the most trainings, those from the cache included.
        batch: the number of seeds that train at once.
        seeds: the seeds that the test can be run with, in their order.
    """

    metric: str | None
    confidence: float
    budget: int
    batch: int
    seeds: tuple[int, ...]


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
        sources: how many results were trained now, and how many were there already.
    """

    history: History
    metric: SearchedMetric
    weights: tuple[CandidateWeight, ...]
    equal: tuple[int, ...]
    kept: tuple[int, ...]
    unavailable: Mapping[int, str]
    step: BisectionStep | None
    sources: Mapping[Source, int]

    @property
    def answered(self) -> bool:
        """Whether the search is over."""
        return self.step is None or self.step.answer is not None

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
        known = _assess(history, comparison, settings, metric, weights, evidence)
        on_knowledge(known)
        if known.step is None or known.step.answer is not None:
            return known
        evidence.add(
            trainer.train([(history.states[place], seed) for place, seed in known.step.next])
        )


def train_ends(
    history: History, trainer: StateTrainer, settings: SearchSettings, evidence: Evidence
) -> SearchedMetric:
    """Train the first seed at both ends, and more of them to choose among several metrics.

    Args:
        history: the states.
        trainer: trains seeds at states.
        settings: how to search.
        evidence: takes in what is trained.

    Returns:
        What is searched by.

    Raises:
        CommandError: an end of the history cannot be run, or no seed records the metric.
    """
    good, bad = history.states[0], history.states[-1]
    first = settings.seeds[0]
    evidence.add(trainer.train([(good, first), (bad, first)]))
    for name, state in (("good", good), ("bad", bad)):
        if (reason := evidence.unavailable.get(state)) is not None:
            raise CommandError(
                f"the {name} end {state[:7]} cannot be run: {reason}; name another commit"
            )
    if settings.metric is None and len(_names(evidence, good) | _names(evidence, bad)) > 1:
        more = settings.seeds[1:_SEEDS_TO_CHOOSE]
        evidence.add(trainer.train([(state, seed) for seed in more for state in (good, bad)]))
    return choose_metric(evidence.at(good), evidence.at(bad), settings.metric)


def _names(evidence: Evidence, state: str) -> set[str]:
    return {
        metric.name
        for seed in evidence.at(state)
        if seed.result is not None
        for metric in seed.result.metrics
    }


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
    unavailable = {places[state]: reason for state, reason in evidence.unavailable.items()}
    step = None
    if kept:
        problem = BisectionProblem(
            contains=np.array([[place in own for place in kept] for own in history.contains]),
            prior=np.array([weights[place].weight for place in kept]),
            confidence=settings.confidence,
            budget=settings.budget,
            margin=metric.margin,
            seeds=settings.seeds,
        )
        step = next_step(
            problem,
            evidence.observations(metric, history.states, equal),
            unavailable=unavailable.keys()
            | {place for place, same in enumerate(equal) if same != place},
            batch=settings.batch,
        )
        step = _within_seeds(step, settings)
    return Knowledge(
        history=history,
        metric=metric,
        weights=weights,
        equal=equal,
        kept=kept,
        unavailable=unavailable,
        step=step,
        sources=evidence.sources,
    )


def _within_seeds(step: BisectionStep, settings: SearchSettings) -> BisectionStep:
    """The step without seeds that the test does not have; an end where none is left."""
    possible = tuple(entry for entry in step.next if entry[1] in settings.seeds)
    if possible or step.answer is not None:
        return replace(step, next=possible)
    likely = _fewest(step.posterior, settings.confidence)
    answer = CannotTell(
        reason=f"the test has {len(settings.seeds)} seeds, and all that tell more are trained",
        likely=likely,
        probability=float(min(1.0, sum(step.posterior[place] for place in likely))),
    )
    return replace(step, answer=answer, next=())


def _fewest(posterior: NDArray[np.float64], confidence: float) -> tuple[int, ...]:
    """The most likely candidates that together reach the confidence."""
    order = np.argsort(-posterior, kind="stable")
    shares = np.cumsum(posterior[order])
    enough = int(np.searchsorted(shares, confidence * shares[-1])) + 1
    return tuple(int(place) for place in order[:enough])
