"""identical: bit-equality of the first matched seeds, and how many of them prove anything."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.statistics import identical, seeds_to_match

BASELINE = {
    0: {"accuracy": 0.9, "loss": 0.3},
    1: {"accuracy": 0.9, "loss": 0.4},
    2: {"accuracy": 0.8, "loss": 0.5},
}


def test_the_first_matched_seeds_decide():
    assert identical(BASELINE, {0: BASELINE[0], 1: BASELINE[1]}, seeds=2)
    assert identical(BASELINE, {5: {}, 2: BASELINE[2], 1: BASELINE[1]}, seeds=2)
    moved = {**BASELINE, 2: {"accuracy": 0.1, "loss": 9.0}}
    assert identical(BASELINE, moved, seeds=2)
    assert not identical(BASELINE, moved, seeds=3)
    assert identical(BASELINE, BASELINE, seeds=3)


@pytest.mark.parametrize(
    "candidate",
    [
        {0: BASELINE[0]},
        {0: BASELINE[0], 7: BASELINE[1]},
        {0: BASELINE[0], 1: {"accuracy": 0.9, "loss": math.nextafter(0.4, 1)}},
        {0: BASELINE[0], 1: {"accuracy": 0.9}},
        {0: BASELINE[0], 1: {**BASELINE[1], "f1": 0.5}},
        {0: BASELINE[1], 1: BASELINE[0]},
    ],
    ids=["one seed", "one matched", "last bit", "metric missing", "metric new", "swapped"],
)
def test_anything_less_is_not_identical(candidate):
    assert not identical(BASELINE, candidate, seeds=2)


def test_a_constant_training_proves_nothing():
    constant = {0: {"accuracy": 1.0}, 1: {"accuracy": 1.0}}
    assert not identical(constant, constant, seeds=2)
    assert not identical({0: {}, 1: {}}, {0: {}, 1: {}}, seeds=2)


def test_one_seed_proves_nothing():
    assert not identical(BASELINE, BASELINE, seeds=1)
    assert seeds_to_match(BASELINE, planned=1) == 2


def test_equal_first_seeds_are_no_constant_where_a_later_one_differs():
    accuracies = {seed: {"accuracy": BASELINE[seed]["accuracy"]} for seed in BASELINE}
    assert not identical(accuracies, accuracies, seeds=2)
    assert identical(accuracies, accuracies, seeds=3)


def test_bits_not_values_are_compared():
    nan = {0: {"loss": math.nan}, 1: {"loss": 1.0}}
    assert identical(nan, {0: {"loss": math.nan}, 1: {"loss": 1.0}}, seeds=2)
    zero = {0: {"loss": 0.0}, 1: {"loss": 1.0}}
    assert not identical(zero, {0: {"loss": -0.0}, 1: {"loss": 1.0}}, seeds=2)


def of(values):
    return {seed: {"accuracy": value} for seed, value in enumerate(values)}


def test_a_metric_whose_values_all_differ_needs_two_seeds():
    # r = 1 / 191, and r^2 is far below 1 in 1,000.
    assert seeds_to_match(of([seed / 7 for seed in range(20)]), planned=11) == 2


def test_a_coarse_metric_needs_more_by_hand():
    # Two values, ten times each: 90 of 190 pairs are tied, r = 91 / 191, r^9 = .0013, r^10 = .0006.
    halves = of([0.9, 0.95] * 10)
    assert seeds_to_match(halves, planned=20) == 10
    assert seeds_to_match(halves, planned=5) == 5


def test_seeds_that_are_all_equal_need_every_one_of_the_check():
    assert seeds_to_match(of([0.9] * 20), planned=11) == 11
    assert seeds_to_match(of([0.9]), planned=4) == 4


def test_a_metric_that_follows_from_another_proves_nothing_more():
    coarse = [0.9, 0.9, 0.95, 0.95, 1.0] * 4
    alone = of(coarse)
    both = {seed: {"accuracy": value, "error": 1 - value} for seed, value in enumerate(coarse)}
    assert seeds_to_match(both, planned=20) == seeds_to_match(alone, planned=20) > 2
    fine = {seed: {**alone[seed], "loss": seed / 7} for seed in alone}
    assert seeds_to_match(fine, planned=20) == 2


@given(st.lists(st.integers(0, 4), min_size=1, max_size=25), st.integers(2, 30))
def test_the_seeds_asked_for_tie_by_chance_once_in_a_thousand(values, planned):
    k = seeds_to_match(of(map(float, values)), planned=planned)
    pairs = math.comb(len(values), 2)
    tied = sum(math.comb(values.count(level), 2) for level in set(values))
    rate = (tied + 1) / (pairs + 1)
    assert 2 <= k <= max(2, planned)
    assert rate**k <= 1.001e-3 or k == planned
    assert k == 2 or rate ** (k - 1) > 0.999e-3
