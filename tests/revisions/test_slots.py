"""Which slot trains which seed: every one once, whatever takes how long."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.cells import slot as slot_module
from pytest_mlregress.revisions.cells import trainer as trainer_module
from pytest_mlregress.revisions.cells.cell import Cell
from pytest_mlregress.revisions.cells.slot import Said, Slot, slots_of
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest
from pytest_mlregress.revisions.cells.trainer import Trainer
from pytest_mlregress.revisions.companion import BaseSeed, CompanionError

HERE = Path(__file__)


def cell(number: int) -> Cell:
    side = BaseSide(
        label="x",
        checkout=HERE,
        rootdir=HERE,
        candidate_checkout=HERE,
        candidate_rootdir=HERE,
        commit=None,
        python="python",
    )
    return Cell(str(number), str(number), side, f"state {number}", None)


class FakeCompanion:
    """Takes its time to start and to train; dies now and then."""

    started = 0

    def __init__(self, start_s: float, train_s: float, dies: bool) -> None:
        FakeCompanion.started += 1
        self._start_s, self._train_s, self._dies = start_s, train_s, dies

    def run(self, node_id: str) -> BaseSeed:
        time.sleep(self._start_s + self._train_s)
        self._start_s = 0.0
        if self._dies:
            self._dies = False
            raise CompanionError("it died")
        return BaseSeed(reports=({"duration": self._train_s, "outcome": "passed"},))

    def close(self) -> None:
        pass


def served(
    wanted: list[tuple[int, int]],
    slots: int,
    *,
    start_s: float,
    train_s: float,
    kept: int = 99,
    dying: frozenset[int] = frozenset(),
) -> tuple[list[SeedRequest], int]:
    """The seeds that gave something, and the number of processes that were started."""
    FakeCompanion.started = 0
    requests = [SeedRequest(cell(state), "test", seed) for state, seed in wanted]
    test = SimpleNamespace(node_ids={seed: f"test[seed{seed}]" for seed in range(8)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slot_module, "may_keep", lambda number: number < kept)
        patch.setattr(
            Slot,
            "_new",
            lambda self, state: FakeCompanion(start_s, train_s, int(state.name) in dying),
        )
        left, said = deque(requests), cast("Said", SimpleQueue())
        places = slots_of(cast("Any", None), slots, {})
        threads = [Thread(target=place.work, args=(left, said, {"test": test})) for place in places]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    answers = [said.get() for _ in range(said.qsize())]
    return [request for request, answer in answers if answer is not None], FakeCompanion.started


@settings(deadline=None, max_examples=40)
@given(
    wanted=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=20, unique=True),
    slots=st.integers(1, 4),
    start_s=st.sampled_from([0.0, 0.002]),
    train_s=st.sampled_from([0.0, 0.003]),
    kept=st.sampled_from([2, 3, 99]),
    dying=st.frozensets(st.integers(0, 5), max_size=2),
)
def test_every_seed_is_trained_once(
    wanted: list[tuple[int, int]],
    slots: int,
    start_s: float,
    train_s: float,
    kept: int,
    dying: frozenset[int],
) -> None:
    """Also seeds 8 and 9, which were not collected, and those of processes that die."""
    trained, _ = served(wanted, slots, start_s=start_s, train_s=train_s, kept=kept, dying=dying)
    assert sorted((int(r.cell.name), r.seed) for r in trained) == sorted(wanted)


def test_short_trainings_wait_for_a_process_that_has_started() -> None:
    wanted = [(state, seed) for seed in range(4) for state in range(3)]
    _, started = served(wanted, 2, start_s=0.05, train_s=0.001)
    assert started == 3


def test_long_trainings_use_every_slot() -> None:
    wanted = [(0, seed) for seed in range(8)]
    _, started = served(wanted, 2, start_s=0.001, train_s=0.05)
    assert started == 2


@settings(deadline=None, max_examples=40)
@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), max_size=6, unique=True),
        max_size=4,
    ),
    workers=st.integers(1, 3),
    start_s=st.sampled_from([0.0, 0.003]),
    dying=st.frozensets(st.integers(0, 3), max_size=2),
)
@example(
    batches=[[(0, 0), (1, 0)], [(1, 1)], [(0, 1)]], workers=2, start_s=0.003, dying=frozenset()
)
def test_a_later_batch_is_trained_too(
    batches: list[list[tuple[int, int]]], workers: int, start_s: float, dying: frozenset[int]
) -> None:
    """Also one of fewer seeds than slots, whose process is in any of these."""
    suite = SimpleNamespace(tests=[], cache_place=None)
    test = SimpleNamespace(node_ids={seed: f"test[seed{seed}]" for seed in range(8)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Slot,
            "_new",
            lambda self, state: FakeCompanion(start_s, 0.0, int(state.name) in dying),
        )
        patch.setattr(trainer_module, "trained_seed", lambda request, answer: answer)
        patch.setattr(Trainer, "_keep", lambda self, seed: None)
        trainer = Trainer(cast("Any", suite), workers=workers, use_cache=False)
        trainer._tests = cast("Any", {"test": test})
        for batch in batches:
            requests = [SeedRequest(cell(state), "test", seed) for state, seed in batch]
            assert len(trainer.train(requests)) == len(batch)
