"""The root finder against scipy's."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import ndtr

from pytest_mlregress.statistics.roots import find_root

FUNCTIONS = {
    "cubic": lambda x: x**3 - 2 * x - 5,
    "flat": lambda x: x**9,
    "flat until it underflows": lambda x: x**31,
    "stairs": lambda x: round(2 * x) / 2 + 0.1,
    "normal": lambda x: float(ndtr(x)) - 0.3,
    "steep": lambda x: math.atan(1e6 * (x - 0.1)),
    "step": lambda x: -1.0 if x < 0.37 else 1.0,
    "waves": lambda x: math.sin(5 * x) + 0.2 * x,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@given(
    low=st.floats(-50, 50),
    high=st.floats(-50, 50),
    absolute=st.sampled_from([2e-12, 1e-9, 1e-4, 0.1]),
    relative=st.sampled_from([4 * 2.0**-52, 1e-9]),
)
def test_it_is_scipys_bit_for_bit(name, low, high, absolute, relative):
    function = FUNCTIONS[name]
    try:
        expected = brentq(function, low, high, xtol=absolute, rtol=relative, maxiter=1000)
    except ValueError:
        with pytest.raises(ValueError, match="the function has one sign at both ends"):
            find_root(function, low, high, absolute=absolute, relative=relative)
        return
    found = find_root(function, low, high, absolute=absolute, relative=relative, most_steps=1000)
    assert found == expected


def test_an_end_may_be_the_root():
    assert find_root(lambda x: x - 1.0, 1.0, 2.0) == 1.0
    assert find_root(lambda x: x - 2.0, 1.0, 2.0) == 2.0


def test_too_few_steps_are_an_error():
    with pytest.raises(RuntimeError, match=r"^no root was found between 0 and 1 in 2 steps$"):
        find_root(lambda x: x**9 - 0.3, 0, 1, most_steps=2)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: math.nan if x > 0 else -1.0,
        lambda x: math.nan if x < 0 else 1.0,
        lambda x: math.nan if abs(x) < 0.5 else x,
    ],
    ids=["above", "below", "between"],
)
def test_a_value_that_is_none_is_an_error(function):
    with pytest.raises(ValueError, match=r"^the function is NaN at "):
        find_root(function, -1.0, 1.2)
