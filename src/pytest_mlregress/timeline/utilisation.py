"""How much of the time of a run's workers went into training, and how near that is to the ideal.

The ideal of a run is what its trainings take if they fill all of its workers from its begin to its
end: their seconds divided by the workers, and at least those of the longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import Final, Literal, TypeAlias

from pytest_mlregress.timeline.spans import RAN, ItemSpan, RunTimeline, WorkerTimeline

Use: TypeAlias = Literal["training", "other tests", "lost", "start-up", "waiting"]
"""What a worker's time went into."""

USES: Final[tuple[Use, ...]] = ("training", "other tests", "start-up", "waiting", "lost")

Cause: TypeAlias = Literal["", "collection", "between", "end"]
"""Of start-up, whether it is pytest's collection; of waiting, whether another item followed."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a worker's time with one use.

    Attributes:
        use: what it went into.
        start: when it began, in seconds since the run began.
        stop: when it ended.
        cause: more on start-up and waiting.
        item: what ran, if anything did.
    """

    use: Use
    start: float
    stop: float
    cause: Cause = ""
    item: ItemSpan | None = None

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.stop - self.start


def segments_of(worker: WorkerTimeline) -> tuple[Segment, ...]:
    """A worker's time from its begin to its end, without a gap and without an overlap.

    Start-up ends with the first item. An item that was skipped or came from the cache is no work,
    and a part of the waiting.

    Args:
        worker: the worker.

    Returns:
        The stretches in order; one ends where the next begins.
    """
    found: list[Segment] = []
    at = worker.began
    begun = False
    for item in sorted(worker.items, key=lambda item: item.start):
        start = min(max(item.start, at), worker.ended)
        stop = min(max(item.start + item.seconds, start), worker.ended)
        if not begun:
            found += _startup(worker, start)
            at, begun = start, True
        use = _use_of(item)
        if use is None:
            continue
        found += [Segment("waiting", at, start, "between"), Segment(use, start, stop, item=item)]
        at = stop
    found += [Segment("waiting", at, worker.ended, "end")] if begun else _startup(worker)
    return tuple(segment for segment in found if segment.stop > segment.start)


def _use_of(item: ItemSpan) -> Use | None:
    if item.outcome in RAN:
        return "training" if item.side is not None else "other tests"
    return "lost" if item.outcome in ("rerun", "lost") else None


def _startup(worker: WorkerTimeline, stop: float | None = None) -> Iterator[Segment]:
    """From the begin to the first item, and the collection within."""
    start, stop = worker.began, worker.ended if stop is None else stop
    begin, end = (min(max(at, start), stop) for at in worker.collection or (start, start))
    yield Segment("start-up", start, begin)
    yield Segment("start-up", begin, end, "collection")
    yield Segment("start-up", max(begin, end), stop)


@dataclass(frozen=True)
class Utilisation:
    """What the time of some workers went into.

    Attributes:
        segments: all stretches of these workers.
    """

    segments: Sequence[Segment]

    @cached_property
    def seconds(self) -> dict[Use, float]:
        """By use, the seconds of all workers together; 0 for one that did not occur."""
        found: dict[Use, list[float]] = {use: [] for use in USES}
        for segment in self.segments:
            found[segment.use].append(segment.stop - segment.start)
        return {use: fsum(seconds) for use, seconds in found.items()}

    @cached_property
    def idle(self) -> dict[Cause, float]:
        """Start-up by ``collection`` and the rest, waiting ``between`` items and at the ``end``.

        The rest of the start-up has the empty name.
        """
        causes: tuple[Cause, ...] = ("", "collection", "between", "end")
        idle = [s for s in self.segments if s.use in ("start-up", "waiting")]
        return {cause: fsum(s.seconds for s in idle if s.cause == cause) for cause in causes}

    @property
    def items(self) -> int:
        """How many items ran, those of lost attempts included."""
        return sum(segment.item is not None for segment in self.segments)

    @property
    def work(self) -> float:
        """Seconds that the run needed: of its trainings and of its other tests."""
        return self.seconds["training"] + self.seconds["other tests"]

    @property
    def longest(self) -> float:
        """Seconds of the longest of these, 0 without any."""
        return max((s.seconds for s in self.segments if _is_work(s)), default=0.0)


def _is_work(segment: Segment) -> bool:
    return segment.use in ("training", "other tests")


@dataclass(frozen=True)
class RunUtilisation:
    """What the time of a run went into.

    Attributes:
        timeline: the run.
    """

    timeline: RunTimeline

    @cached_property
    def workers(self) -> tuple[tuple[WorkerTimeline, Utilisation], ...]:
        """Each worker with its own."""
        return tuple((one, Utilisation(segments_of(one))) for one in self.timeline.workers)

    @cached_property
    def whole(self) -> Utilisation:
        """That of all workers together."""
        return Utilisation(
            tuple(segment for _, worker in self.workers for segment in worker.segments)
        )

    @cached_property
    def places(self) -> int:
        """How many workers there were at the same time at most; replacements do not count."""
        changes = [(worker.began, 1) for worker in self.timeline.workers]
        changes += [(worker.ended, -1) for worker in self.timeline.workers]
        most = there = 0
        for _, change in sorted(changes):  # at the same moment, an end comes before a begin
            there += change
            most = max(most, there)
        return most

    @cached_property
    def ideal(self) -> float:
        """Seconds that the work takes if it fills all places; 0 without work."""
        if not self.places:
            return 0.0
        least = max(self.whole.work / self.places, self.whole.longest)
        return min(least, self.timeline.ended)  # beyond it by rounding alone

    @property
    def ratio(self) -> float | None:
        """The wall time of the run divided by the ideal, at least 1; None without work."""
        return self.timeline.ended / self.ideal if self.ideal > 0 else None


def percentages(seconds: Sequence[float]) -> tuple[int, ...]:
    """Whole percentages of a sum, which make 100 together.

    Args:
        seconds: the parts, none below 0.

    Returns:
        One for each part, the largest remainders rounded up; all 0 where the sum is.
    """
    whole = fsum(seconds)
    if whole <= 0:
        return tuple(0 for _ in seconds)
    exact = [100 * part / whole for part in seconds]
    found = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda at: found[at] - exact[at])
    for at in by_remainder[: 100 - sum(found)]:
        found[at] += 1
    return tuple(found)
