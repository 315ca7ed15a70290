"""How much of a GPU one seed takes, by the memory that seeds of its test took and by their time.

All pure: `shared_devices` keeps what processes tell each other, `reservations` make them wait.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Final

from pytest_mlregress.resources.nvml import DeviceMemory

HEADROOM: Final = 0.1
"""The share of a GPU's memory that is left free: allocators leave gaps, and seeds differ."""

CONTEXT: Final = 512 * 2**20
"""Bytes that CUDA itself takes of a GPU for each process that uses it: 0.3 to 0.5 GB with torch."""

WINDOW: Final = 200
"""So many of the last seeds say how long one takes beside others."""

_FEWEST_SEEDS: Final = 3
"""Side by side in one number, before a median of their times says anything."""


@dataclass(frozen=True, slots=True)
class TrainedSeed:
    """What a seed that has passed took of the GPUs of its process.

    Attributes:
        test: the node id without the seed.
        devices: the GPUs that its process may use.
        began: seconds of the clock.
        ended: seconds of the clock.
        seconds: of set-up, call and tear-down.
        memory: bytes that its process held on the GPU that it used most, without `CONTEXT`; 0
            where it used none, None where that is unknown.
        first: whether it was the first of its process, which loads and sets up what later ones
            find done.
    """

    test: str
    devices: tuple[str, ...]
    began: float
    ended: float
    seconds: float
    memory: int | None
    first: bool = False


def budget(memory: DeviceMemory, processes: int) -> int:
    """What the seeds of a run may use of one GPU.

    Args:
        memory: of the GPU before the run used it.
        processes: the number of processes of the run that may use it.

    Returns:
        Bytes: nine tenths of all, less what others use and what each process takes by itself.
    """
    return max(0, int((1 - HEADROOM) * memory.total) - memory.used - processes * CONTEXT)


def memory_of(test: str, trained: Iterable[TrainedSeed]) -> int | None:
    """The most GPU memory that a seed of a test took in this run.

    Args:
        test: the node id without the seed.
        trained: seeds that have passed.

    Returns:
        Bytes, 0 where it uses no GPU; None where it is unknown.
    """
    known = [seed.memory for seed in trained if seed.test == test and seed.memory is not None]
    return max(known, default=None)


def share(declared: float | None, memory: int | None, budget: int, most: int | None) -> float:
    """The part of one GPU that a seed takes.

    Args:
        declared: the test's ``num_gpus``; None where it declares nothing.
        memory: bytes that its seeds took at most; None where that is unknown.
        budget: bytes that seeds may use of the GPU.
        most: how many seeds are to train on the GPU at once at most; None for any number.

    Returns:
        From 0 for a seed that uses no GPU, to 1 for one that has to be alone, as one has whose
        test nothing is known of.
    """
    if declared == 0 or (declared is None and memory == 0):
        return 0.0
    by_memory = min(1.0, memory / budget) if memory and budget > 0 else float(bool(memory))
    if memory is None:
        part = 1.0 if declared is None else declared
    else:
        part = max(by_memory, declared or 0.0)
    return min(1.0, max(part, 1 / most if most else 0.0))


def most_at_once(
    device: str, trained: Sequence[TrainedSeed], running: Iterable[float] = ()
) -> int | None:
    """How many seeds are to train on a GPU at once, by how long they took.

    With k seeds side by side the GPU trains one in ``seconds / k``. Where that is not less than
    with a smaller number for which the same test was seen, the k-th seed gains nothing. Ratios are
    taken within tests; over several tests, their median counts.

    Args:
        device: the GPU.
        trained: seeds that have passed, in the order in which they ended; the last `WINDOW` count.
        running: when the seeds began that train on it now.

    Returns:
        One less than the smallest number that gains nothing; None where all seen so far gain.
    """
    last = (seed for seed in reversed(trained) if device in seed.devices and seed.memory != 0)
    here = list(islice(last, WINDOW))
    times: defaultdict[str, defaultdict[int, list[TrainedSeed]]]
    times = defaultdict(lambda: defaultdict(list))
    for seed, together in zip(here, _side_by_side(here, tuple(running)), strict=True):
        times[seed.test][together].append(seed)
    for number in sorted({number for of_test in times.values() for number in of_test} - {1}):
        ratios: list[float] = []
        seen = 0
        for of_test in times.values():
            before = [
                _seconds(seeds) / fewer
                for fewer, seeds in of_test.items()
                if fewer == 1 or (fewer < number and len(seeds) >= _FEWEST_SEEDS)
            ]
            if number in of_test and min(before, default=0.0) > 0:
                seen += len(of_test[number])
                ratios.append(_seconds(of_test[number]) / number / min(before))
        if seen >= max(number, _FEWEST_SEEDS) and median(ratios) >= 1:
            return number - 1
    return None


def _seconds(seeds: Sequence[TrainedSeed]) -> float:
    """The median time of some seeds, of those that found their process warm where there are any."""
    warm = [seed.seconds for seed in seeds if not seed.first]
    return median(warm or [seed.seconds for seed in seeds])


def _side_by_side(seeds: Sequence[TrainedSeed], running: Sequence[float]) -> list[int]:
    """How many seeds trained while each of them did, itself included: the mean, rounded."""
    spans = sorted(
        [(seed.began, seed.ended) for seed in seeds] + [(began, math.inf) for began in running]
    )
    begins = [began for began, _ in spans]
    longest = max((seed.ended - seed.began for seed in seeds), default=0.0)
    first_running = min(running, default=math.inf)
    numbers = []
    for seed in seeds:
        length = seed.ended - seed.began
        first = bisect_left(begins, min(seed.began - longest, first_running))
        last = bisect_left(begins, seed.ended)
        together = sum(
            min(seed.ended, ended) - max(seed.began, began)
            for began, ended in spans[first:last]
            if ended > seed.began
        )  # with itself, too
        numbers.append(max(1, round(together / length)) if length > 0 else 1)
    return numbers
