"""What is gathered of each worker, from reports with clocks that are told."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlregress._compat import WorkerNode
from pytest_mlregress.running.start_of_run import note_start
from pytest_mlregress.session.timeline_hooks import TimelineHooks
from pytest_mlregress.timeline.spans import ItemSpan, RunTimeline
from pytest_mlregress.timeline.utilisation import RunUtilisation

WALL = 1_000_000.0
SEED = "t.py::test_a[seed0]"


class Run:
    """Hooks of a run that began at 0, called at the times that are told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(time, "time", lambda: WALL + self.now)
        config: Any = SimpleNamespace(stash=pytest.Stash(), known_args_namespace=SimpleNamespace())
        note_start(config)
        self.hooks = TimelineHooks(config)
        self.hooks.pytest_xdist_node_collection_finished(WorkerNode("gw0"), [SEED])

    def report(
        self,
        when: str,
        start: float,
        stop: float,
        *,
        at: float | None = None,
        worker: str | None = "gw0",
        outcome: str = "passed",
        node_id: str = SEED,
        payload: dict[str, Any] | None = None,
        duration: float | None = None,
        host: str | None = None,
    ) -> None:
        """A phase from ``start`` to ``stop`` by the worker's clock, reported ``at`` that time."""
        self.now = stop if at is None else at
        one: Any = pytest.TestReport(
            node_id,
            ("t.py", 1, "test_a"),
            {},
            outcome,  # type: ignore[arg-type]
            None,
            when,  # type: ignore[arg-type]
            duration=stop - start if duration is None else duration,
            start=WALL + start,
            stop=WALL + stop,
        )
        one.mlregress = {"stopped": False} if payload is None else payload
        if worker is not None:
            one.node = WorkerNode(worker)
            one.node.host = host
        self.hooks.pytest_runtest_logreport(one)

    def seed(
        self, start: float, *, node_id: str = SEED, worker: str | None = "gw0", **fields: Any
    ) -> None:
        """One that takes 0.1, 3 and 0.1 seconds."""
        self.report("setup", start, start + 0.1, node_id=node_id, worker=worker, **fields)
        self.report("call", start + 0.25, start + 3.25, node_id=node_id, worker=worker, **fields)
        self.report("teardown", start + 3.5, start + 3.6, node_id=node_id, worker=worker, **fields)

    def end(self, at: float) -> RunTimeline:
        self.now = at
        loop = self.hooks.pytest_runtestloop()
        next(loop)
        with pytest.raises(StopIteration):
            loop.send(True)
        timeline = self.hooks.timeline()
        assert timeline is not None
        return timeline


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def only_item(timeline: RunTimeline) -> ItemSpan:
    ((item,),) = [worker.items for worker in timeline.workers]
    return item


def test_an_item_takes_the_seconds_of_its_phases(run: Run) -> None:
    run.seed(2.0)
    timeline = run.end(6.0)
    assert timeline.ended == 6.0
    item = only_item(timeline)
    assert (item.node_id, item.side, item.outcome) == (SEED, "candidate", "finished")
    assert (item.start, item.seconds) == (pytest.approx(2.0), pytest.approx(3.2))


def test_the_machine_of_a_worker_is_that_of_its_reports(run: Run) -> None:
    run.hooks.workers.worker_began("gw0")
    run.hooks.workers.worker_began("gw1")
    run.seed(2.0, host="node7")
    run.seed(2.0, worker="gw1")
    assert [worker.host for worker in run.end(6.0).workers] == ["node7", None]


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
def test_a_clock_that_is_off_is_corrected_by_the_least_delay(run: Run, skew: float) -> None:
    run.report("setup", skew + 2, skew + 2.5, at=4.0)  # the controller was busy
    run.report("call", skew + 2.5, skew + 5, at=5.2)
    run.report("teardown", skew + 5, skew + 5, at=5.3)
    item = only_item(run.end(6.0))
    assert (item.start, item.seconds) == (pytest.approx(2.2), pytest.approx(3.0))


def test_both_sides_and_other_tests_are_told_apart(run: Run) -> None:
    run.seed(1.0, payload={"candidate": SEED, "stopped": False}, node_id="t.py::test_a[base0]")
    run.report("setup", 5, 5.5, node_id="t.py::test_plain")
    del (items := run.hooks.workers._workers["gw0"].items)[1:]
    assert [entry[3] for entry in items] == ["base"]


