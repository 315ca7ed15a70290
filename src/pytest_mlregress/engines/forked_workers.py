"""Workers that are forked from a session which has collected everything.

A worker begins nothing anew: there is no second start of a session, and no second end.
"""

from __future__ import annotations

import os
import selectors
import sys
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.engines.early_imports import Around
from pytest_mlregress.engines.fork_server import ForkServer
from pytest_mlregress.engines.item_worker import ItemWorker
from pytest_mlregress.engines.messages import Connection, ConnectionLost
from pytest_mlregress.engines.process_exit import finish
from pytest_mlregress.engines.seed_imports import SeedImports
from pytest_mlregress.engines.workers import Message, WorkersLostError
from pytest_mlregress.resources.process_end import process_end
from pytest_mlregress.running import machine_share, threads

Prepare = Callable[[pytest.Config, str], None]
"""Makes of a session's configuration that of the worker with this id."""


NoteImports = Callable[[Path, Sequence[str]], object]

_IMPORTED: Final = "imported"


class ForkedWorkers:
    """Forks workers, and listens to them.

    Args:
        session: the session, with everything collected.
        most: how many run at the same time.
        workerinput: what every worker is told, besides what xdist would tell.
        prepare: called in each worker with its configuration and its id.
        own: modules of this plugin that every worker needs.
        others: modules of other packages that seeds will import.
        around: entered around the import of each of those.
        note_imports: called with a test file and what a seed of it has imported.
    """

    def __init__(
        self,
        session: pytest.Session,
        most: int,
        workerinput: Mapping[str, Any],
        prepare: Prepare,
        *,
        own: Sequence[str] = (),
        others: Sequence[str] = (),
        around: Around = lambda name: nullcontext(),
        note_imports: NoteImports = lambda file, names: None,
    ) -> None:
        self._session = session
        self._prepare = prepare
        self._note_imports = note_imports
        self._workerinput = {
            "workercount": most,
            "testrunuid": uuid.uuid4().hex,
            "mainargv": list(session.config.invocation_params.args),
            **workerinput,
        }
        self._connections: dict[int, Connection] = {}
        self._selector = selectors.DefaultSelector()
        _compat.make_temporary_folder(session.config)
        self._server = ForkServer(self._work, own, others, around)

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
                if message[0] == _IMPORTED:
                    self._note_imports(Path(message[1]), message[2])
                else:
                    yield number, message

    @property
    def left_out(self) -> Sequence[str]:
        """Modules that must not be imported before a fork, or cannot be; known at the end."""
        return self._server.left_out

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

        def tell(item: pytest.Item, names: list[str]) -> None:
            connection.send((_IMPORTED, str(item.path), names))

        config.pluginmanager.register(SeedImports(config, tell), "mlregress-seed-imports")
        return items


def _save_coverage() -> None:
    """Write what was measured here; the process that started the measurement combines it."""
    coverage = sys.modules.get("coverage")
    measured = coverage.Coverage.current() if coverage is not None else None
    if measured is not None:
        measured.stop()
        measured.save()
