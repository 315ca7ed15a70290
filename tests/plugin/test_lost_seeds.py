"""Whatever workers are lost, and when, the run ends as it would have without the losses."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from training_suite import Suite

from pytest_mlregress._compat import WorkerNode
from pytest_mlregress.engines.queue import ItemQueue
from pytest_mlregress.reporting.json_report import to_json
from pytest_mlregress.running import stop_flags
from pytest_mlregress.running.pairs import pair_of
from pytest_mlregress.running.result import STOPPED_MESSAGE
from pytest_mlregress.running.seed_outcome import MOST_RETRIES
from pytest_mlregress.session import controller
from pytest_mlregress.session.controller_hooks import ControllerHooks
from pytest_mlregress.session.lost_seeds import LostSeeds

TESTS = """
import random

import pytest


def record(mlregress, loss=0.0):
    value = random.gauss(0.9, 0.01) - loss
    mlregress.log(1, loss=1 - value)
    mlregress.record("accuracy", value, higher_is_better=True)


@pytest.mark.seeds(5)
def test_same(mlregress):
    record(mlregress)


@pytest.mark.seeds(5)
def test_worse(mlregress):
    record(mlregress, LOSS)


@pytest.mark.seeds(5)
def test_failing(mlregress, seed):
    record(mlregress)
    assert not (LOSS and seed == 1), "no data"


@pytest.mark.seeds(5)
def test_skipping(mlregress, seed):
    if LOSS and seed == 3:
        pytest.skip("no GPU")
    record(mlregress)
"""

CLOCKS = ("started", "duration", "time")
"""Of the run; a seed's own seconds are those of the reports that every run here is made of."""

Event = tuple[Any, ...]


@dataclass
class Recorded:
    """A session whose reports can be given to controllers again.

    Attributes:
        session: the session, whose run loop has not ended yet.
        hooks: those of its controller.
        reports: those of each item, by node id, in the order of the run.
    """

    session: pytest.Session
    hooks: ControllerHooks
    reports: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def config(self) -> pytest.Config:
        """Pytest's."""
        return self.session.config

    def document(self, events: Sequence[Event], stop: str) -> dict[str, Any]:
        """The JSON report of a run of these events, without clocks."""
        controller_of_run = Controller(self, stop)
        for event in events:
            controller_of_run.take(event)
        return controller_of_run.document()


class Recording:
    """The plugin that calls ``use`` once all items have run, before the session ends."""

    def __init__(self, use: Callable[[Recorded], None]) -> None:
        self.error: BaseException | None = None
        self._use = use
        self._recorded: Recorded | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        (hooks,) = [
            plugin
            for plugin in session.config.pluginmanager.get_plugins()
            if isinstance(plugin, ControllerHooks)
        ]
        recorded = self._recorded = Recorded(session, hooks)
        result = yield
        self._recorded = None
        try:
            self._use(recorded)
        except BaseException as error:  # it would be an internal error of that session
            self.error = error
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._recorded is not None and hasattr(report, "mlregress"):
            config = self._recorded.config
            data = config.hook.pytest_report_to_serializable(config=config, report=report)
            self._recorded.reports.setdefault(report.nodeid, []).append(deepcopy(data))


class Controller:
    """A controller of its own, told of events as an engine tells the hooks."""

    def __init__(self, recorded: Recorded, stop: str) -> None:
        self._recorded = recorded
        config = recorded.config
        self.flags = stop_flags.StopFlags(Path(stop_flags._new_folder()), owner=True)
        config.stash[stop_flags._FLAGS] = self.flags
        self.hooks = ControllerHooks(config, replace(recorded.hooks._settings, stop=stop))
        self.hooks._session = recorded.session
        self.hooks._has_seeds = True
        self.hooks._base = recorded.hooks._base
        self.hooks._lost = LostSeeds()

    def take(self, event: Event, queue: ItemQueue | None = None) -> None:
        """Be told of an event: start, report, finish or lost."""
        kind, nodeid, *content = event
        if kind == "start":
            self.hooks.pytest_runtest_logstart(nodeid)
        elif kind == "finish":
            self.hooks.pytest_runtest_logfinish(nodeid)
        elif kind == "report":
            config = self._recorded.config
            report = config.hook.pytest_report_from_serializable(
                config=config,
                data=deepcopy(content[0]),  # which pytest changes
            )
            self.hooks.pytest_runtest_logreport(report)
        else:
            node = WorkerNode("gw0")
            node.end = "killed by SIGKILL"
            report = pytest.TestReport(
                nodeid,
                ("", None, ""),
                {},
                "failed",
                "worker crashed",
                "???",  # type: ignore[arg-type]
            )
            report.node = node  # type: ignore[attr-defined]
            self.hooks.pytest_handlecrashitem(nodeid, report, queue)
            self.hooks.pytest_runtest_logreport(report)

    def document(self) -> dict[str, Any]:
        """The JSON report, without clocks."""
        verdicts = self.hooks._judge()
        verdicts.close()
        document: dict[str, Any] = json.loads(to_json(verdicts.summary._run_report))
        del document["summary"]["duration"]
        self.flags.remove()
        return {name: value for name, value in document.items() if name not in CLOCKS}


