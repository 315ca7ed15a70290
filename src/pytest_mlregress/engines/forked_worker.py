"""A worker that was forked from a session which has collected everything.

It runs the items that it is told to, as the session itself would, and sends what pytest would have
reported. It begins nothing anew: there is no second start of a session, and no second end.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest
from execnet import DumpError

from pytest_mlregress import _compat
from pytest_mlregress.engines.messages import Connection, ConnectionLost
from pytest_mlregress.running import machine_share, threads

ENDED: Final = -1
"""In place of a number of an item: there is none."""

Prepare = Callable[[pytest.Config, str], None]
"""Makes of a session's configuration that of the worker with this id."""


class ForkedWorker:
    """What a worker does.

    Args:
        session: the session, as it was when it was forked.
        connection: to the process that hands out the items.
        number: that of the worker, from 0.
        workerinput: what xdist would tell a worker.
    """

    def __init__(
        self,
        session: pytest.Session,
        connection: Connection,
        number: int,
        workerinput: dict[str, Any],
    ) -> None:
        self._session = session
        self._config = session.config
        self._connection = connection
        self._id = f"gw{number}"
        self._workerinput = workerinput
        self._last: pytest.Item | None = None

    def run(self, prepare: Prepare) -> None:
        """Run items until there are none left.

        Args:
            prepare: what is left to be done for the configuration.
        """
        self._become_worker()
        prepare(self._config, self._id)
        try:
            self._run_items()
        except ConnectionLost:
            return  # nobody is left who could be told
        except BaseException:
            with suppress(ConnectionLost):
                self._connection.send(("error", traceback.format_exc()))
            return
        with suppress(ConnectionLost):
            self._connection.send(("end",))

    def _become_worker(self) -> None:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ["PYTEST_XDIST_WORKER"] = self._id
        os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(self._workerinput["workercount"])
        os.environ["PYTEST_XDIST_TESTRUNUID"] = self._workerinput["testrunuid"]
        config: Any = self._config
        config.workerinput = {**self._workerinput, "workerid": self._id}
        config.workeroutput = {}
        config.option.usepdb = False
        _compat.capture_anew(self._config)
        _compat.report_only_to(self._config, _Reports(self._config, self._connection))
        _compat.keep_temporary_files_apart(self._config, self._id)
        threads.pin_device(self._id)
        machine_share.give_devices(self._config, self._session.items)

    def _run_items(self) -> None:
        while True:
            self._connection.send(("ready",))
            _, index, following = self._connection.receive()
            item = self._session.items[index] if index != ENDED else None
            if self._last is not None:
                self._tear_down_to(self._last, item)
            if item is None:
                _save_coverage()
                return
            self._run_item(item, self._session.items[following] if following != ENDED else None)

    def _run_item(self, item: pytest.Item, following: pytest.Item | None) -> None:
        self._last = item
        try:
            self._config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except pytest.exit.Exception as error:
            self._connection.send(("exit", str(error.msg), error.returncode))
        except KeyboardInterrupt:
            self._connection.send(("interrupt",))
        if self._session.shouldstop:
            self._connection.send(("stop", str(self._session.shouldstop)))

    def _tear_down_to(self, last: pytest.Item, item: pytest.Item | None) -> None:
        """Tear down what is left because another item was expected to follow."""
        report = _compat.tear_down_after(last, item)
        if report is not None:
            last.ihook.pytest_runtest_logreport(report=report)


class _Reports:
    """Sends what pytest reports."""

    def __init__(self, config: pytest.Config, connection: Connection) -> None:
        self._config = config
        self._connection = connection

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[Any, ...]) -> None:
        self._connection.send(("start", nodeid, location))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        try:
            self._connection.send(("report", data))
        except DumpError as error:
            self._connection.send(("report", self._without_attributes(report, error)))

    def _without_attributes(self, report: pytest.TestReport, error: DumpError) -> object:
        """A failure in the place of a report that cannot be sent."""
        failed = pytest.TestReport(
            nodeid=report.nodeid,
            location=report.location,
            keywords={},
            outcome="failed",
            longrepr=f"the report of {report.nodeid} cannot be sent by a worker: {error}; what "
            "plugins and conftest files put on reports has to be made of plain builtins",
            when=report.when,
        )
        return self._config.hook.pytest_report_to_serializable(config=self._config, report=failed)

    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[Any, ...]) -> None:
        self._connection.send(("finish", nodeid, location))

    def pytest_warning_recorded(
        self, warning_message: Any, when: str, nodeid: str, location: Any
    ) -> None:
        data = _compat.plain_warning(warning_message)
        self._connection.send(("warning", data, when, nodeid, location))


def _save_coverage() -> None:
    """Write what was measured here; the process that started the measurement combines it."""
    coverage = sys.modules.get("coverage")
    measured = coverage.Coverage.current() if coverage is not None else None
    if measured is not None:
        measured.stop()
        measured.save()
