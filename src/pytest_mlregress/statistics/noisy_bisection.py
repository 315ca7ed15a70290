"""A Bayesian search for the commit that lost, among trainings that scatter.

`next_step` is a pure function of the observations: a search that was killed goes on where it was,
and one whose values come from a cache takes the same steps. Unlike a binary search it does not
decide state by state: each training changes the probability of all candidates, and the next one is
where it tells most (probabilistic bisection: Horstein 1963, IEEE Trans. Inf. Theory 9, 136; Waeber,
Frazier and Henderson 2013, SIAM J. Control Optim. 51, 2261).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Final

import numpy as np

from pytest_mlregress.statistics.bisection_information import information_gains
from pytest_mlregress.statistics.bisection_model import (
    CHANGES_PRIOR,
    Classes,
    LevelPosterior,
    group,
    level_posterior,
)
from pytest_mlregress.statistics.bisection_problem import (
    Answer,
    BisectionProblem,
    BisectionStep,
    CannotTell,
    NamedCommit,
    NoneWorse,
)
from pytest_mlregress.statistics.bisection_queries import MOST_STATES, states_of_interest
from pytest_mlregress.statistics.bisection_summary import (
    base_level,
    correlation,
    effect_of,
    excluded_loss,
    expected_effects,
    noise_variance,
    p_loss_of,
    p_lost,
    p_none_against,
)
from pytest_mlregress.statistics.bisection_values import IntArray, SearchValues, search_values
from pytest_mlregress.statistics.samples import FloatArray

__all__ = [
    "Answer",
    "BisectionProblem",
    "BisectionStep",
    "CannotTell",
    "NamedCommit",
    "NoneWorse",
    "next_step",
    "trainings_of_git_bisect",
]

#: Seeds of GOOD and of BAD before anything else: fewer show no spread.
FIRST_SEEDS: Final = 2

#: An answer needs as many seeds on each side of the candidate.
LEAST_ON_A_SIDE: Final = 3

# Without any single one of its trainings a commit must still be as probable, for it to be named.
_WITHOUT_ONE: Final = 0.5

# States with as few seeds may rest on a single odd one.
_FEW_SEEDS: Final = 3

# What a candidate's prior weight adds to its probability when the states to look at are chosen.
_PRIOR_SHARE: Final = 0.02

# Gains that differ by less are one, computed in another order.
_ROUNDING: Final = 1e-9


def next_step(
    problem: BisectionProblem,
    observations: Mapping[int, Mapping[int, float]],
    *,
    unavailable: Collection[int] = (),
    batch: int = 1,
) -> BisectionStep:
    """What the observations say, and the trainings that tell most.

    Args:
        problem: the history.
        observations: by state and seed, oriented so that higher is better. A failed seed is NaN or
            infinite, and counts as the worst value.
        unavailable: states that cannot be trained.
        batch: how many trainings to propose.

    Returns:
        The step.

    Raises:
        ValueError: a state that the problem does not have, or a batch below 1.
    """
    known = _known(problem, observations, unavailable, batch)
    n = sum(map(len, known.values()))
    missing = _first_trainings(problem, known)
    closed = sorted({0, problem.n_states - 1} & set(unavailable))
    if missing or closed:
        reason = None
        if closed:
            reason = f"{'BAD' if closed[0] else 'GOOD'} cannot be trained"
        elif n >= problem.budget:
            reason = _spent(problem)
        return _without_evidence(problem, n, missing[: min(batch, problem.budget - n)], reason)
    search = _Search.of(problem, known, frozenset(unavailable))
    answer, doubtful = search.answer()
    chosen: tuple[tuple[int, int], ...] = ()
    if answer is None:
        chosen = search.choose(min(batch, problem.budget - n), doubtful)
        if not chosen:
            answer = search.cannot_tell("no state that can be trained tells the candidates apart")
    return search.step(answer, chosen)


def trainings_of_git_bisect(n_candidates: int, seeds_a_step: int) -> int:
    """What `git bisect run` trains with so many seeds at each state that it visits.

    Args:
        n_candidates: number of candidate commits.
        seeds_a_step: seeds at each step.

    Returns:
        ceil(log2(candidates)) steps, without the seeds of GOOD and BAD that set its threshold.
    """
    return math.ceil(math.log2(max(n_candidates, 1))) * seeds_a_step


def _known(
    problem: BisectionProblem,
    observations: Mapping[int, Mapping[int, float]],
    unavailable: Collection[int],
    batch: int,
) -> dict[int, dict[int, float]]:
    """The states with observations; checks the arguments."""
    if batch < 1:
        raise ValueError(f"batch is {batch!r}; allowed is at least 1 training")
    for state in (*observations, *unavailable):
        if not 0 <= state < problem.n_states:
            raise ValueError(f"state {state} is none of 0 to {problem.n_states - 1}")
    return {state: dict(values) for state, values in sorted(observations.items()) if values}


def _first_trainings(
    problem: BisectionProblem, known: Mapping[int, Mapping[int, float]]
) -> tuple[tuple[int, int], ...]:
    """What GOOD and BAD lack of their first seeds, seed by seed."""
    ends = (0, problem.n_states - 1)
    fresh = {end: _fresh_seeds(problem, known.get(end, {})) for end in ends}
    return tuple(
        (end, next(fresh[end]))
        for position in range(FIRST_SEEDS)
        for end in ends
        if len(known.get(end, {})) <= position
    )


def _fresh_seeds(problem: BisectionProblem, trained: Collection[int]) -> Iterator[int]:
    """The seeds that a state has not trained, in the problem's order."""
    beyond = (seed for seed in count() if seed not in problem.seeds)
    return (seed for seed in chain(problem.seeds, beyond) if seed not in trained)