class SimulatedRun:
    """Workers that run items of a queue by their recorded reports, and are lost as drawn.

    Attributes:
        controller: what is told.
        events: what was told, with the number of the attempt that it belongs to.
        lost: the numbers of attempts that came to nothing.
        cancelled: the node ids of those that were lost when they were not needed any more.
    """

    def __init__(self, recorded: Recorded, draws: Random, most_losses: int) -> None:
        self.stop = draws.choice(["early", "never"])
        self.controller = Controller(recorded, self.stop)
        self.events: list[tuple[int, Event]] = []
        self.lost: set[int] = set()
        self._recorded = recorded
        self._draws = draws
        node_ids = list(recorded.reports)
        self._node_ids = node_ids
        self._queue = ItemQueue(node_ids, range(len(node_ids)), pair_of)
        self._most_losses = most_losses
        self._share_lost = draws.choice([0.05, 0.25])
        self._losses: dict[str, int] = {}
        self._left: dict[int, list[tuple[int, Event]]] = {}
        self._attempts = 0

    def run(self) -> dict[str, Any]:
        """Run everything; answers the JSON report."""
        workers = list(range(self._draws.randint(1, 3)))
        begun = len(workers)
        while workers:
            worker = self._draws.choice(workers)
            if not self._left.get(worker) and not self._begin(worker):
                workers.remove(worker)
                continue
            attempt, event = self._left[worker][0]
            may_die = self._losses.get(event[1], 0) < self._most_losses
            dies = may_die and self._draws.random() < self._share_lost
            if dies:
                self._left[worker].clear()
                self._lose(worker, attempt, event[1])
                workers[workers.index(worker)] = begun
                begun += 1
            else:
                del self._left[worker][0]
                self._tell(attempt, event)
        return self.controller.document()

    def without_losses(self) -> list[Event]:
        """The events without the attempts that were lost."""
        return [event for attempt, event in self.events if attempt not in self.lost]

    def _begin(self, worker: int) -> bool:
        index, _ = self._queue.take(worker)
        if index is None:
            return False
        self._attempts += 1
        nodeid = self._node_ids[index]
        reports = self._recorded.reports[nodeid]
        if self.controller.flags.is_raised(reports[0]["mlregress"]["test"]):
            reports = cancelled(reports)
        events: list[Event] = [("start", nodeid)]
        events += [("report", nodeid, data) for data in reports]
        self._left[worker] = [(self._attempts, event) for event in (*events, ("finish", nodeid))]
        return True

    def _lose(self, worker: int, attempt: int, nodeid: str) -> None:
        self._losses[nodeid] = self._losses.get(nodeid, 0) + 1
        self._queue.lose(worker)
        test = self._recorded.reports[nodeid][0]["mlregress"]["test"]
        not_needed = self.controller.flags.is_raised(test)
        self.lost.add(attempt)
        self._tell(attempt, ("lost", nodeid))
        if not_needed:  # nothing else is reported of it
            self._attempts += 1
            reports = cancelled(self._recorded.reports[nodeid])
            events: list[Event] = [("report", nodeid, data) for data in reports]
            self.events += [
                (self._attempts, event)
                for event in (("start", nodeid), *events, ("finish", nodeid))
            ]

    def _tell(self, attempt: int, event: Event) -> None:
        self.events.append((attempt, event))
        self.controller.take(event, self._queue)


def cancelled(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The reports of a seed that is skipped since the verdict of its test is certain."""
    setup, *_, teardown = reports
    of_test = {
        name: value
        for name, value in setup["mlregress"].items()
        if name not in ("standing", "seconds", "values", "guards")
    } | {"stopped": True, "guards": []}
    skipped = {"outcome": "skipped", "longrepr": ("test_lost.py", 1, f"Skipped: {STOPPED_MESSAGE}")}
    return [
        {**setup, **skipped, "duration": 0.0, "mlregress": of_test},
        {**teardown, "outcome": "passed", "duration": 0.0, "mlregress": of_test},
    ]


def check(recorded: Recorded, examples: int) -> None:
    """The two properties, for the reports of one session."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32).map(Random))
    def any_losses_leave_the_verdicts(draws: Random) -> None:
        run = SimulatedRun(recorded, draws, MOST_RETRIES)
        found = run.run()
        expected = recorded.document(run.without_losses(), run.stop)
        assert not list(differences(found, expected)), run.events

    any_losses_leave_the_verdicts()


def differences(left: object, right: object, place: str = "") -> Iterator[str]:
    """The places at which two JSON documents differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in left.keys() | right.keys():
            yield from differences(left.get(name), right.get(name), f"{place}.{name}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, pair in enumerate(zip(left, right, strict=True)):
            yield from differences(*pair, f"{place}[{number}]")
    elif left != right:
        yield f"{place}: {left!r} != {right!r}"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of verdicts are reached in one session, which is told of none of them."""
    report = pytest.TestReport("", ("", None, ""), {}, "passed", None, "call")
    monkeypatch.setattr(controller, "publish", lambda *arguments: report)
    monkeypatch.setattr(controller, "warn_of_verdict", lambda *arguments: None)
    monkeypatch.setattr(controller, "run_again", lambda *arguments: None)


def run_recorded(suite: Suite, use: Callable[[Recorded], None], *arguments: str) -> None:
    """Run a suite in this process, and hand its session over before that ends."""
    recording = Recording(use)
    suite.pytester.inline_run("--mlregress-stop=never", *arguments, plugins=[recording])
    if recording.error is not None:
        raise recording.error


def test_any_losses_leave_the_report_of_a_run_without_them(suite: Suite) -> None:
    suite.write(TESTS.replace("LOSS", "0.0"), "test_lost.py")
    suite.record()
    suite.write(TESTS.replace("LOSS", "0.05"), "test_lost.py")
    seen: list[int] = []

    def use(recorded: Recorded) -> None:
        seen.append(len(recorded.reports))
        check(recorded, 25)

    run_recorded(suite, use)
    assert seen == [20]
