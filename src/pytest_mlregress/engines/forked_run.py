"""The items of a session in workers that are forked from it."""

from __future__ import annotations

import os
import selectors
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.engines.fork_server import ForkServer
from pytest_mlregress.engines.forked_worker import ENDED, ForkedWorker, Prepare
from pytest_mlregress.engines.messages import Connection, ConnectionLost
from pytest_mlregress.engines.queue import ItemQueue

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORKERS_LOST_PER_WORKER: Final = 4
"""As many workers are replaced for each, as xdist does, before the run is ended."""


class WorkersLostError(RuntimeError):
    """Workers die again and again, or do so themselves by an error; the text says which."""


@dataclass
class _Worker:
    number: int
    connection: Connection
    node: Any
    item: int | None = None

    @property
    def id(self) -> str:
        return f"gw{self.number}"


class ForkedRun:
    """A run loop that hands items out to forked workers and passes on what they report.

    Args:
        session: the session, with everything collected.
        workers: how many run at the same time.
        queue: the items.
        workerinput: what every worker is told, besides what xdist would tell.
        prepare: called in each worker with its configuration and its id.
    """

    def __init__(
        self,
        session: pytest.Session,
        workers: int,
        queue: ItemQueue,
        workerinput: Mapping[str, Any],
        prepare: Prepare,
    ) -> None:
        self._session = session
        self._config = session.config
        self._most = workers
        self._queue = queue
        self._prepare = prepare
        self._workerinput = {
            "workercount": workers,
            "testrunuid": uuid.uuid4().hex,
            "mainargv": list(self._config.invocation_params.args),
            **workerinput,
        }
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, _Worker] = {}
        self._begun = 0
        self._lost = 0
        _compat.make_temporary_folder(self._config)
        self._server = ForkServer(self._run_worker)

    def _run_worker(self, connection: Connection, number: int) -> None:
        ForkedWorker(self._session, connection, number, self._workerinput).run(self._prepare)

    def run(self) -> None:
        """Run all items.

        Raises:
            pytest.Session.Failed: as many have failed as ``-x`` or ``--maxfail`` allow.
            pytest.Session.Interrupted: a plugin or a test asked for the end of the run.
            WorkersLostError: too many workers were lost.
        """
        try:
            for _ in range(min(self._most, len(self._session.items))):
                self._begin_worker()
            while self._workers:
                for key, _ in self._selector.select():
                    if key.fd in self._workers_by_descriptor:
                        self._hear(key.data)
        finally:
            self._server.close()
            for worker in self._workers.values():
                worker.connection.close()
            self._selector.close()
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)

    @property
    def _workers_by_descriptor(self) -> set[int]:
        return {worker.connection.fileno() for worker in self._workers.values()}

    def _begin_worker(self) -> None:
        number = self._begun
        self._begun += 1
        worker = _Worker(number, self._server.worker(number), _compat.WorkerNode(f"gw{number}"))
        self._workers[number] = worker
        self._selector.register(worker.connection, selectors.EVENT_READ, worker)

    def _hear(self, worker: _Worker) -> None:
        try:
            messages = worker.connection.received()
        except ConnectionLost:
            self._end_worker(worker)
            self._on_loss(worker)
            return
        for kind, *content in messages:
            self._on_message[kind](self, worker, *content)

    def _end_worker(self, worker: _Worker) -> None:
        self._selector.unregister(worker.connection)
        worker.connection.close()
        self._workers.pop(worker.number, None)

    def _on_ready(self, worker: _Worker) -> None:
        worker.item = None
        if self._session.shouldfail or self._session.shouldstop:
            self._queue.clear()
        index, following = self._queue.take(worker.number)
        worker.item = index
        numbers = [ENDED if number is None else number for number in (index, following)]
        try:
            worker.connection.send(("run", *numbers))
        except ConnectionLost:
            return  # the selector will say so

    def _on_start(self, worker: _Worker, node_id: str, location: tuple[Any, ...]) -> None:
        self._config.hook.pytest_runtest_logstart(nodeid=node_id, location=tuple(location))

    def _on_report(self, worker: _Worker, data: dict[str, Any]) -> None:
        report = self._config.hook.pytest_report_from_serializable(config=self._config, data=data)
        report.node = worker.node
        self._config.hook.pytest_runtest_logreport(report=report)

    def _on_finish(self, worker: _Worker, node_id: str, location: tuple[Any, ...]) -> None:
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

    def _on_end(self, worker: _Worker) -> None:
        self._end_worker(worker)

    _on_message: Final[dict[str, Callable[..., None]]] = {
        "ready": _on_ready,
        "start": _on_start,
        "report": _on_report,
        "finish": _on_finish,
        "warning": _on_warning,
        "exit": _on_exit,
        "interrupt": _on_interrupt,
        "stop": _on_stop,
        "error": _on_error,
        "end": _on_end,
    }

    def _on_loss(self, worker: _Worker) -> None:
        """A worker is gone: its item is run again or has failed, and another takes its place."""
        self._lost += 1
        self._queue.lose(worker.number)
        if worker.item is not None:
            self._report_crash(worker, self._session.items[worker.item].nodeid)
        if self._lost > _WORKERS_LOST_PER_WORKER * self._most:
            raise self._session.Interrupted(
                f"{self._lost} workers were lost, the last one while it ran "
                f"{self._session.items[worker.item or 0].nodeid}"
            )
        if not self._queue.is_empty:
            self._say(f"\nreplacing crashed worker {worker.id}")
            self._begin_worker()

    def _report_crash(self, worker: _Worker, node_id: str) -> None:
        """Report a lost item as xdist does."""
        file = node_id.split("::")[0]
        report = pytest.TestReport(
            nodeid=node_id,
            location=(file, None, file),
            keywords={},
            outcome="failed",
            longrepr=f"worker {worker.id!r} crashed while running {node_id!r}",
            when="???",  # type: ignore[arg-type]
        )
        report.node = worker.node  # type: ignore[attr-defined]
        hook: Any = self._config.hook
        if hasattr(hook, "pytest_handlecrashitem"):
            hook.pytest_handlecrashitem(crashitem=node_id, report=report, sched=self._queue)
        hook.pytest_runtest_logreport(report=report)

    def _say(self, line: str) -> None:
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.write_line(line)


def most_workers(items: int) -> int:
    """How many workers make sense at most.

    Args:
        items: the number of items.
    """
    return max(1, min(items, 4 * (os.cpu_count() or 1)))