@pytest.mark.parametrize(
    ("payload", "outcome", "said"),
    [
        ({"stopped": True}, "skipped", "cancelled"),
        ({"stopped": False}, "skipped", "skipped"),
        ({"stopped": False, "cached": True}, "passed", "cached"),
        ({"stopped": False}, "failed", "failed"),
        ({"stopped": False, "ended": {"outcome": "lost"}}, "passed", "failed"),
    ],
)
def test_how_an_item_ended(run: Run, payload: dict[str, Any], outcome: str, said: str) -> None:
    run.report("setup", 1, 2, payload=payload, outcome=outcome)
    run.report("teardown", 2, 2.1, payload=payload)
    assert only_item(run.end(6.0)).outcome == said


def test_an_attempt_that_is_made_again_is_an_item_of_its_own(run: Run) -> None:
    run.report("setup", 1, 1.5)
    run.report("call", 1.5, 2, outcome="rerun")
    run.seed(3.0)
    outcomes = [item.outcome for item in run.end(7.0).workers[0].items]
    assert outcomes == ["rerun", "finished"]


def test_a_worker_that_is_lost_leaves_its_place_to_the_next(run: Run) -> None:
    run.hooks.workers.worker_began("gw1")
    run.now = 2.0
    run.hooks.pytest_runtest_logstart(SEED)
    run.report("setup", 2, 2.1)
    run.now = 5.0
    run.hooks.workers.worker_lost("gw0")
    run.report("???", 0, 0, at=5.0)
    run.hooks.workers.worker_lost("gw0")
    run.seed(7.0, worker="gw2")
    first, second, third = run.end(12.0).workers
    assert (first.id, first.began, first.ended) == ("gw0", 0.0, 5.0)
    (lost,) = first.items
    assert (lost.start, lost.seconds) == (pytest.approx(2.0), pytest.approx(3.0))
    assert lost.outcome == "lost"
    assert lost.side == "candidate"
    assert (second.id, second.items, second.ended) == ("gw1", (), 12.0)
    assert (third.id, third.began, third.ended) == ("gw2", 5.0, 12.0)


def test_seeds_that_are_trained_together_are_one_item(run: Run) -> None:
    together = {"stopped": False, "together": [0, 1]}
    for when, start, stop in (("setup", 1.0, 1.2), ("call", 1.2, 4.2), ("teardown", 4.2, 4.4)):
        share = (stop - start) / 2
        run.report(when, start, stop, duration=share, payload=together)
    other = {"stopped": False, "trained_with": 0}
    run.seed(1.0, node_id="t.py::test_a[seed1]", worker=None, payload=other)
    item = only_item(run.end(6.0))
    assert (item.node_id, item.seconds) == (SEED, pytest.approx(3.4))


def test_verdicts_and_runs_without_seeds_are_no_items(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    verdict: Any = pytest.TestReport("t.py::test_a", ("", 1, ""), {}, "passed", None, "call")
    verdict.mlregress_verdict = "pass"
    run.hooks.pytest_runtest_logreport(verdict)
    assert run.hooks.timeline() is None
    run.hooks._has_seeds = False
    run.seed(1.0)
    assert run.hooks.timeline() is None


def test_an_item_that_the_end_of_the_run_interrupts_lasts_to_it(run: Run) -> None:
    run.report("setup", 2, 2.1)
    timeline = run.end(4.0)
    item = only_item(timeline)
    assert (item.start, item.outcome) == (pytest.approx(2.0), "lost")
    assert item.seconds == pytest.approx(2.0)
    assert RunUtilisation(timeline).whole.seconds["lost"] == pytest.approx(2.0)
    assert run.hooks.timeline() == timeline  # asked again: the same


def test_an_item_whose_call_was_reported_is_finished_in_mid_tear_down(run: Run) -> None:
    run.report("setup", 2, 2.1)
    run.report("call", 2.1, 3)
    item = only_item(run.end(4.0))
    assert (item.outcome, item.seconds) == ("finished", pytest.approx(2.0))


def test_what_is_told_of_a_lost_worker_ends_and_begins_with_it(run: Run) -> None:
    collection = run.hooks.pytest_collection(SimpleNamespace(items=[SEED]))  # type: ignore[arg-type]
    next(collection)
    run.now = 1.0
    with pytest.raises(StopIteration):
        collection.send(None)
    run.now = 2.0
    run.hooks.pytest_runtest_logstart(SEED)
    run.report("setup", 2, 2.1)
    run.now = 5.0
    run.hooks.workers.worker_lost("gw0")
    run.report("???", 0, 0, at=5.2)  # told later
    run.seed(7.0, worker="gw1")
    first, second = run.end(12.0).workers
    assert first.collection == (0.0, 1.0)
    assert first.items[0].seconds == pytest.approx(3.0)
    assert (second.began, second.collection) == (5.0, None)
