"""When each worker of a run did what, as the reports say that reach the process that judges.

Reports alone are read, so that it is the same for every engine: one without ``node`` is of this
process, the others say whose they are.

Workers may be on machines whose clocks are off. The least delay of any of a worker's reports, from
the end that its clock says to its arrival here, is taken for none: what is left of the error is the
time that its fastest report took.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE, TRAINED_WITH
from pytest_mlregress.timeline.spans import (
    ONLY_WORKER,
    ItemSpan,
    Outcome,
    RunTimeline,
    Side,
    WorkerTimeline,
)

_PHASES: Final = ("setup", "call", "teardown")
_VERDICT: Final = "mlregress_verdict"
_FAILED: Final = ("failed", "timed out", "lost")
"""Of a seed of a base, whose worker says so; of reports, the first."""


@dataclass(slots=True)
class _OpenItem:
    """An item whose tear-down has not been reported."""

    node_id: str
    start: float
    stop: float
    side: Side | None
    seconds: float = 0.0
    outcome: Outcome = "finished"
    called: bool = False


@dataclass(slots=True)
class _Worker:
    """What is known of a worker; times are those of its own clock, but for begin and end."""

    id: str
    began: float
    host: str | None = None
    ended: float | None = None
    ready: float | None = None
    collection: tuple[float, float] | None = None
    delay: float | None = None
    open: _OpenItem | None = None
    items: list[tuple[str, float, float, Side | None, Outcome]] = field(default_factory=list)

    def close_item(self, outcome: Outcome | None = None) -> None:
        """No more reports of the item will come."""
        one, self.open = self.open, None
        if one is not None:
            seconds = max(0.0, min(one.seconds, one.stop - one.start))
            self.items.append((one.node_id, one.start, seconds, one.side, outcome or one.outcome))

    def items_until(self, ended: float) -> list[tuple[str, float, float, Side | None, Outcome]]:
        """All items; one that the end of the run interrupted lasts to it, and is no work done."""
        one = self.open
        if one is None:
            return self.items
        cut = one.outcome == "finished" and not one.called
        outcome: Outcome = "lost" if cut else one.outcome
        return [*self.items, (one.node_id, one.start, ended - one.start, one.side, outcome)]


class WorkerTimes:
    """What is known of each worker.

    Args:
        origin: when the run began, by the clock of `time.perf_counter`, in seconds.
    """

    def __init__(self, origin: float) -> None:
        self._origin = origin
        self._wall = time.time() - (time.perf_counter() - origin)
        self._workers: dict[str, _Worker] = {}
        self._losses: list[float] = []
        self._begun: dict[str, float] = {}

    def _now(self) -> float:
        return time.perf_counter() - self._origin

    def worker_ready(self, worker_id: str) -> None:
        """A worker of pytest-xdist begins to collect.

        Args:
            worker_id: its id.
        """
        self.worker_began(worker_id).ready = self._now()

    def worker_collected(self, worker_id: str) -> None:
        """A worker of pytest-xdist has collected.

        Args:
            worker_id: its id.
        """
        worker = self.worker_began(worker_id)
        if worker.ready is not None:
            worker.collection = (worker.ready, self._now())

    def item_began(self, node_id: str) -> None:
        """An item begins, as this process has heard.

        Args:
            node_id: the item's.
        """
        self._begun[node_id] = self._now()

    def take(self, report: pytest.TestReport) -> None:
        """Take in the report of a phase, or of an item that was lost with its worker.

        Args:
            report: the report.
        """
        if hasattr(report, _VERDICT):
            return
        payload = getattr(report, REPORT_ATTRIBUTE, None)
        if payload is not None and TRAINED_WITH in payload:  # its time is that of the other item
            return
        now = self._now()
        worker = self._worker_of(report)
        if report.when in _PHASES:
            self._phase(worker, report, payload, now)
        else:
            self._lose(worker)
            self._lost_item(worker, report, now)

    def worker_began(self, worker_id: str, host: str | None = None) -> _Worker:
        """A worker is there; one that is new after a loss has the place of the lost one.

        Args:
            worker_id: its id.
            host: its machine, where that is another one.

        Returns:
            What is known of it.
        """
        if worker_id not in self._workers:
            began = self._losses.pop(0) if self._losses else 0.0
            self._workers[worker_id] = _Worker(worker_id, began)
        worker = self._workers[worker_id]
        worker.host = host or worker.host
        return worker

    def worker_lost(self, worker_id: str) -> None:
        """A worker is gone before the end; told once or more often.

        Args:
            worker_id: its id.
        """
        self._lose(self.worker_began(worker_id))

    def _worker_of(self, report: pytest.TestReport) -> _Worker:
        node: Any = getattr(report, "node", None)
        if node is None:
            return self.worker_began(ONLY_WORKER)
        return self.worker_began(node.gateway.id, getattr(node, "host", None))

    def _lose(self, worker: _Worker) -> None:
        if worker.ended is None:
            worker.ended = self._now()
            self._losses.append(worker.ended)

    def _phase(
        self,
        worker: _Worker,
        report: pytest.TestReport,
        payload: dict[str, Any] | None,
        now: float,
    ) -> None:
        stop = report.stop - self._wall if report.stop else now
        start = report.start - self._wall if report.start else stop - report.duration
        delay = now - stop
        worker.delay = delay if worker.delay is None else min(worker.delay, delay)
        item = worker.open
        if item is not None and (report.when == "setup" or item.node_id != report.nodeid):
            worker.close_item("rerun" if item.node_id == report.nodeid else None)
            item = None
        if item is None:
            item = worker.open = _OpenItem(report.nodeid, start, stop, _side_of(payload))
        item.stop = max(item.stop, stop)
        item.called |= report.when == "call"
        seeds = len((payload or {}).get("together", ())) or 1  # the report has one seed's share
        item.seconds += report.duration * seeds
        item.outcome = _outcome_of(report, payload, item.outcome)
        if report.when == "teardown":
            self._begun.pop(report.nodeid, None)
            worker.close_item()

    def _lost_item(self, worker: _Worker, report: pytest.TestReport, now: float) -> None:
        """The item that a worker ran when it died, from its begin as this process saw it."""
        side = worker.open.side if worker.open is not None else None
        worker.open = None
        began = self._begun.pop(report.nodeid, now) - (worker.delay or 0.0)
        worker.items.append((report.nodeid, began, now - began, side, "lost"))

    def timeline(
        self, collection: tuple[float, float] | None, ended: float | None
    ) -> RunTimeline | None:
        """What is known by now.

        Args:
            collection: when this process collected, where it did.
            ended: when the last item had ended; None where items still run.

        Returns:
            The timeline; None where nothing ran.
        """
        if not any(worker.items or worker.open for worker in self._workers.values()):
            return None
        end = self._now() if ended is None else ended
        workers = sorted(self._workers.values(), key=lambda worker: worker.began)
        return RunTimeline(end, tuple(_timeline_of(worker, collection, end) for worker in workers))


def _timeline_of(
    worker: _Worker, collection: tuple[float, float] | None, ended: float
) -> WorkerTimeline:
    late = worker.delay or 0.0
    ended = ended if worker.ended is None else min(worker.ended, ended)
    collection = worker.collection or collection
    if collection is not None and collection[1] <= worker.began:
        collection = None  # forked after it, in the place of a lost one
    return WorkerTimeline(
        id=worker.id,
        began=worker.began,
        ended=ended,
        items=tuple(
            ItemSpan(node_id, at, max(0.0, min(seconds, ended - at)), side, outcome)
            for node_id, start, seconds, side, outcome in worker.items_until(ended - late)
            for at in (start + late,)
        ),
        collection=collection,
        host=worker.host,
    )


def _side_of(payload: dict[str, Any] | None) -> Side | None:
    if payload is None:
        return None
    return "base" if "candidate" in payload else "candidate"


def _outcome_of(
    report: pytest.TestReport, payload: dict[str, Any] | None, before: Outcome
) -> Outcome:
    """How an item has ended so far."""
    if str(report.outcome) == "rerun":
        return "rerun"
    if payload is not None and payload.get("cached"):
        return "cached"
    ended = payload.get("ended") if payload is not None else None  # on a base no report fails
    outcome = ended["outcome"] if ended is not None else report.outcome
    if outcome in _FAILED:
        return "failed"
    if before != "finished":
        return before
    if outcome != "skipped" or hasattr(report, "wasxfail"):
        return "finished"
    return "cancelled" if payload is not None and payload["stopped"] else "skipped"
