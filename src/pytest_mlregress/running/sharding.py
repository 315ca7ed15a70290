"""Which of several jobs trains which seed, so that all of them take about as long."""

from __future__ import annotations

import bisect
import heapq
import math
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Final, NamedTuple


class SeedOfTest(NamedTuple):
    """One seed of one test: the unit of work."""

    test: str
    tier: str
    seed: int


_SAME_FOR_ALL: Final = 1.0
"""The duration of every seed of a suite in which none is known."""

_EVEN_ENOUGH: Final = 0.001
"""How far above the bound the longest shard may be without a search for a better split."""

_MOST_CHANGES: Final = 1_000
"""A split of a few seeds needs tens; one of many is even after the first pass."""

_SMALLEST: Final = 1e-9
"""The share of a shard below which a change is rounding; each is above it, so that they end."""


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

    The longest goes first, each to the shard that has least to do so far (Graham, 1969); then the
    longest shard gives seeds away, or swaps them, while that makes it shorter. Ties go by name and
    number, so that every job finds the same, in whatever order it collects.

    Args:
        recorded: by seed, its recorded duration in seconds; None if unknown.
        count: number of shards.

    Returns:
        By seed the number of its shard, from 1.
    """
    durations = expected_durations(recorded)
    shards: list[_Shard] = [_Shard(number) for number in range(1, count + 1)]
    # By their number where loads are equal: seeds that take no time that can be measured, too.
    queue = [(0.0, 0, shard.number) for shard in shards]
    for seed in sorted(durations, key=lambda seed: (-durations[seed], seed)):
        load, seeds, number = heapq.heappop(queue)
        shards[number - 1].seeds.append((durations[seed], seed))
        heapq.heappush(queue, (load + durations[seed], seeds + 1, number))
    for shard in shards:
        shard.seeds.sort()
    least = least_possible(durations.values(), count) * (1 + _EVEN_ENOUGH)
    for _ in range(_MOST_CHANGES):
        longest = max(shards, key=lambda shard: (shard.load, -shard.number))
        if longest.load <= least or not _shorten(longest, shards):
            break
    return {seed: shard.number for shard in shards for _, seed in shard.seeds}


def least_possible(durations: Iterable[float], count: int) -> float:
    """A bound that the longest of several shards cannot be below, however they are split.

    Of the k N + 1 longest seeds, k + 1 share a shard; and no shard is shorter than the mean.

    Args:
        durations: of the seeds, in seconds.
        count: number of shards, N.

    Returns:
        Seconds; 0 without any seed.
    """
    ordered = sorted(durations, reverse=True)
    together = (
        math.fsum(ordered[full - full // count : full + 1])
        for full in range(0, len(ordered), count)
    )
    return max([math.fsum(ordered) / count, *together])


class _Shard:
    """The seeds of one job, the shortest first."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seeds: list[tuple[float, SeedOfTest]] = []

    def add(self, duration: float, seed: SeedOfTest) -> None:
        bisect.insort(self.seeds, (duration, seed))

    @property
    def load(self) -> float:
        return math.fsum(duration for duration, _ in self.seeds)


def _shorten(longest: _Shard, shards: list[_Shard]) -> bool:
    """Move a seed out of the longest shard, or swap it for a shorter one, where that helps most."""
    load, best = longest.load, None
    for other in shards:
        gap = load - other.load
        for given in longest.seeds:
            # a difference of half the gap would make both equally long
            place = bisect.bisect_left(other.seeds, given[0] - gap / 2, key=lambda one: one[0])
            for taken in (None, *other.seeds[max(place - 1, 0) : place + 1]):
                moved = given[0] - (taken[0] if taken is not None else 0.0)
                shorter = min(moved, gap - moved)
                if shorter > _SMALLEST * load and (best is None or shorter > best[0]):
                    best = (shorter, other, given, taken)
    if best is None:
        return False
    _, other, given, taken = best
    longest.seeds.remove(given)
    other.add(*given)
    if taken is not None:
        other.seeds.remove(taken)
        longest.add(*taken)
    return True
