"""identical: bit-equality of the first two matched seeds."""

import math

import pytest

from pytest_mlregress.statistics import identical

BASELINE = {
    0: {"accuracy": 0.9, "loss": 0.3},
    1: {"accuracy": 0.9, "loss": 0.4},
    2: {"accuracy": 0.8, "loss": 0.5},
}


def test_the_first_two_matched_seeds_decide():
    assert identical(BASELINE, {0: BASELINE[0], 1: BASELINE[1]})
    assert identical(BASELINE, {5: {}, 2: BASELINE[2], 1: BASELINE[1]})
    assert identical(BASELINE, {**BASELINE, 2: {"accuracy": 0.1, "loss": 9.0}})


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
    assert not identical(BASELINE, candidate)


def test_a_constant_training_proves_nothing():
    constant = {0: {"accuracy": 1.0}, 1: {"accuracy": 1.0}}
    assert not identical(constant, constant)
    assert not identical({0: {}, 1: {}}, {0: {}, 1: {}})


def test_bits_not_values_are_compared():
    nan = {0: {"loss": math.nan}, 1: {"loss": 1.0}}
    assert identical(nan, {0: {"loss": math.nan}, 1: {"loss": 1.0}})
    zero = {0: {"loss": 0.0}, 1: {"loss": 1.0}}
    assert not identical(zero, {0: {"loss": -0.0}, 1: {"loss": 1.0}})
