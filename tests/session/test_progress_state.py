"""How long a run will take, by what its seeds took before and by what they take now."""

from dataclasses import replace
from typing import Any

import pytest

from judge_cases import baseline_of
from pytest_mlregress.baselines.artifact import Artifact, Spent
from pytest_mlregress.running.progress_channel import CollectedTest, SeedProgress
from pytest_mlregress.session.progress import state
from pytest_mlregress.session.progress.state import RunState

SEEDS = (0, 1, 2, 3)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(state.time, "monotonic", lambda: now[0])
    return now


def baseline(seconds: float) -> Artifact:
    artifact = baseline_of({0: 0.9, 1: 0.9, 2: 0.9})
    spent = {seed: Spent(duration=seconds) for seed in range(3)}
    return replace(artifact, spent=spent)


def payload(test: str, seed: int, duration: float, value: float = 0.89) -> dict[str, Any]:
    metric = {"name": "accuracy", "value": value, "higher_is_better": True, "margin": 0.01}
    metric |= {"version": 1, "resolution": None}
    return {
        "test": test,
        "seed": seed,
        "selected": list(SEEDS),
        "spent": {"duration": duration},
        "result": {"metrics": [metric]},
    }


def train(state: RunState, clock: list[float], test: str, seed: int, duration: float) -> None:
    node_id = f"{test}[seed{seed}]"
    state.started(node_id)
    clock[0] += duration
    state.reported(node_id, payload(test, seed, duration), "teardown")
    state.ended(node_id)


def collected(*tests: str, first_look: int = 0) -> list[CollectedTest]:
    return [CollectedTest(test, "t.py", "default", SEEDS, first_look) for test in tests]


def test_without_any_record_nothing_is_promised(clock: list[float]) -> None:
    state = RunState(workers=1)
    state.collected(collected("a", "b"), {})
    assert (state.view().done, state.view().total, state.view().left) == (0, 8, None)
    train(state, clock, "a", 0, 2.0)
    assert state.view().left == pytest.approx(7 * 2.0)  # the other test may take as long


def test_recorded_durations_are_scaled_to_this_machine(clock: list[float]) -> None:
    state = RunState(workers=2)
    state.collected(collected("a", "b"), {"a": baseline(10.0), "b": baseline(30.0)})
    assert state.view().left == pytest.approx(80.0)
    train(state, clock, "a", 0, 5.0)  # twice as fast as when it was recorded
    assert state.view().left == pytest.approx((3 * 5.0 + 4 * 15.0) / 2, abs=5.0)


def test_a_test_with_a_verdict_needs_no_more_time(clock: list[float]) -> None:
    state = RunState(workers=1)
    state.collected(collected("a", "b"), {"a": baseline(10.0), "b": baseline(10.0)})
    train(state, clock, "a", 0, 10.0)
    state.decided("a")
    view = state.view()
    assert view.left == pytest.approx(40.0)
    assert view.tests == ()


def test_an_update_is_expected_to_end_with_its_first_look(clock: list[float]) -> None:
    state = RunState(workers=1)
    state.collected(collected("a", first_look=2), {"a": baseline(10.0)})
    assert state.view().left == pytest.approx(20.0)


def test_both_sides_of_a_comparison_count(clock: list[float]) -> None:
    state = RunState(workers=1, sides=2)
    state.collected(collected("a"), {"a": baseline(10.0)})
    assert state.view().total == 8
    assert state.view().left == pytest.approx(80.0)
    train(state, clock, "a", 0, 10.0)
    of_base = payload("a", 0, 10.0) | {"candidate": "a[seed0]"}
    state.reported("a[seed0-base]", of_base, "teardown")
    state.ended("a[seed0-base]")
    assert state.view().done == 2
    assert state.view().left == pytest.approx(60.0)


def test_each_worker_and_each_undecided_test_has_a_line(clock: list[float]) -> None:
    state = RunState(workers=2)
    state.collected(collected("t.py::a"), {"t.py::a": baseline(10.0)})
    train(state, clock, "t.py::a", 0, 10.0)
    state.started("t.py::a[seed1]")
    clock[0] += 4.0
    now = SeedProgress("gw1", "t.py::a[seed1]", "t.py::a", 1, 0.0, 7, {"loss": 0.5})
    over = SeedProgress("gw0", "t.py::a[seed0]", "t.py::a", 0, 0.0, 9, {"loss": 0.1})
    view = state.view([over, now])
    (worker,) = view.workers
    assert (worker.worker, worker.name, worker.seed, worker.step) == ("gw1", "a", "seed 1", 7)
    assert (worker.elapsed, worker.left) == (4.0, pytest.approx(6.0))
    (test,) = view.tests
    assert (test.done, test.total) == (1, 4)
    (estimate,) = test.estimates
    assert estimate.difference == pytest.approx(-0.01)
    assert estimate.margin == 0.01


def test_beside_a_base_the_difference_is_that_of_pairs(clock: list[float]) -> None:
    state = RunState(workers=1, sides=2)
    state.collected(collected("t.py::a"), {"t.py::a": baseline(10.0)})
    train(state, clock, "t.py::a", 0, 1.0)
    (test,) = state.view().tests
    assert test.estimates == ()  # nothing to compare with yet, and a baseline is not the base
    node_id = "t.py::a[seed0-base]"
    of_base = payload("t.py::a", 0, 1.0, value=0.87) | {"candidate": "t.py::a[seed0]"}
    state.reported(node_id, of_base, "teardown")
    state.ended(node_id)
    train(state, clock, "t.py::a", 1, 1.0)
    (test,) = state.view().tests
    (estimate,) = test.estimates
    assert estimate.difference == pytest.approx(0.02)
    assert estimate.margin == 0.01


@pytest.mark.parametrize("workers", [1, 2])
def test_seeds_that_take_longer_than_recorded_raise_the_estimate(
    clock: list[float], workers: int
) -> None:
    state = RunState(workers)
    state.collected(collected("a", "b"), {"a": baseline(0.1), "b": baseline(0.2)})
    for seed in range(workers):
        node_id = f"a[seed{seed}]"
        state.started(node_id)
        state.reported(node_id, payload("a", seed, 0.0), "setup")
    clock[0] += 1.5  # 15 times as long, and nothing has ended
    left = state.view().left
    assert left is not None
    assert left >= ((4 - workers) * 1.5 + 4 * 3.0) / workers


def test_one_slow_seed_counts_as_one_of_its_test(clock: list[float]) -> None:
    state = RunState(workers=1)
    state.collected(collected("a"), {"a": baseline(10.0)})
    train(state, clock, "a", 0, 10.0)
    state.started("a[seed1]")
    clock[0] += 30.0
    assert state.view().left == pytest.approx(2 * 20.0 + 3.0)


def test_a_seed_whose_function_has_ended_is_ending(clock: list[float]) -> None:
    state = RunState(workers=1)
    state.collected(collected("a"), {"a": baseline(10.0)})
    logged = [SeedProgress("gw0", "a[seed0]", "a", 0, 0.0, 9)]
    state.started("a[seed0]")
    clock[0] += 9.0
    assert [one.ending for one in state.view(logged).workers] == [False]
    state.reported("a[seed0]", payload("a", 0, 9.0), "call")
    assert [one.ending for one in state.view(logged).workers] == [True]
