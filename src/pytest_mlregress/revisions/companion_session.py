"""pytest in the companion: it collects as a worker would, then runs the seeds it is asked for."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.node_ids import split_file
from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.first_party import FirstParty, companion_environment, isolate
from pytest_mlregress.running.printed_error import last_line
from pytest_mlregress.running.sibling import Sibling

if TYPE_CHECKING:
    import execnet

COMPANION: Final = "mlregress_companion"
"""In ``config.workerinput``: this process is a companion."""

_OF_ONE_PROCESS: Final[Mapping[str, object]] = {
    "numprocesses": None,
    "maxprocesses": None,
    "dist": "no",
    "tx": [],
    "usepdb": False,
    "collectonly": False,
    "maxfail": 0,
    "continue_on_collection_errors": True,
    # Files that the candidate's process writes:
    "xmlpath": None,
    "htmlpath": None,
    "report_log": None,
    "allure_report_dir": None,
}
"""Options that hold for the candidate's processes alone, by the names under which they are kept."""


def serve(channel: execnet.Channel) -> None:
    """Run pytest until the other end closes the channel.

    Args:
        channel: to the process whose companion this is; its first message says how to start.
    """
    start: Mapping[str, Any] = channel.receive()
    _redirect_output(start["log"])
    for name, value in start["variables"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    Path(start["directory"]).mkdir(parents=True, exist_ok=True)
    os.chdir(start["directory"])
    if start["path"] is not None:
        sys.path[:] = start["path"]
    side = BaseSide.from_builtins(start["side"])
    first_party = isolate(
        side.checkout,
        side.rootdir,
        side.candidate_checkout,
        side.label,
        [Path(root) for root in start["import_roots"]],
        other_environment=side.other_environment,
    )
    for_children = companion_environment(
        os.environ, first_party.roots, side.candidate_checkout, side.checkout
    )
    os.environ.update(for_children)
    plugin = CompanionPlugin(channel, side, start, first_party)
    try:
        status = pytest.main(list(start["args"]), plugins=[plugin])
        if not plugin.served:
            sys.stdout.flush()
            sys.stderr.flush()
            channel.send({"failed": f"pytest ended with status {int(status)}"})
            channel.receive()  # the other end reads the output first
    except EOFError:
        pass
    finally:  # the other end may have been killed
        shutil.rmtree(Path(start["log"]).parent, ignore_errors=True)


def _redirect_output(log: str) -> None:
    """What is printed goes to a file: this process has no terminal of its own."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


class CompanionPlugin:
    """Takes the place of pytest's loop over the items.

    Args:
        channel: to the process whose companion this is.
        side: the base.
        start: the first message, the fields of `CompanionPlan`.
        first_party: what checks where this process imports from.
    """

    def __init__(
        self,
        channel: execnet.Channel,
        side: BaseSide,
        start: Mapping[str, Any],
        first_party: FirstParty,
    ) -> None:
        self.served = False
        self._channel = channel
        self._side = side
        self._start = start
        self._first_party = first_party
        self._errors: dict[str, str] = {}
        self._reports: list[dict[str, Any]] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Before other plugins read the options: this is one process, as a worker is."""
        for name, value in _OF_ONE_PROCESS.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        config.option.basetemp = self._start["basetemp"]
        config.args = [path for path in self._start["collect"] if _exists(path)]
        config.workerinput = {**self._start["workerinput"], COMPANION: True}  # type: ignore[attr-defined]
        config.workeroutput = {}  # type: ignore[attr-defined]
        return (yield)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why a file cannot be collected."""
        if report.failed:
            self._errors[report.nodeid] = last_line(str(report.longrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve until the channel is closed."""
        self.served = True
        items = {item.nodeid: item for item in session.items}
        self._channel.send({"ready": True})
        try:
            while True:
                nodeid = self._channel.receive()["run"]
                self._channel.send(self._run(session, items.get(nodeid), nodeid))
        except EOFError:
            return True

    def _run(
        self, session: pytest.Session, item: pytest.Item | None, nodeid: str
    ) -> dict[str, Any]:
        if item is None:
            return {"reports": [], "unavailable": self._reason(nodeid), "wrong_origin": None}
        self._reports = []
        _compat.tear_down_to(item, item)  # what the seed before has left for one of its file
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=Sibling.of(item))
        wrong_origin = self._first_party.check(nodeid)
        return {"reports": self._reports, "unavailable": None, "wrong_origin": wrong_origin}

    def _reason(self, nodeid: str) -> str:
        """Why there is no such item: its file, or a folder above it, could not be collected."""
        for collector, line in self._errors.items():
            if not collector or nodeid.startswith(collector):
                return f"it cannot be imported at {self._side.label}: {line}"
        return f"{self._side.label} does not have it"

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what is to be sent."""
        hook = self._item_hook
        self._reports.append(hook(config=self._config, report=report))

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep what reports are serialized with."""
        self._config = session.config
        self._item_hook = session.config.hook.pytest_report_to_serializable


def _exists(argument: str) -> bool:
    return Path(split_file(argument)[0]).exists()
