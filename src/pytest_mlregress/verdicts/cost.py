"""What a run costs: seconds and memory, from what the same seeds took when they were recorded."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from pytest_mlregress.baselines.artifact import Artifact


@dataclass(frozen=True, slots=True)
class SeedCost:
    """What one seed of a test takes.

    Attributes:
        seconds: of set-up, call and tear-down.
        peak_memory: resident memory of its process, in bytes; None where that is unknown.
        peak_gpu_memory: what it had allocated on one GPU, in bytes; None without CUDA.
    """

    seconds: float
    peak_memory: int | None = None
    peak_gpu_memory: int | None = None


@dataclass(frozen=True, slots=True)
class RunCost:
    """What a run takes at most.

    Attributes:
        seconds: from the first seed to the last, with all workers busy.
        seeds: the number of seeds that this is for.
        workers: the number of processes that train.
        peak_memory: the most that the workers hold together, in bytes; None where it is unknown.
        unknown: the number of tests without recorded durations, which are not counted.
    """

    seconds: float
    seeds: int
    workers: int
    peak_memory: int | None
    unknown: int


def seed_cost(baseline: Artifact | None) -> SeedCost | None:
    """What one more seed of a test takes, by the baseline.

    Args:
        baseline: the baseline; None without one.

    Returns:
        The median of the seconds and the largest peaks; None where nothing was recorded.
    """
    if baseline is None or not baseline.spent:
        return None
    peaks = [seed.peak_memory for seed in baseline.spent.values() if seed.peak_memory is not None]
    on_gpu = [seed.peak_gpu_memory or 0 for seed in baseline.spent.values()]
    return SeedCost(
        seconds=median(seed.duration for seed in baseline.spent.values()),
        peak_memory=max(peaks, default=None),
        peak_gpu_memory=max(on_gpu) or None,
    )


def run_cost(tests: Sequence[tuple[int, SeedCost | None]], workers: int) -> RunCost | None:
    """What the seeds of some tests take together.

    Args:
        tests: per test the number of its trainings, and what one takes; None where unknown.
        workers: the number of processes that train, at least 1.

    Returns:
        The cost; None where no test has recorded durations.
    """
    known = [(seeds, cost) for seeds, cost in tests if cost is not None]
    if not known:
        return None
    peaks = sorted(
        (
            cost.peak_memory
            for seeds, cost in known
            if cost.peak_memory is not None
            for _ in range(min(seeds, workers))
        ),
        reverse=True,
    )
    return RunCost(
        seconds=time_on([cost.seconds for seeds, cost in known for _ in range(seeds)], workers),
        seeds=sum(seeds for seeds, _ in known),
        workers=workers,
        peak_memory=sum(peaks[:workers]) or None,
        unknown=len(tests) - len(known),
    )


def time_on(durations: Sequence[float], workers: int) -> float:
    """How long some trainings take where each free worker begins the longest one that is left.

    Args:
        durations: seconds of each training.
        workers: the number of workers, at least 1.

    Returns:
        Seconds until the last one ends; 0.0 for no training.
    """
    busy = [0.0] * max(1, min(workers, len(durations)))
    for duration in sorted(durations, reverse=True):
        heapq.heapreplace(busy, busy[0] + duration)
    return max(busy)
