"""The items of a session that another process hands out, and what pytest reports of them."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.engines.messages import Connection, MessageError
from pytest_mlregress.engines.workers import ENDED


class ItemWorker:
    """Runs the items that it is told to.

    It sends ``("ready",)`` when it has nothing to do, and what pytest would have reported as it
    comes: ``("start", node_id, location)``, ``("report", data)``, ``("finish", node_id,
    location)``, ``("warning", data, when, node_id, location)``; ``("stop", reason)`` where the
    session is to stop, ``("exit", reason, status)`` for ``pytest.exit`` and ``("interrupt",)``.

    Args:
        session: the session, with everything collected.
        connection: to the process that hands out the items.

    Attributes:
        reports: the plugin that sends reports.
    """

    def __init__(self, session: pytest.Session, connection: Connection) -> None:
        self.reports = SentReports(session.config, connection)
        self._session = session
        self._config = session.config
        self._connection = connection
        self._last: pytest.Item | None = None

    def run(self) -> None:
        """Run items until there are none left.

        Raises:
            ConnectionLost: the other process is gone.
        """
        while True:
            self._connection.send(("ready",))
            _, index, following = self._connection.receive()
            item = self._session.items[index] if index != ENDED else None
            if self._last is not None:
                self._tear_down_to(self._last, item)
            if item is None:
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


class SentReports:
    """Sends what pytest reports.

    Args:
        config: pytest's.
        connection: to the process that reports are for.
    """

    def __init__(self, config: pytest.Config, connection: Connection) -> None:
        self._config = config
        self._connection = connection

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[Any, ...]) -> None:
        """An item begins."""
        self._connection.send(("start", nodeid, location))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of an item is over."""
        # As terminals do: pytest's subtests count their failures in the process that asks.
        self._config.hook.pytest_report_teststatus(report=report, config=self._config)
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        try:
            self._connection.send(("report", data))
        except MessageError as error:
            self._connection.send(("report", self._without_attributes(report, error)))

    def _without_attributes(self, report: pytest.TestReport, error: MessageError) -> object:
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
        """An item is over."""
        self._connection.send(("finish", nodeid, location))

    def pytest_warning_recorded(
        self, warning_message: Any, when: str, nodeid: str, location: Any
    ) -> None:
        """A warning was caught."""
        data = _compat.plain_warning(warning_message)
        self._connection.send(("warning", data, when, nodeid, location))
