"""What a run costs, from what its seeds took when they were recorded."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from judge_cases import baseline_of
from pytest_mlregress.baselines.artifact import Spent
from pytest_mlregress.verdicts.cost import SeedCost, run_cost, seed_cost, time_on


def test_a_seed_takes_the_median_seconds_and_the_largest_memory() -> None:
    artifact = baseline_of({0: 0.9, 1: 0.91, 2: 0.92})
    assert seed_cost(None) is None
    assert seed_cost(artifact) is None
    spent = {
        0: Spent(duration=4.0, peak_memory=10),
        1: Spent(duration=90.0),
        2: Spent(duration=5.0),
    }
    assert seed_cost(replace(artifact, spent=spent)) == SeedCost(seconds=5.0, peak_memory=10)


def test_the_longest_seeds_are_begun_first() -> None:
    assert time_on([1.0, 1.0, 2.0], 2) == 2.0
    assert time_on([1.0, 1.0, 2.0], 8) == 2.0
    assert time_on([], 8) == 0.0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.integers(1, 40))
def test_no_worker_idles_while_seeds_wait(durations: list[float], workers: int) -> None:
    found = time_on(durations, workers)
    total, longest = sum(durations), max(durations)
    assert max(total / workers, longest) <= found * (1 + 1e-9) + 1e-9
    assert found <= total / workers + longest + 1e-6


def test_a_run_counts_the_memory_of_all_workers_and_the_tests_that_it_does_not_know() -> None:
    large, small = SeedCost(60.0, 3 * 10**9), SeedCost(10.0, 10**9)
    cost = run_cost([(2, large), (6, small), (5, None)], workers=4)
    assert cost is not None
    assert (cost.seconds, cost.seeds, cost.workers) == (60.0, 8, 4)
    assert (cost.peak_memory, cost.unknown) == (8 * 10**9, 1)
    assert run_cost([(5, None)], workers=4) is None
