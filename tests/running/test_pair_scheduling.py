"""The scheduler of an A/B run, with workers that die."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.running.pair_scheduling import PairScheduling


class Worker:
    """Runs an item once it knows the next one, or that there is none; as xdist's do."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self.queue: deque[int] = deque()

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.queue.extend(indices)

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def can_run(self) -> bool:
        return len(self.queue) >= (1 if self.shutting_down else 2)


class Session:
    """What xdist's controller does with a scheduler."""

    def __init__(self, items: list[str], workers: int) -> None:
        option = SimpleNamespace(loadscopereorder=True)
        config: Any = SimpleNamespace(
            option=option, getvalue=lambda name: ["popen"] * workers, rootpath=None
        )
        self.scheduling = PairScheduling(config)
        self.items = items
        self.ran: list[str] = []
        self.lost: list[str] = []
        self.places: dict[str, str] = {}
        self.workers: list[Worker] = []
        self._started = 0
        self._collecting: list[Any] = []
        for _ in range(workers):
            self._start()
        self.finish_collections()

    def _start(self) -> None:
        worker: Any = Worker(f"gw{self._started}")
        self._started += 1
        self.scheduling.add_node(worker)
        self._collecting.append(worker)

    def finish_collections(self) -> None:
        """Workers that replace others have collected."""
        for worker in self._collecting:
            self.workers.append(worker)
            self.scheduling.add_node_collection(worker, self.items)
            if self.scheduling.collection_is_completed:
                self.scheduling.schedule()
        self._collecting.clear()

    def run_one(self, worker: Any) -> None:
        index = worker.queue.popleft()
        self.ran.append(self.items[index])
        self.places[self.items[index]] = worker.gateway.id
        self.scheduling.mark_test_complete(worker, index)

    def die(self, worker: Any) -> None:
        self.workers.remove(worker)
        lost = self.scheduling.remove_node(worker)
        if lost is not None:
            self.lost.append(lost)
            if self.lost.count(lost) == 1:
                self.scheduling.mark_test_pending(lost)
        self._start()


def pairs(count: int) -> list[str]:
    return [f"t.py::test[seed{n}{end}]" for n in range(count) for end in ("", "-base")]


@pytest.fixture(autouse=True)
def _any_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "xdist.scheduler.loadscope.parse_tx_spec_config", lambda config: config.getvalue("tx")
    )


def test_both_items_of_a_pair_run_on_one_worker() -> None:
    session = Session([*pairs(10), "t.py::test_plain"], workers=3)
    while any(worker.can_run for worker in session.workers):
        for worker in session.workers:
            if worker.can_run:
                session.run_one(worker)

    assert sorted(session.ran) == sorted(session.items)
    for n in range(10):
        assert session.places[f"t.py::test[seed{n}]"] == session.places[f"t.py::test[seed{n}-base]"]


@given(
    count=st.integers(1, 8),
    workers=st.integers(1, 3),
    plain=st.integers(0, 3),
    events=st.lists(st.tuples(st.integers(0, 10), st.booleans()), max_size=60),
)
def test_every_item_runs_whichever_workers_die(
    count: int, workers: int, plain: int, events: list[tuple[int, bool]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "xdist.scheduler.loadscope.parse_tx_spec_config", lambda config: config.getvalue("tx")
        )
        session = Session([*pairs(count), *(f"t.py::plain{n}" for n in range(plain))], workers)
        deaths = 0
        for which, dies in events:
            able = [worker for worker in session.workers if worker.can_run]
            if which > 5 or not able:
                session.finish_collections()
            able = [worker for worker in session.workers if worker.can_run]
            if not able:
                break
            worker = able[which % len(able)]
            if dies and deaths < 5:
                deaths += 1
                session.die(worker)
            else:
                session.run_one(worker)
        session.finish_collections()
        while able := [worker for worker in session.workers if worker.can_run]:
            session.run_one(able[0])

        twice = {item for item in session.lost if session.lost.count(item) == 2}
        assert set(session.ran) | twice == set(session.items)
        assert len(session.ran) == len(set(session.ran))
        assert session.scheduling.tests_finished
