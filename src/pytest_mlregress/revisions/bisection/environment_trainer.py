"""Trains at commits in one of two environments, whose interpreters the user has named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pytest_mlregress.revisions.bisection.state_seed import StateSeed, StateTrainer

__all__ = ["EnvironmentTrainer", "in_environment"]

_SEPARATOR: Final = "@"


def in_environment(commit: str, end: str) -> str:
    """The name of a state: a commit in the environment of an end.

    Args:
        commit: the full name of the commit.
        end: ``"good"`` or ``"bad"``.

    Returns:
        The name.
    """
    return f"{commit}{_SEPARATOR}{end}"


@dataclass(frozen=True, slots=True)
class EnvironmentTrainer:
    """Sends each state to the trainer of its environment.

    Attributes:
        trainers: those of the ends, by ``"good"`` and ``"bad"``.
    """

    trainers: Mapping[str, StateTrainer]

    def train(self, requests: Sequence[tuple[str, int]]) -> list[StateSeed]:
        """Train seeds.

        Args:
            requests: each a state, as `in_environment` names it, and a seed.

        Returns:
            What they gave, in the same order.
        """
        known: dict[tuple[str, int], StateSeed] = {}
        for end, trainer in self.trainers.items():
            own = [request for request in requests if _parts(request[0])[1] == end]
            trained = trainer.train([(_parts(state)[0], seed) for state, seed in own])
            for (state, seed), result in zip(own, trained, strict=True):
                known[state, seed] = replace(result, state=state)
        return [known[request] for request in requests]


def _parts(state: str) -> tuple[str, str]:
    """The commit and the end of a state's name."""
    commit, _, end = state.rpartition(_SEPARATOR)
    return commit, end