def _without_evidence(
    problem: BisectionProblem, n: int, chosen: tuple[tuple[int, int], ...], reason: str | None
) -> BisectionStep:
    """The step before GOOD and BAD have their first seeds."""
    weight = _weights(problem)
    posterior = 0.5 * weight * sum(k * p for k, p in enumerate(CHANGES_PRIOR))
    answer = None
    if reason is not None:
        likely = tuple(int(c) for c in np.argsort(-weight, kind="stable"))
        answer, chosen = CannotTell(reason, likely, 1.0), ()
    return BisectionStep(
        posterior=posterior,
        p_no_loss=sum(p * 0.5**k for k, p in enumerate(CHANGES_PRIOR)),
        levels=np.full(problem.n_states, math.nan),
        effects=np.zeros(problem.n_candidates),
        noise_sd=math.nan,
        correlation=math.nan,
        trainings=n,
        answer=answer,
        next=chosen,
    )


def _weights(problem: BisectionProblem) -> FloatArray:
    """The prior weights with sum 1, half of it shared equally."""
    given = np.asarray(problem.prior, dtype=np.float64)
    given = given / given.max()
    return np.asarray(0.5 * given / given.sum() + 0.5 / given.size)


def _spent(problem: BisectionProblem) -> str:
    trainings = "training" if problem.budget == 1 else "trainings"
    return f"the budget of {problem.budget} {trainings} is spent"


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """The observations of both ends and of any states between, and their posterior."""

    problem: BisectionProblem
    known: dict[int, dict[int, float]]
    available: IntArray
    weight: FloatArray
    data: SearchValues
    posterior: LevelPosterior

    @classmethod
    def of(
        cls,
        problem: BisectionProblem,
        known: dict[int, dict[int, float]],
        unavailable: frozenset[int],
    ) -> _Search:
        observed = np.array(sorted(known), dtype=np.intp)
        available = np.array(
            [state for state in range(problem.n_states) if state not in unavailable], dtype=np.intp
        )
        weight, data = _weights(problem), search_values(known)
        states = np.union1d(observed, available)
        if states.size > MOST_STATES:
            coarse = Classes.by(problem.contains, weight, observed)
            lost = p_lost(level_posterior(coarse, data))[coarse.of] * coarse.share(weight)
            mass = lost + _PRIOR_SHARE * weight
            states = states_of_interest(problem.contains, observed, available, mass)
        classes = Classes.by(problem.contains, weight, states)
        return cls(problem, known, available, weight, data, level_posterior(classes, data))

    @property
    def margin(self) -> float | None:
        """In scaled units; None: one standard deviation of the seeds."""
        margin = self.problem.margin
        return None if margin is None else margin / self.data.scale

    @property
    def noise_sd(self) -> float:
        """The standard deviation of a state's seeds, in metric units; 0 if all values are equal."""
        if self.data.values.min() == self.data.values.max():
            return 0.0
        return self.data.scale * math.sqrt(noise_variance(self.posterior))

    def p_candidates(self, posterior: LevelPosterior) -> FloatArray:
        """The probability that each candidate lost, shape (candidates,)."""
        share = posterior.classes.share(self.weight)
        return np.minimum(p_lost(posterior)[posterior.classes.of] * share, 1.0)

    def answer(self) -> tuple[Answer | None, int | None]:
        """An answer if there is one, and the state of a training that alone makes one."""
        lost, confidence = self.p_candidates(self.posterior), self.problem.confidence
        suspects = self._suspects(lost)
        if suspects:
            best = max(suspects, key=lambda found: (float(lost[list(found)].sum()), -found[0]))
            doubtful = self._rests_on_one(best)
            if doubtful is None:
                others = tuple(c for found in suspects if found != best for c in found)
                return self._named(best, float(lost[list(best)].sum()), others), None
            if self.data.n < self.problem.budget:
                return None, doubtful
        elif (none := p_none_against(self.posterior, self.margin)) >= confidence:
            return self._none_worse(none), None
        if self.data.n >= self.problem.budget:
            return self.cannot_tell(_spent(self.problem)), None
        return None, None

    def _suspects(self, lost: FloatArray) -> list[tuple[int, ...]]:
        """Groups of candidates that lost, each as small as the available states can make it.

        The states on both sides of a group have been trained, so that no prior alone names it.
        """
        contains = self.problem.contains
        observed = np.array(sorted(self.known), dtype=np.intp)
        finest = group(contains[np.union1d(observed, self.available)])
        seen = group(contains[observed])
        probability = np.bincount(finest, weights=lost)
        suspects = []
        for number in np.flatnonzero(probability >= self.problem.confidence):
            members = np.flatnonzero(finest == number)
            alone = np.count_nonzero(seen == seen[members[0]]) == members.size
            after = contains[self.data.states, members[0]]
            fewest = min(np.count_nonzero(after), np.count_nonzero(~after))
            if alone and fewest >= LEAST_ON_A_SIDE:
                suspects.append(tuple(int(c) for c in members))
        return suspects

    def _rests_on_one(self, suspect: tuple[int, ...]) -> int | None:
        """The state of a single training without which the suspect is not suspicious."""
        states, seeds = np.unique(self.data.states, return_counts=True)
        few = states[seeds <= _FEW_SEEDS]
        for position in np.flatnonzero(np.isin(self.data.states, few)):
            without = level_posterior(self.posterior.classes, self.data.without(int(position)))
            if self.p_candidates(without)[list(suspect)].sum() < _WITHOUT_ONE:
                return int(self.data.states[position])
        return None

    def _named(
        self, suspect: tuple[int, ...], probability: float, others: tuple[int, ...]
    ) -> NamedCommit:
        site = int(self.posterior.classes.of[suspect[0]])
        effect, interval = effect_of(self.posterior, site, self.problem.confidence)
        scale = self.data.scale
        low, high = (scale * end for end in interval)
        return NamedCommit(suspect, min(probability, 1.0), scale * effect, (low, high), others)

    def _none_worse(self, probability: float) -> NoneWorse:
        excluded = self.data.scale * excluded_loss(self.posterior, self.problem.confidence)
        margin = self.noise_sd if self.problem.margin is None else self.problem.margin
        return NoneWorse(probability, margin, min(excluded, margin))

    def cannot_tell(self, reason: str) -> CannotTell:
        """The answer without one, with the fewest candidates that likely hold the loss."""
        lost = self.p_candidates(self.posterior)
        order = np.argsort(-lost, kind="stable")
        held = np.cumsum(lost[order]) / max(float(lost.sum()), 1e-300)
        fewest = 1 + int(np.searchsorted(held, self.problem.confidence))
        likely = tuple(int(c) for c in order[:fewest])
        return CannotTell(reason, likely, min(float(lost[list(likely)].sum()), 1.0))

    def choose(self, batch: int, doubtful: int | None) -> tuple[tuple[int, int], ...]:
        """The trainings that tell most, each as if those before had come out as expected."""
        chosen: list[tuple[int, int]] = []
        data, posterior = self.data, self.posterior
        trained = {state: set(seeds) for state, seeds in self.known.items()}
        for _ in range(batch):
            if doubtful is not None and not chosen and doubtful in self.available:
                state = doubtful
            else:
                found = self._most_informative(posterior, data, trained)
                if found is None:
                    break
                state = found
            seed = next(_fresh_seeds(self.problem, trained.get(state, set())))
            chosen.append((state, seed))
            if len(chosen) < batch:
                trained.setdefault(state, set()).add(seed)
                data = data.with_value(state, seed, float(self._levels(posterior)[state]))
                posterior = level_posterior(posterior.classes, data)
        return tuple(chosen)

    def _most_informative(
        self, posterior: LevelPosterior, data: SearchValues, trained: Mapping[int, set[int]]
    ) -> int | None:
        states = posterior.classes.states
        rows = np.flatnonzero(np.isin(states, self.available))
        if rows.size == 0:
            return None
        labels = {seed: position for position, seed in enumerate(data.labels)}
        seeds = [
            next(_fresh_seeds(self.problem, trained.get(int(state), set())))
            for state in states[rows]
        ]
        positions = np.array([labels.get(seed, len(labels)) for seed in seeds], dtype=np.intp)
        gains = information_gains(posterior, rows.astype(np.intp), positions)
        # Equal up to rounding is equal: the earliest state.
        return int(states[rows[np.flatnonzero(gains >= gains.max() - _ROUNDING)[0]]])

    def _levels(self, posterior: LevelPosterior) -> FloatArray:
        """The expected level of each state, in scaled units."""
        effects = expected_effects(posterior)[posterior.classes.of]
        effects = effects * posterior.classes.share(self.weight)
        return np.asarray(base_level(posterior) + self.problem.contains @ effects)

    def step(self, answer: Answer | None, chosen: tuple[tuple[int, int], ...]) -> BisectionStep:
        """The result in metric units."""
        scale, posterior = self.data.scale, self.posterior
        share = posterior.classes.share(self.weight)
        return BisectionStep(
            posterior=self.p_candidates(posterior),
            p_no_loss=1.0 - p_loss_of(posterior, self.margin),
            levels=self.data.centre + scale * self._levels(posterior),
            effects=scale * expected_effects(posterior)[posterior.classes.of] * share,
            noise_sd=self.noise_sd,
            correlation=correlation(posterior),
            trainings=self.data.n,
            answer=answer,
            next=chosen,
        )
