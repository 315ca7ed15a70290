"""What statistics says of the trainings so far, within the seeds and trainings that there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.plurals import count_of
from pytest_mlregress.revisions.bisection.search_settings import SearchSettings
from pytest_mlregress.statistics.bisection_classes import group
from pytest_mlregress.statistics.bisection_problem import (
    BisectionProblem,
    BisectionStep,
    BoolArray,
    CannotTell,
)
from pytest_mlregress.statistics.bisection_search import budget_spent
from pytest_mlregress.statistics.noisy_bisection import next_step

__all__ = ["StepQuestion"]

_REPEATS: Final = 20
"""As many seeds as a plain bisection would train for a clear answer; all give the same value."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepQuestion:
    """What all steps of a search have in common.

    Attributes:
        contains: shape (states, candidates), the candidates of each state.
        prior: shape (candidates,), their weights.
        margin: the smallest loss that matters, in metric units; None for one standard deviation.
        unavailable: the positions of the states that are not to be trained.
        wasted: the number of trainings at states that gave no number.
        settings: of the search.
    """

    contains: BoolArray
    prior: NDArray[np.float64]
    margin: float | None
    unavailable: frozenset[int]
    wasted: int
    settings: SearchSettings

    def step(self, observed: Mapping[int, Mapping[int, float]]) -> BisectionStep:
        """What the values say, and what to train next.

        Args:
            observed: by state and seed, oriented so that higher is better.

        Returns:
            The step; it trains nothing that the test does not have, and ends where nothing is left.
        """
        problem = self._problem()
        step = next_step(
            problem,
            self._repeated(observed),
            unavailable=self.unavailable,
            batch=1 if self.settings.deterministic else self.settings.batch,
        )
        if isinstance(step.answer, CannotTell) and step.answer.reason == budget_spent(problem):
            whole = budget_spent(replace(problem, budget=self.settings.budget))
            return replace(step, answer=replace(step.answer, reason=whole))
        return self._within_seeds(step, observed)

    def of_numbers(
        self, observed: Mapping[int, Mapping[int, float]], step: BisectionStep
    ) -> BisectionStep:
        """The step of the finite values alone.

        Args:
            observed: as for `step`.
            step: what `step` returned for them.

        Returns:
            The step; the same one where all values are finite.
        """
        finite = {
            state: {seed: value for seed, value in values.items() if math.isfinite(value)}
            for state, values in observed.items()
        }
        if finite == {state: dict(values) for state, values in observed.items()}:
            return step
        return next_step(self._problem(), self._repeated(finite), unavailable=self.unavailable)

    def _problem(self) -> BisectionProblem:
        settings = self.settings
        budget = max(1, settings.budget - self.wasted)
        return BisectionProblem(
            contains=self.contains,
            prior=self.prior,
            confidence=settings.confidence,
            budget=budget * _REPEATS if settings.deterministic else budget,
            margin=self.margin,
            seeds=tuple(range(_REPEATS)) if settings.deterministic else settings.seeds,
        )

    def _repeated(
        self, observed: Mapping[int, Mapping[int, float]]
    ) -> Mapping[int, Mapping[int, float]]:
        """The values; those of a deterministic test as any other seed would give them again."""
        if not self.settings.deterministic:
            return observed
        return {
            state: dict.fromkeys(range(_REPEATS), value)
            for state, values in observed.items()
            for value in list(values.values())[:1]
        }

    def _within_seeds(
        self, step: BisectionStep, observed: Mapping[int, Mapping[int, float]]
    ) -> BisectionStep:
        """The step without trainings that give nothing new; an end where none is left."""
        settings = self.settings
        possible: tuple[tuple[int, int], ...]
        if settings.deterministic:
            fresh = self._halves(step.posterior, observed)
            possible = () if fresh is None else ((fresh, settings.seeds[0]),)
            reason = "the test is deterministic, and a training of any other state tells no more"
        else:
            possible = tuple(entry for entry in step.next if entry[1] in settings.seeds)
            reason = (
                f"the test has {count_of(len(settings.seeds), 'seed')}, and all that tell more are "
                "trained"
            )
        if possible or step.answer is not None:
            return replace(step, next=possible)
        likely = _fewest(step.posterior, settings.confidence)
        probability = float(min(1.0, sum(step.posterior[place] for place in likely)))
        return replace(step, answer=CannotTell(reason, likely, probability), next=())

    def _halves(
        self, posterior: NDArray[np.float64], observed: Mapping[int, Mapping[int, float]]
    ) -> int | None:
        """The state that divides the most probable undivided candidates best; None without one.

        Without noise a state has nothing more to tell, and plain bisection is the shortest way.
        """
        of = group(self.contains[sorted(observed)])
        best, chosen = (0.0, 0.0), None
        for state in sorted(set(range(len(self.contains))) - self.unavailable - set(observed)):
            for number in range(int(of.max()) + 1):
                members = of == number
                mass = float(posterior[members].sum())
                inside = float(posterior[members & self.contains[state]].sum())
                split = (mass, min(inside, mass - inside))
                if split[1] > 0.0 and split > best:
                    best, chosen = split, state
        return chosen


def _fewest(posterior: NDArray[np.float64], confidence: float) -> tuple[int, ...]:
    """The most likely candidates that together reach the confidence."""
    order = np.argsort(-posterior, kind="stable")
    shares = np.cumsum(posterior[order])
    enough = int(np.searchsorted(shares, confidence * shares[-1])) + 1
    return tuple(int(place) for place in order[:enough])
