"""The order in which seeds begin."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.running.seed_order import planned_order
from pytest_mlregress.running.seed_scheduling import SeedScheduling, dealt
from pytest_mlregress.running.sharding import least_possible

ITEMS = st.lists(st.tuples(st.integers(0, 3), st.none() | st.floats(0.1, 1e4)), max_size=40)


def end_of(order: Sequence[int], seconds: Sequence[float], workers: int) -> float:
    """When workers have ended that take the next item whenever they are free."""
    free = [0.0] * workers
    for index in order:
        heapq.heappush(free, heapq.heappop(free) + seconds[index])
    return max(free)


@given(ITEMS, st.integers(1, 16))
def test_each_item_begins_once_and_no_look_before_an_earlier_one(
    items: list[tuple[int, float | None]], workers: int
) -> None:
    looks = [look for look, _ in items]
    order = planned_order(looks, [seconds for _, seconds in items], workers)
    assert sorted(order) == list(range(len(items)))
    assert [looks[index] for index in order] == sorted(looks)


@given(st.lists(st.floats(1, 100), min_size=1, max_size=40), st.integers(2, 8))
def test_it_ends_as_early_as_the_longest_first(seconds: list[float], workers: int) -> None:
    looks = [0] * len(seconds)
    longest = sorted(range(len(seconds)), key=lambda index: -seconds[index])
    planned = end_of(planned_order(looks, seconds, workers), seconds, workers)
    assert planned <= end_of(longest, seconds, workers) + 1e-6
    assert planned >= least_possible(seconds, workers) - 1e-6


def test_the_plan_is_better_than_the_longest_first() -> None:
    seconds = [3.0, 3.0, 2.0, 2.0, 2.0]
    order = planned_order([0] * 5, seconds, 2)
    assert end_of(order, seconds, 2) == 6
    assert end_of([0, 1, 2, 3, 4], seconds, 2) == 7


def test_unknown_items_keep_their_order() -> None:
    assert planned_order([1, 0, 1, 0], [None, None, 2.0, None], 1) == [1, 3, 2, 0]


def test_xdist_deals_out_pairs_of_a_long_and_a_short_item() -> None:
    assert dealt(range(8), 3) == [0, 5, 1, 4, 2, 3, 6, 7]
    assert dealt(range(5), 3) == [2, 1, 0, 3, 4]
    assert dealt(range(2), 3) == [1, 0]


class Workers(SeedScheduling):
    """A scheduling with workers of which each is dead, or takes what it is given."""

    def __init__(self, items: list[str], dead: list[bool]) -> None:
        option = SimpleNamespace(loadscopereorder=True)
        values = {"tx": ["popen"] * len(dead), "maxschedchunk": None}
        config: Any = SimpleNamespace(
            option=option, getvalue=values.get, getoption=values.get, rootpath=None
        )
        super().__init__(config)
        for number, is_dead in enumerate(dead):
            worker = Mock(shutting_down=False)
            worker.gateway.id = f"gw{number}"
            worker.send_runtest_some.side_effect = BrokenPipeError if is_dead else None
            self.add_node(worker)
            self.add_node_collection(worker, items)


def test_a_worker_that_has_just_died_gets_items_that_others_run_after_it() -> None:
    items = [f"test_a.py::test_one[seed{seed}]" for seed in range(6)]
    scheduling = Workers(items, dead=[False, True])
    scheduling.schedule()
    alive, dead = scheduling.nodes
    bound = list(scheduling.node2pending[dead])
    assert len(bound) == 2
    assert scheduling.remove_node(dead) == items[bound[0]]
    left = [*scheduling.node2pending[alive], *scheduling.pending]
    assert sorted(left) == sorted(set(range(6)) - {bound[0]})
