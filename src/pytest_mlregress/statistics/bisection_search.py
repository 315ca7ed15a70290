"""A noisy search in the middle: its posterior, its answer if there is one, what to train next."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Final

import numpy as np

from pytest_mlregress.statistics.bisection_classes import Classes, group
from pytest_mlregress.statistics.bisection_information import information_gains
from pytest_mlregress.statistics.bisection_model import LevelPosterior, level_posterior
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

#: An answer needs as many seeds on each side of the candidate.
LEAST_ON_A_SIDE: Final = 3

# Without any single one of its trainings a commit must still be as probable, for it to be named.
_WITHOUT_ONE: Final = 0.5

# Before the budget is spent a commit is named if it has lost the margin rather than less.
_RATHER_THAN_NOT: Final = 0.5

# States with as few seeds may rest on a single odd one.
_FEW_SEEDS: Final = 3

# What a candidate's prior weight adds to its probability when the states to look at are chosen.
_PRIOR_SHARE: Final = 0.02

# Gains that differ by less are one, computed in another order.
_ROUNDING: Final = 1e-9


def fresh_seeds(problem: BisectionProblem, trained: Collection[int]) -> Iterator[int]:
    """The seeds that a state has not trained, in the problem's order.

    Args:
        problem: the history.
        trained: the seeds that it has trained.

    Returns:
        Seeds without end.
    """
    beyond = (seed for seed in count() if seed not in problem.seeds)
    return (seed for seed in chain(problem.seeds, beyond) if seed not in trained)


def prior_weights(problem: BisectionProblem) -> FloatArray:
    """The prior weights with sum 1, half of it shared equally.

    Args:
        problem: the history.

    Returns:
        Shape (candidates,).
    """
    given = np.asarray(problem.prior, dtype=np.float64)
    given = given / given.max()
    return np.asarray(0.5 * given / given.sum() + 0.5 / given.size)


def budget_spent(problem: BisectionProblem) -> str:
    """The reason of a search that ends at its budget.

    Args:
        problem: the history.

    Returns:
        A clause.
    """
    trainings = "training" if problem.budget == 1 else "trainings"
    return f"the budget of {problem.budget} {trainings} is spent"


@dataclass(frozen=True, slots=True, eq=False)
class Search:
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
    ) -> Search:
        """The posterior of some observations.

        Args:
            problem: the history.
            known: by state and seed, with at least two seeds of GOOD and of BAD.
            unavailable: states that cannot be trained.

        Returns:
            The search.
        """
        observed = np.array(sorted(known), dtype=np.intp)
        available = np.array(
            [state for state in range(problem.n_states) if state not in unavailable], dtype=np.intp
        )
        weight, data = prior_weights(problem), search_values(known, problem.margin)
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

    def p_candidates(self, posterior: LevelPosterior, loss: float = 0.0) -> FloatArray:
        """The probability that each candidate lost.

        Args:
            posterior: a posterior of this problem.
            loss: at least so much, in scaled units.

        Returns:
            Shape (candidates,).
        """
        share = posterior.classes.share(self.weight)
        return np.minimum(p_lost(posterior, loss)[posterior.classes.of] * share, 1.0)

    def answer(self) -> tuple[Answer | None, tuple[int, ...]]:
        """What the observations say.

        Returns:
            The answer if there is one, and states of which an answer needs another seed.
        """
        spent = self.data.n >= self.problem.budget
        suspects, lacking = self._suspects(self.p_candidates(self.posterior))
        if suspects:  # what a state of few seeds lost may be more
            lacking += self.data.doubted
        if lacking and not spent:
            return None, lacking
        below = [found for found in suspects if self._p_margin(found) <= self._doubt]
        above = [found for found in suspects if found not in below]
        if above:
            best = min(above, key=lambda found: (self._effect(found)[0], found[0]))
            doubtful = self._rests_on_one(best)
            if doubtful is not None:
                wanted: tuple[int, ...] = (doubtful,)
            elif spent or self._p_margin(best) >= _RATHER_THAN_NOT:
                return self._named(best, above, below), ()
            else:
                wanted = self._beside(best)
            if not spent:
                return None, wanted
        else:
            sites = [self._site(found) for found in below]
            none = p_none_against(self.posterior, self.margin, sites)
            if none >= self.problem.confidence:
                return self._none_worse(none, below), ()
        return (self.cannot_tell(budget_spent(self.problem)) if spent else None), ()

    @property
    def _doubt(self) -> float:
        return 1.0 - self.problem.confidence

    def _p_margin(self, suspect: tuple[int, ...]) -> float:
        """The probability that a suspect lost the margin; 1 where none is given."""
        if self.margin is None:
            return 1.0
        return float(self.p_candidates(self.posterior, self.margin)[list(suspect)].sum())

    def _suspects(self, lost: FloatArray) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
        """Groups of candidates that lost, each as small as the available states can make it.

        The states on both sides of a group have been trained, so that no prior alone names it.

        Returns:
            The groups, and the states that others lack, which are as probable.
        """
        contains = self.problem.contains
        observed = np.array(sorted(self.known), dtype=np.intp)
        finest = group(contains[np.union1d(observed, self.available)])
        seen = group(contains[observed])
        probability = np.bincount(finest, weights=lost)
        suspects: list[tuple[int, ...]] = []
        lacking: list[int] = []
        for number in np.flatnonzero(probability >= self.problem.confidence):
            members = np.flatnonzero(finest == number)
            suspect = tuple(int(c) for c in members)
            if np.count_nonzero(seen == seen[members[0]]) > members.size:
                lacking += [state for state in self._beside(suspect) if state not in self.known]
                continue
            after = contains[self.data.states, members[0]]
            short = [np.count_nonzero(side) < LEAST_ON_A_SIDE for side in (~after, after)]
            if any(short):
                beside = self._beside(suspect)
                lacking += [s for s in beside if short[int(contains[s, members[0]])]]
            else:
                suspects.append(suspect)
        return suspects, tuple(dict.fromkeys(lacking))

    def _beside(self, suspect: tuple[int, ...]) -> tuple[int, ...]:
        """The nearest states without and with a suspect that can be trained, fewest seeds first."""
        contains = self.problem.contains[self.available]
        has, size = contains[:, suspect[0]], contains.sum(axis=1)
        nearest = [
            int(self.available[side][np.argmin(distance[side])])
            for side, distance in ((~has, -size), (has, size))
            if side.any()
        ]
        return tuple(sorted(nearest, key=lambda state: len(self.known.get(state, {}))))

    def _rests_on_one(self, suspect: tuple[int, ...]) -> int | None:
        """The state of a single training without which the suspect is not suspicious."""
        states, seeds = np.unique(self.data.states, return_counts=True)
        few = states[seeds <= _FEW_SEEDS]
        for position in np.flatnonzero(np.isin(self.data.states, few)):
            without = level_posterior(self.posterior.classes, self.data.without(int(position)))
            if self.p_candidates(without)[list(suspect)].sum() < _WITHOUT_ONE:
                return int(self.data.states[position])
        return None

    def _site(self, suspect: tuple[int, ...]) -> int:
        return int(self.posterior.classes.of[suspect[0]])

    def _effect(self, suspect: tuple[int, ...]) -> tuple[float, tuple[float, float]]:
        """The effect of a suspect and its credible interval, in metric units."""
        site, scale = self._site(suspect), self.data.scale
        effect, (low, high) = effect_of(self.posterior, site, self.problem.confidence)
        return scale * effect, (scale * low, scale * high)

    def _named(
        self,
        best: tuple[int, ...],
        above: list[tuple[int, ...]],
        below: list[tuple[int, ...]],
    ) -> NamedCommit:
        probability = float(self.p_candidates(self.posterior)[list(best)].sum())
        effect, interval = self._effect(best)
        others = tuple(c for found in above if found != best for c in found)
        below_margin = tuple(c for found in below for c in found)
        return NamedCommit(best, min(probability, 1.0), effect, interval, others, below_margin)

    def _none_worse(self, probability: float, below: list[tuple[int, ...]]) -> NoneWorse:
        confidence, sites = self.problem.confidence, [self._site(found) for found in below]
        excluded = self.data.scale * excluded_loss(self.posterior, confidence, sites)
        margin = self.noise_sd if self.problem.margin is None else self.problem.margin
        below_margin = tuple(c for found in below for c in found)
        return NoneWorse(probability, margin, min(excluded, margin), below_margin)

    def cannot_tell(self, reason: str) -> CannotTell:
        """The answer where there is no other.

        Args:
            reason: why the search ends.

        Returns:
            The answer, with the fewest candidates that likely hold the loss.
        """
        lost = self.p_candidates(self.posterior)
        order = np.argsort(-lost, kind="stable")
        held = np.cumsum(lost[order]) / max(float(lost.sum()), 1e-300)
        fewest = 1 + int(np.searchsorted(held, self.problem.confidence))
        likely = tuple(int(c) for c in order[:fewest])
        return CannotTell(reason, likely, min(float(lost[list(likely)].sum()), 1.0))

    def choose(self, batch: int, wanted: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """The trainings that tell most, each as if those before had come out as expected.

        Args:
            batch: how many.
            wanted: states that come first.

        Returns:
            Each a state and a seed; fewer where no state can be trained.
        """
        chosen: list[tuple[int, int]] = []
        data, posterior = self.data, self.posterior
        trained = {state: set(seeds) for state, seeds in self.known.items()}
        first = [state for state in wanted if state in self.available]
        for position in range(batch):
            if position < len(first):
                state = first[position]
            else:
                found = self._most_informative(posterior, data, trained)
                if found is None:
                    break
                state = found
            seed = next(fresh_seeds(self.problem, trained.get(state, set())))
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
            next(fresh_seeds(self.problem, trained.get(int(state), set())))
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
        """The result in metric units.

        Args:
            answer: the answer.
            chosen: the trainings that follow.

        Returns:
            The step.
        """
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
