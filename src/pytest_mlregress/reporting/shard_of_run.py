"""Which part of a suite's seeds a run has trained, where several jobs share them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

JUDGED_BY_MERGE: Final = "judged by mlregress merge"
"""In place of a verdict in what a shard reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedTest:
    """A test as a shard has collected it.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        planned: the seeds of the declaration.
        shards: by selected seed, the number of the shard that trains it.
    """

    test: str
    tier: str
    planned: tuple[int, ...]
    shards: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardOfRun:
    """One job of those that share a suite's seeds.

    Attributes:
        number: which one, from 1.
        count: how many there are.
        collected: the tests of the whole suite, sorted; None where the run never collected them.
        exit_status: pytest's, of the job.
        reruns: failed attempts that pytest-rerunfailures made again.
    """

    number: int
    count: int
    collected: tuple[CollectedTest, ...] | None
    exit_status: int = 0
    reruns: int = 0

    @property
    def text(self) -> str:
        """``2/3``."""
        return f"{self.number}/{self.count}"
