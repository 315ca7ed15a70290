"""Which of several jobs trains which seed, so that all of them take about as long."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from statistics import median
from typing import Final, NamedTuple


class SeedOfTest(NamedTuple):
    """One seed of one test: the unit of work."""

    test: str
    tier: str
    seed: int


_SAME_FOR_ALL: Final = 1.0
"""The duration of every seed of a suite in which none is known."""


def expected_durations(recorded: Mapping[SeedOfTest, float | None]) -> dict[SeedOfTest, float]:
    """How long each seed will take, with a guess for those that have never been measured.

    Args:
        recorded: by seed, what it took when its baseline was recorded, in seconds; None if unknown.

    Returns:
        Seconds by seed: an unknown one takes the median of its test's, or else of the suite's.
    """
    by_test: dict[tuple[str, str], list[float]] = {}
    for seed, duration in recorded.items():
        if duration is not None:
            by_test.setdefault((seed.test, seed.tier), []).append(duration)
    of_test = {test: median(durations) for test, durations in by_test.items()}
    known = [duration for durations in by_test.values() for duration in durations]
    of_suite = median(known) if known else _SAME_FOR_ALL
    return {
        seed: of_test.get((seed.test, seed.tier), of_suite) if duration is None else duration
        for seed, duration in recorded.items()
    }


def shards_of(recorded: Mapping[SeedOfTest, float | None], count: int) -> dict[SeedOfTest, int]:
    """Give each seed to one of several shards.

    The longest goes first, each to the shard that has least to do so far (Graham, 1969). Ties go by
    name and number, so that every job finds the same, in whatever order it collects.

    Args:
        recorded: by seed, its recorded duration in seconds; None if unknown.
        count: number of shards.

    Returns:
        By seed the number of its shard, from 1.
    """
    durations = expected_durations(recorded)
    loads = [(0.0, number) for number in range(1, count + 1)]
    shards: dict[SeedOfTest, int] = {}
    for seed in sorted(durations, key=lambda seed: (-durations[seed], seed)):
        load, number = heapq.heappop(loads)
        shards[seed] = number
        heapq.heappush(loads, (load + durations[seed], number))
    return shards
