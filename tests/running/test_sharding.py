"""Seeds are split by what they took: each to one shard, the same in every job, evenly."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.running.sharding import (
    SeedOfTest,
    expected_durations,
    least_possible,
    shards_of,
)

DURATIONS = st.none() | st.floats(0.001, 10_000)
SEEDS = st.builds(
    SeedOfTest, st.sampled_from("abcd"), st.sampled_from(["default", "full"]), st.integers(0, 30)
)
SUITES = st.dictionaries(SEEDS, DURATIONS, max_size=60)


@given(SUITES, st.integers(1, 8), st.randoms(use_true_random=False))
def test_every_seed_is_in_one_shard_whatever_the_order_of_collection(suite, count, random) -> None:
    split = shards_of(suite, count)
    assert split.keys() == suite.keys()
    assert set(split.values()) <= set(range(1, count + 1))
    shuffled = list(suite.items())
    random.shuffle(shuffled)
    assert shards_of(dict(shuffled), count) == split


@given(SUITES, st.integers(1, 8))
def test_no_shard_is_longer_than_the_mean_and_one_seed(suite, count) -> None:
    """Graham's bound for the longest first: 4/3 - 1/(3 N) of the best split."""
    split = shards_of(suite, count)
    durations = {seed: Fraction(took) for seed, took in expected_durations(suite).items()}
    loads = [sum(durations[s] for s in split if split[s] == k) for k in range(1, count + 1)]
    longest = max(durations.values(), default=Fraction(0))
    mean = Fraction(sum(durations.values())) / count
    assert float(max(loads)) <= float(mean + longest) * (1 + 1e-9)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=7), st.integers(1, 3))
def test_no_split_is_below_the_bound_and_ours_is_near_the_best(durations, count) -> None:
    splits = product(range(count), repeat=len(durations))
    best = min(
        max(sum(took for took, at in zip(durations, split, strict=True) if at == k)
            for k in range(count))
        for split in splits
    )  # fmt: skip
    suite = {SeedOfTest("a", "default", seed): took for seed, took in enumerate(durations)}
    ours = longest_shard(suite, count)
    assert least_possible(durations, count) <= best * (1 + 1e-12)
    assert best <= ours <= best * 7 / 6


def longest_shard(suite: dict[SeedOfTest, float], count: int) -> float:
    split = shards_of(suite, count)
    return max(math.fsum(suite[s] for s in split if split[s] == k) for k in range(1, count + 1))


@pytest.mark.parametrize(
    ("durations", "count", "best"),
    [
        ((5, 5, 4, 4, 3, 3, 3), 3, 9),  # the longest first: 11
        ((3, 3, 2, 2, 2), 2, 6),  # the longest first: 7
        ((1.02, 1.0, 0.99), 2, 1.99),  # three seeds cannot be even: two share a shard
        ((9, 1, 1), 2, 9),
    ],
)
def test_where_the_longest_first_is_uneven_seeds_are_swapped(durations, count, best) -> None:
    suite = {SeedOfTest("a", "default", seed): took for seed, took in enumerate(durations)}
    assert longest_shard(suite, count) == pytest.approx(best)
    assert least_possible(durations, count) == pytest.approx(best)


def test_an_unknown_seed_takes_the_median_of_its_test_or_of_the_suite() -> None:
    known = {SeedOfTest("a", "default", seed): took for seed, took in enumerate([1.0, 2.0, 9.0])}
    unknown = {SeedOfTest("a", "default", 3): None, SeedOfTest("b", "default", 0): None}
    other = {SeedOfTest("c", "default", 0): 5.0}
    found = expected_durations(known | unknown | other)
    assert found[SeedOfTest("a", "default", 3)] == 2.0
    assert found[SeedOfTest("b", "default", 0)] == 3.5


def test_a_suite_that_was_never_timed_is_split_by_number() -> None:
    suite = {SeedOfTest("a", "default", seed): None for seed in range(10)}
    counts = list(shards_of(suite, 4).values())
    assert sorted(counts.count(number) for number in range(1, 5)) == [2, 2, 3, 3]
    assert math.isfinite(sum(expected_durations(suite).values()))


@pytest.mark.parametrize("rest", [0.0, 5e-324])
def test_seeds_that_take_no_time_are_split_by_number(rest) -> None:
    suite = {SeedOfTest("a", "default", seed): rest for seed in range(5)}
    counts = list(shards_of(suite, 2).values())
    assert sorted(counts.count(number) for number in (1, 2)) == [2, 3]
