"""The items of a session in other processes: handed out one by one, their reports passed on."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.engines.queue import ItemQueue
from pytest_mlregress.engines.workers import ENDED, Workers, WorkersLostError
from pytest_mlregress.node_ids import split_file

_LOSSES_PER_WORKER: Final = 4
"""As many workers are replaced for each, as xdist does, before the run is ended.

Only those are counted since an item has finished: on a cluster that pre-empts jobs a long run loses
many workers, and gets on."""


@dataclass
class _Worker:
    number: int
    node: Any
    item: int | None = None
    is_ready: bool = False

    @property
    def id(self) -> str:
        return f"gw{self.number}"


class ItemRun:
    """A run loop that hands items out to workers and passes on what they report.

    Args:
        session: the session, with everything collected.
        workers: begins workers, and brings what they say.
        queue: the items.
        most: how many workers there are at the same time.
    """

    def __init__(
        self, session: pytest.Session, workers: Workers, queue: ItemQueue, most: int
    ) -> None:
        self._session = session
        self._config = session.config
        self._workers = workers
        self._queue = queue
        queue.config = session.config
        self._most = most
        self._live: dict[int, _Worker] = {}
        self._begun = 0
        self._losses = 0
        self._timeline: Any = self._config.pluginmanager.getplugin("mlregress-timeline")

    def run(self, meanwhile: Callable[[], None], *, at_once: bool = True) -> None:
        """Run all items.

        Args:
            meanwhile: called while the workers start.
            at_once: whether they take a while; else it is called when each of them has an item.

        Raises:
            pytest.Session.Failed: as many have failed as ``-x`` or ``--maxfail`` allow.
            pytest.Session.Interrupted: a plugin or a test asked for the end of the run, or too
                many workers were lost.
            pytest.UsageError: no worker can do what is asked of it.
        """
        reporter = self._reporter
        if reporter is not None:
            reporter.showfspath = False  # results of several files arrive at the same time
        try:
            for _ in range(min(self._most, len(self._session.items))):
                self._begin_worker()
            if not at_once:
                while any(not worker.is_ready for worker in self._live.values()):
                    self._receive()
            meanwhile()
            while self._live:
                self._receive()
        except WorkersLostError as error:
            raise pytest.UsageError(str(error)) from error
        finally:
            self._workers.close()
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)

    def _receive(self) -> None:
        for number, message in self._workers.receive():
            if number in self._live:
                self._take(self._live[number], message)

    def _begin_worker(self) -> None:
        worker = _Worker(self._begun, _compat.WorkerNode(f"gw{self._begun}"))
        self._begun += 1
        if self._timeline is not None:
            self._timeline.workers.worker_began(worker.id)
        self._workers.begin(worker.number)
        self._live[worker.number] = worker

    def _take(self, worker: _Worker, message: tuple[Any, ...]) -> None:
        kind, *content = message
        self._on_message[kind](self, worker, *content)

    def _forget(self, worker: _Worker) -> None:
        self._workers.end(worker.number)
        del self._live[worker.number]

    def _on_here(self, worker: _Worker, machine: str) -> None:
        """A worker runs on a machine; reports show it where it is another one."""
        worker.node.host = None if machine == platform.node() else machine

    def _on_ready(self, worker: _Worker) -> None:
        worker.is_ready = True
        if self._session.shouldfail or self._session.shouldstop:
            self._queue.clear()
        worker.item, following = self._queue.take(worker.number)
        numbers = [ENDED if number is None else number for number in (worker.item, following)]
        self._workers.send(worker.number, ("run", *numbers))

    def _on_start(self, worker: _Worker, node_id: str, location: tuple[Any, ...]) -> None:
        self._config.hook.pytest_runtest_logstart(nodeid=node_id, location=tuple(location))

    def _on_report(self, worker: _Worker, data: dict[str, Any]) -> None:
        report = self._config.hook.pytest_report_from_serializable(config=self._config, data=data)
        report.node = worker.node
        self._config.hook.pytest_runtest_logreport(report=report)

    def _on_finish(self, worker: _Worker, node_id: str, location: tuple[Any, ...]) -> None:
        self._losses = 0
        self._config.hook.pytest_runtest_logfinish(nodeid=node_id, location=tuple(location))

    def _on_warning(
        self, worker: _Worker, data: dict[str, Any], when: str, node_id: str, location: Any
    ) -> None:
        self._config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": _compat.warning_of(data),
                "when": when,
                "nodeid": node_id,
                "location": tuple(location) if location is not None else None,
            }
        )

    def _on_exit(self, worker: _Worker, reason: str, status: int | None) -> None:
        pytest.exit(reason, returncode=status)

    def _on_interrupt(self, worker: _Worker) -> None:
        raise KeyboardInterrupt

    def _on_stop(self, worker: _Worker, reason: str) -> None:
        self._session.shouldstop = reason

    def _on_error(self, worker: _Worker, error: str) -> None:
        raise WorkersLostError(f"worker {worker.id!r} ended with an error of its own:\n{error}")

    def _on_collected(self, worker: _Worker, node_ids: list[str] | None) -> None:
        """A worker that has collected by itself has to have found the same, else it says what."""
        if node_ids is not None:
            own = [item.nodeid for item in self._session.items]
            if node_ids != own:
                raise WorkersLostError(_difference(worker.id, own, node_ids))

    def _on_end(self, worker: _Worker) -> None:
        self._forget(worker)

    def _on_lost(self, worker: _Worker, reason: str) -> None:
        """A worker is gone: its item is run again or has failed, and another takes its place."""
        self._forget(worker)
        self._losses += 1
        if self._timeline is not None:
            self._timeline.workers.worker_lost(worker.id)
        self._queue.lose(worker.number)
        worker.node.end = reason
        node_id = None if worker.item is None else self._session.items[worker.item].nodeid
        if node_id is not None:
            self._report_crash(worker, node_id, reason)
        if self._losses > _LOSSES_PER_WORKER * self._most:
            raise self._session.Interrupted(
                f"{self._losses} workers were lost, the last one "
                + (f"while it ran {node_id}" if node_id else "before it ran anything")
                + (f": {reason}" if reason else "")
            )
        if not self._queue.is_empty:
            why = f": {_in_one_line(reason)}" if reason else ""
            self._say(f"\nreplacing crashed worker {worker.id}{why}")
            self._begin_worker()

    _on_message: Final[dict[str, Callable[..., None]]] = {
        "here": _on_here,
        "ready": _on_ready,
        "start": _on_start,
        "report": _on_report,
        "finish": _on_finish,
        "warning": _on_warning,
        "exit": _on_exit,
        "interrupt": _on_interrupt,
        "stop": _on_stop,
        "error": _on_error,
        "collected": _on_collected,
        "end": _on_end,
        "lost": _on_lost,
    }

    def _report_crash(self, worker: _Worker, node_id: str, reason: str) -> None:
        """Report a lost item as xdist does."""
        file, _ = split_file(node_id)
        why = f": {reason}" if reason else ""
        report = pytest.TestReport(
            nodeid=node_id,
            location=(file, None, file),
            keywords={},
            outcome="failed",
            longrepr=f"worker {worker.id!r} crashed while running {node_id!r}{why}",
            when="???",  # type: ignore[arg-type]
        )
        report.node = worker.node  # type: ignore[attr-defined]
        hook: Any = self._config.hook
        if hasattr(hook, "pytest_handlecrashitem"):
            hook.pytest_handlecrashitem(crashitem=node_id, report=report, sched=self._queue)
        hook.pytest_runtest_logreport(report=report)

    @property
    def _reporter(self) -> Any:
        """What writes to the terminal; None in a process without one."""
        return self._config.pluginmanager.getplugin("terminalreporter")

    def _say(self, line: str) -> None:
        reporter = self._reporter
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.write_line(line)


def _in_one_line(reason: str) -> str:
    """A reason may end with what a process printed, of which the last line says most."""
    first, *more = reason.splitlines()
    return " ".join([first, *more[-1:]])


def _difference(worker: str, own: list[str], others: list[str]) -> str:
    here, there = set(own), set(others)
    missing = [node_id for node_id in own if node_id not in there]
    added = [node_id for node_id in others if node_id not in here]
    what = (
        f"it lacks {missing[0]}"
        if missing
        else f"it has {added[0]} besides"
        if added
        else "their order differs"
    )
    return (
        f"worker {worker!r} has collected {len(others)} items where this process has {len(own)}: "
        f"{what}; the code that it imports is not the one that is here, or what is collected "
        "depends on the process (a random name, the time, a set's order)"
    )
