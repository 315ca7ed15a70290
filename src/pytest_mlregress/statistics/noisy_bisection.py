"""A Bayesian search for the commit that lost, among trainings that scatter.

`next_step` is a pure function of the observations: a search that was killed goes on where it was,
and one whose values come from a cache takes the same steps. Unlike a binary search it does not
decide state by state: each training changes the probability of all candidates, and the next one is
where it tells most (probabilistic bisection: Horstein 1963, IEEE Trans. Inf. Theory 9, 136; Waeber,
Frazier and Henderson 2013, SIAM J. Control Optim. 51, 2261).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from pytest_mlregress.statistics.bisection_model import CHANGES_PRIOR
from pytest_mlregress.statistics.bisection_problem import (
    Answer,
    BisectionProblem,
    BisectionStep,
    CannotTell,
    NamedCommit,
    NoneWorse,
)
from pytest_mlregress.statistics.bisection_search import (
    Search,
    budget_spent,
    fresh_seeds,
    prior_weights,
)

__all__ = [
    "Answer",
    "BisectionProblem",
    "BisectionStep",
    "CannotTell",
    "NamedCommit",
    "NoneWorse",
    "next_step",
]

#: Seeds of GOOD and of BAD before anything else: fewer show no spread.
FIRST_SEEDS: Final = 2


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
            reason = budget_spent(problem)
        return _without_evidence(problem, n, missing[: min(batch, problem.budget - n)], reason)
    search = Search.of(problem, known, frozenset(unavailable))
    answer, wanted = search.answer()
    chosen: tuple[tuple[int, int], ...] = ()
    if answer is None:
        chosen = search.choose(min(batch, problem.budget - n), wanted)
        if not chosen:
            answer = search.cannot_tell("no state that can be trained tells the candidates apart")
    return search.step(answer, chosen)


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
    fresh = {end: fresh_seeds(problem, known.get(end, {})) for end in ends}
    return tuple(
        (end, next(fresh[end]))
        for position in range(FIRST_SEEDS)
        for end in ends
        if len(known.get(end, {})) <= position
    )


def _without_evidence(
    problem: BisectionProblem, n: int, chosen: tuple[tuple[int, int], ...], reason: str | None
) -> BisectionStep:
    """The step before GOOD and BAD have their first seeds."""
    weight = prior_weights(problem)
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
