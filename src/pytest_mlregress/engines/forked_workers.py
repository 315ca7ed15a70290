"""Workers that are forked from a session which has collected everything.

A worker begins nothing anew: there is no second start of a session, and no second end.
"""

from __future__ import annotations

import os
import selectors
import sys
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.engines.fork_server import ForkServer
from pytest_mlregress.engines.item_worker import ItemWorker
from pytest_mlregress.engines.messages import Connection, ConnectionLost
from pytest_mlregress.engines.process_exit import finish
from pytest_mlregress.engines.workers import Message, WorkersLostError
from pytest_mlregress.resources.process_end import process_end
from pytest_mlregress.running import machine_share, threads

Prepare = Callable[[pytest.Config, str], None]
"""Makes of a session's configuration that of the worker with this id."""


class ForkedWorkers:
    """Forks workers, and listens to them.

    Args:
        session: the session, with everything collected.
        most: how many run at the same time.
        workerinput: what every worker is told, besides what xdist would tell.
        prepare: called in each worker with its configuration and its id.
    """

    def __init__(
        self,
        session: pytest.Session,
        most: int,
        workerinput: Mapping[str, Any],
        prepare: Prepare,
    ) -> None:
        self._session = session
        self._prepare = prepare
        self._workerinput = {
            "workercount": most,
            "testrunuid": uuid.uuid4().hex,
            "mainargv": list(session.config.invocation_params.args),
            **workerinput,
        }
        self._connections: dict[int, Connection] = {}
        self._selector = selectors.DefaultSelector()
        _compat.make_temporary_folder(session.config)
        self._server = ForkServer(self._work)

    def begin(self, number: int) -> None:
        """See `Workers`."""
        try:
            connection = self._server.worker(number)
        except ConnectionLost as error:
            raise WorkersLostError(f"the process that forks workers is gone: {error}") from error
        self._connections[number] = connection
        self._selector.register(connection, selectors.EVENT_READ, number)

    def send(self, number: int, message: Message) -> None:
        """See `Workers`."""
        with suppress(ConnectionLost):
            self._connections[number].send(message)

    def receive(self) -> Iterator[tuple[int, Message]]:
        """See `Workers`."""
        for key, _ in self._selector.select():
            number: int = key.data
            try:
                messages = self._connections[number].received()
            except ConnectionLost:
                messages = [("lost", process_end(self._server.exit_status(number)))]
            for message in messages:
                yield number, message

    def end(self, number: int) -> None:
        """See `Workers`."""
        connection = self._connections.pop(number)
        self._selector.unregister(connection)
        connection.close()

    def close(self) -> None:
        """See `Workers`."""
        self._server.close()
        for number in list(self._connections):
            self.end(number)
        self._selector.close()

    def _work(self, connection: Connection, number: int) -> None:
        """In a new worker: run items until there are none left."""
        try:
            worker = self._become_worker(connection, f"gw{number}")
            worker.run()
            _save_coverage()
            finish()
        except ConnectionLost:
            return  # nobody is left who could be told
        except BaseException:
            with suppress(ConnectionLost):
                connection.send(("error", traceback.format_exc()))
            return
        with suppress(ConnectionLost):
            connection.send(("end",))

    def _become_worker(self, connection: Connection, worker: str) -> ItemWorker:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ["PYTEST_XDIST_WORKER"] = worker
        os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(self._workerinput["workercount"])
        os.environ["PYTEST_XDIST_TESTRUNUID"] = self._workerinput["testrunuid"]
        config: Any = self._session.config
        config.workerinput = {**self._workerinput, "workerid": worker}
        config.workeroutput = {}
        config.option.usepdb = False
        _compat.capture_anew(config)
        items = ItemWorker(self._session, connection)
        _compat.report_only_to(config, items.reports)
        _compat.keep_temporary_files_apart(config, worker)
        threads.pin_device(worker)
        machine_share.give_devices(config, self._session.items)
        self._prepare(config, worker)
        return items


def _save_coverage() -> None:
    """Write what was measured here; the process that started the measurement combines it."""
    coverage = sys.modules.get("coverage")
    measured = coverage.Coverage.current() if coverage is not None else None
    if measured is not None:
        measured.stop()
        measured.save()
