"""A process that collects by itself, as a worker of pytest-xdist does, and runs what it is told to.

``python -m pytest_mlregress.engines.worker_process FD`` with a connected stream socket under that
descriptor. Its first message says how to start, see `WorkerStart`; it answers ``("collected",
node_ids)``, with None in place of those that it was to collect, and is then an `ItemWorker`.
``("error", text)`` is the last one where that failed, and ``("end",)`` where nothing is left to
run. It ends when the other end of the socket is closed.
What it prints is of interest only where it fails: its owner sends stdout and stderr to a file.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

import pytest

import pytest_mlregress
from pytest_mlregress import _compat
from pytest_mlregress.engines.child_worker import end_with_parent
from pytest_mlregress.engines.item_worker import ItemWorker
from pytest_mlregress.engines.messages import Connection, ConnectionLost
from pytest_mlregress.engines.workers import collection_digest

_OF_ONE_PROCESS: Final[Mapping[str, object]] = {
    "numprocesses": None,
    "maxprocesses": None,
    "dist": "no",
    "distload": False,
    "looponfail": False,
    "loadgroup": False,
    "tx": [],
    "usepdb": False,
    "maxfail": 0,
    # Files that the process that hands out the items writes:
    "xmlpath": None,
    "htmlpath": None,
    "report_log": None,
    "allure_report_dir": None,
}
"""Options that hold for the process that hands out the items, by pytest's names of them."""

_AS_WORKER: Final = (
    # This module is imported before pytest could rewrite assertions, of which it has none.
    "-W",
    "ignore:Module already imported so cannot be rewritten; pytest_mlregress",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStart:
    """How a worker starts.

    Attributes:
        args: the command line, without what the ini file adds.
        directory: where to start.
        path: what to put for ``sys.path``; None to leave it.
        workerinput: what pytest-xdist gives a worker, and other plugins expect there.
        variables: environment variables to set before anything is imported; None removes one.
        basetemp: its folder for temporary files; None for pytest's default.
        collection: the `collection_digest` of the items that are handed out; None if unknown.
    """

    args: Sequence[str]
    directory: str
    path: Sequence[str] | None
    workerinput: Mapping[str, Any]
    variables: Mapping[str, str | None]
    basetemp: str | None
    collection: str | None = None

    def message(self) -> tuple[str, dict[str, Any]]:
        """The first message to a worker process."""
        return ("begin", asdict(self))


def main(descriptor: int) -> None:
    """Serve until the other end has nothing left, or is gone.

    Args:
        descriptor: of a connected stream socket.
    """
    end_with_parent()
    # The package is imported here before pytest can rewrite its assertions, of which it would warn.
    pytest_mlregress.__doc__ = f"{pytest_mlregress.__doc__}\nPYTEST_DONT_REWRITE"
    connection = Connection(socket.socket(fileno=descriptor))
    try:
        _, fields = connection.receive()
        start = WorkerStart(**fields)
        _prepare_process(start)
        plugin = RemoteItems(connection, start)
        status = pytest.main([*start.args, *_AS_WORKER], plugins=[plugin])
        if plugin.served:
            connection.send(("end",))
        else:
            sys.stdout.flush()  # the owner may look for the reason there
            connection.send(("error", plugin.why(int(status))))
    except ConnectionLost:
        pass  # nobody is left who could be told
    except BaseException:
        with suppress(ConnectionLost):
            connection.send(("error", traceback.format_exc()))


def _prepare_process(start: WorkerStart) -> None:
    for name, value in start.variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.environ["PYTEST_XDIST_WORKER"] = str(start.workerinput["workerid"])
    os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(start.workerinput["workercount"])
    os.environ["PYTEST_XDIST_TESTRUNUID"] = str(start.workerinput["testrunuid"])
    os.chdir(start.directory)
    if start.path is not None:
        sys.path[:] = start.path


class RemoteItems:
    """Takes the place of pytest's loop over the items.

    Args:
        connection: to the process that hands out the items.
        start: how this process started.

    Attributes:
        served: whether it came as far as to run items.
    """

    def __init__(self, connection: Connection, start: WorkerStart) -> None:
        self.served = False
        self._connection = connection
        self._start = start
        self._errors: list[str] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Before other plugins read the options: this is a worker."""
        for name, value in _OF_ONE_PROCESS.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        config.option.basetemp = self._start.basetemp
        config.workerinput = dict(self._start.workerinput)  # type: ignore[attr-defined]
        config.workeroutput = {}  # type: ignore[attr-defined]
        return (yield)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why a file cannot be collected."""
        if report.failed:
            self._errors.append(str(report.longrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve until nothing is left to run."""
        self.served = True
        node_ids = [item.nodeid for item in session.items]
        is_same = collection_digest(node_ids) == self._start.collection
        self._connection.send(("collected", None if is_same else node_ids))
        worker = ItemWorker(session, self._connection)
        _compat.report_only_to(session.config, worker.reports)
        with suppress(ConnectionLost):  # the session ends as it should, fixtures and all
            worker.run()
        return True

    def why(self, status: int) -> str:
        """Why pytest ended before it ran anything.

        Args:
            status: pytest's exit status.
        """
        return "\n".join([*self._errors[:1], f"pytest ended with status {status}"])


if __name__ == "__main__":
    main(int(sys.argv[1]))
