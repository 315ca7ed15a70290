"""One seed at one state of the code, and who trains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pytest_mlregress.running.reads import Reads
from pytest_mlregress.running.result import SeedResult

__all__ = ["Source", "StateSeed", "StateTrainer"]

Source = Literal["trained", "cache", "journal"]
"""Trained now, by an earlier run (the cache of seeds), or by this command before an interrupt."""


@dataclass(frozen=True, slots=True)
class StateSeed:
    """What one seed gave at one state.

    Attributes:
        state: the full name of the commit.
        seed: the seed.
        result: what it did, failed ones included; None where it could not be run.
        reads: what it read; None where that was not recorded.
        unavailable: why it could not be run.
        source: where the result comes from.
    """

    state: str
    seed: int
    result: SeedResult | None
    reads: Reads | None = None
    unavailable: str | None = None
    source: Source = "trained"


class StateTrainer(Protocol):
    """Trains seeds of the test at states of the code."""

    def train(self, requests: Sequence[tuple[str, int]]) -> list[StateSeed]:
        """Train seeds.

        Args:
            requests: each a state and a seed.

        Returns:
            What they gave, in the same order.
        """
        ...
