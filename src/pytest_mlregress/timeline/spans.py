"""What each worker of a run did, and when: plain values, in seconds since the run began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, Literal, TypeAlias, get_args

ONLY_WORKER: Final = "main"
"""The id of the worker of a run that starts none."""

Side: TypeAlias = Literal["candidate", "base"]
"""Whose training it is; a test that is no regression test has no side."""

Outcome: TypeAlias = Literal[
    "finished", "failed", "lost", "cancelled", "skipped", "cached", "rerun"
]
"""The words of `running.seed_outcome`, as far as a report of pytest tells (``failed`` is one that
timed out, too; ``lost`` one that the end of the run interrupted, too), and ``cached``: taken from
an earlier run; ``rerun``: an attempt that was made again."""

SIDES: Final = frozenset(get_args(Side))
OUTCOMES: Final = frozenset(get_args(Outcome))
RAN: Final[frozenset[Outcome]] = frozenset({"finished", "failed"})
"""The outcomes of items that the run needed, and that ran."""


@dataclass(frozen=True, slots=True)
class ItemSpan:
    """One item on a worker.

    Attributes:
        node_id: its node id.
        start: when it began.
        seconds: how long its set-up, call and tear-down took together.
        side: of a seed, which side it was trained for; None for any other test.
        outcome: how it ended.
    """

    node_id: str
    start: float
    seconds: float
    side: Side | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class WorkerTimeline:
    """One worker from its begin to the end of the run, or to its death.

    Attributes:
        id: ``gw0``, or `ONLY_WORKER`.
        began: when its place was there to be used: 0 for all but those that replace another.
        ended: when its place was no longer there.
        items: in the order in which they ran.
        collection: when the process that collected for it did so: begin and end; None where that
            was before its begin.
        host: the machine, where the engine names another than that of the run.
    """

    id: str
    began: float
    ended: float
    items: tuple[ItemSpan, ...] = ()
    collection: tuple[float, float] | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class RunTimeline:
    """All workers of a run.

    Attributes:
        ended: the wall time of the run: when its last item had been reported and the workers were
            gone, in seconds since pytest loaded the plugin.
        workers: in the order in which they began.
    """

    ended: float
    workers: tuple[WorkerTimeline, ...]


def side_by_side(timelines: Mapping[str, RunTimeline]) -> RunTimeline | None:
    """Runs that share a suite, such as shards, as one run that began them all at once.

    Args:
        timelines: by the name of each run.

    Returns:
        One with the workers of all, as ``name/id``; None without any. A worker whose own run ended
        early waits for the end of the longest.
    """
    if not timelines:
        return None
    ended = max(timeline.ended for timeline in timelines.values())
    workers = chain.from_iterable(
        _of_run(name, timeline, ended) for name, timeline in timelines.items()
    )
    return RunTimeline(ended, tuple(workers))


def _of_run(name: str, timeline: RunTimeline, ended: float) -> Iterable[WorkerTimeline]:
    for worker in timeline.workers:
        lives = worker.ended >= timeline.ended
        yield replace(worker, id=f"{name}/{worker.id}", ended=ended if lives else worker.ended)
