"""The question of a noisy search for the commit that lost, and its answers: plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

BoolArray: TypeAlias = NDArray[np.bool_]

#: The posterior probability from which on an answer is given.
CONFIDENCE: Final = 0.95

#: The most trainings of a search, unless the user says otherwise.
BUDGET: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BisectionProblem:
    """A history between a good and a bad state of the code, of which one commit may have lost.

    Attributes:
        contains: shape (states, candidates): whether the code of a state includes a candidate
            commit. The first state is GOOD and includes none, the last one is BAD and includes all.
            A linear history is lower triangular, a graph has its ancestor sets.
        prior: shape (candidates,), relative weights above 0. They count for half; the other half is
            shared equally, so that a misleading prior costs trainings and not the answer.
        confidence: the posterior probability that an answer needs.
        budget: the most trainings.
        margin: the smallest loss that matters, in metric units: smaller ones are not named. None:
            one standard deviation of the seeds is excluded, and any loss that is shown is named.
        seeds: the order in which each state's seeds are trained; after them, and without them, the
            smallest integers from 0 on that are not in it.
    """

    contains: BoolArray
    prior: NDArray[np.float64]
    confidence: float = CONFIDENCE
    budget: int = BUDGET
    margin: float | None = None
    seeds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the shapes and ranges.

        Raises:
            ValueError: a bad value.
        """
        contains, prior = np.asarray(self.contains), np.asarray(self.prior)
        if contains.ndim != 2 or contains.shape[0] < 2 or contains.shape[1] < 1:
            raise ValueError(
                f"contains has shape {contains.shape}; needed are at least 2 states and 1 candidate"
            )
        if contains.dtype != np.bool_:
            raise ValueError(f"contains holds {contains.dtype}; needed is bool")
        if contains[0].any() or not contains[-1].all():
            raise ValueError("contains: GOOD, the first state, includes no candidate, and BAD all")
        if prior.shape != contains.shape[1:]:
            raise ValueError(
                f"prior has shape {prior.shape}; needed is one weight for each of "
                f"{contains.shape[1]} candidates"
            )
        if not (np.isfinite(prior).all() and (prior > 0.0).all()):
            raise ValueError(f"prior weights are finite numbers above 0; got {prior.tolist()}")
        if not 0.5 < self.confidence < 1.0:
            raise ValueError(
                f"confidence is {self.confidence!r}; allowed is a number above 0.5 and below 1"
            )
        if self.budget < 1:
            raise ValueError(f"budget is {self.budget!r}; allowed is at least 1 training")
        if self.margin is not None and not 0.0 < self.margin < math.inf:
            raise ValueError(
                f"margin is {self.margin!r}; allowed is a finite number above 0, or None"
            )
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds holds a seed twice: {list(self.seeds)}")

    @property
    def n_states(self) -> int:
        """The number of states."""
        return int(self.contains.shape[0])

    @property
    def n_candidates(self) -> int:
        """The number of candidate commits."""
        return int(self.contains.shape[1])


@dataclass(frozen=True, slots=True)
class NamedCommit:
    """The commit that lost, of several the one that lost most.

    Attributes:
        candidates: its index; several if no state that can be trained tells them apart.
        probability: the posterior probability that it lost.
        effect: its change of the metric, in oriented metric units: negative for a loss.
        interval: the credible interval of that change, at the problem's confidence.
        others: candidates that lost as well, with at least the problem's confidence.
        below_margin: candidates that lost less than the problem's margin, each of the two with at
            least that confidence.
    """

    candidates: tuple[int, ...]
    probability: float
    effect: float
    interval: tuple[float, float]
    others: tuple[int, ...] = ()
    below_margin: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NoneWorse:
    """No commit lost as much as the margin.

    Attributes:
        probability: the posterior probability of that.
        margin: the loss that is excluded, in metric units: the smallest one that matters.
        excluded_loss: the smallest loss of a commit that is excluded at the problem's confidence,
            at most `margin`, in metric units.
        below_margin: candidates that lost less than the margin, each of the two with at least the
            problem's confidence.
    """

    probability: float
    margin: float
    excluded_loss: float
    below_margin: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The trainings do not suffice.

    Attributes:
        reason: why the search ends, as a clause: "the budget of 60 trainings is spent".
        likely: the fewest candidates that hold the one that lost, if one did, at the problem's
            confidence, the most likely first.
        probability: the posterior probability that one of them lost.
    """

    reason: str
    likely: tuple[int, ...]
    probability: float


Answer: TypeAlias = NamedCommit | NoneWorse | CannotTell


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BisectionStep:
    """What the trainings so far say, and what to train next.

    Attributes:
        posterior: shape (candidates,), the probability that the candidate lost. They need not sum
            to 1: several may have lost, or none.
        p_no_loss: the probability that no candidate lost the margin or more.
        levels: shape (states,), the expected metric of each state, in oriented metric units.
        effects: shape (candidates,), the expected change by each candidate: negative for a loss.
        noise_sd: the standard deviation of seeds within a state, in metric units; NaN before there
            are two trainings.
        correlation: the expected correlation of one seed's values in two states.
        trainings: the number of observations.
        answer: None while the search goes on.
        next: the trainings that tell most, each a state and a seed; empty with an answer.
    """

    posterior: NDArray[np.float64]
    p_no_loss: float
    levels: NDArray[np.float64]
    effects: NDArray[np.float64]
    noise_sd: float
    correlation: float
    trainings: int
    answer: Answer | None
    next: tuple[tuple[int, int], ...]
