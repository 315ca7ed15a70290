"""Numbers are short, but never so short that two values look like one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.reporting.number_format import number, numbers, seconds


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.9312, 0.8874], ("0.931", "0.887")),
        ([0.93121, 0.93123], ("0.93121", "0.93123")),
        ([0.93, 0.93], ("0.93", "0.93")),
        ([0.99, 1.0], ("0.99", "1.00")),
        ([100.0, 98.0], ("100", "98")),
        ([0.1 + 0.2, 0.3], ("0.30000000000000004", "0.29999999999999999")),
        ([1.0, 1e-9], ("1", "1e-09")),
        ([12345678.0], ("1.23e+07",)),
        ([0.0], ("0",)),
        ([-0.0, 0.0], ("0", "0")),
        ([-1e-12], ("-1e-12",)),
        ([math.nan, math.inf, -math.inf, 0.5], ("nan", "inf", "-inf", "0.5")),
        ([], ()),
    ],
)
def test_values_that_are_read_together_share_their_decimals(values, texts):
    assert numbers(values) == texts


def test_values_of_their_own_precision_are_still_told_apart():
    assert numbers([0.00033, 0.01], digits=2, aligned=False) == ("0.00033", "0.01")
    assert numbers([0.0496, 0.05], digits=2, aligned=False) == ("0.0496", "0.05")


def test_signs_are_written_on_request_but_never_on_zero():
    assert numbers([0.5, -0.25, 0.0], signed=True) == ("+0.50", "-0.25", "0.00")
    assert number(-0.0, signed=True) == "0"


@given(st.lists(st.floats(), max_size=8), st.integers(1, 6), st.booleans(), st.booleans())
def test_different_values_never_look_equal(values, digits, signed, aligned):
    texts = numbers(values, digits=digits, signed=signed, aligned=aligned)
    by_text = dict(zip(texts, values, strict=True))
    for text, value in zip(texts, values, strict=True):
        assert by_text[text] == value or math.isnan(value)
        assert not (float(text) == 0 and (value != 0 or text.startswith(("-", "+"))))


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0.0, "0 s"),
        (0.42, "0.42 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200.0, "3 min 20 s"),
        (7500.0, "2 h 5 min"),
    ],
)
def test_durations(duration, text):
    assert seconds(duration) == text


@given(
    st.lists(st.floats(1e-4, 1e6) | st.floats(-1e6, -1e-4), min_size=1, max_size=6),
    st.integers(1, 6),
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(1, 4),
)
def test_a_text_is_its_value_rounded_once(values, digits, aligned, rounding, figures):
    """So that each report gives a value the same last digit, whatever it stands beside."""
    texts = numbers(values, digits=digits, aligned=aligned, rounding=rounding, figures=figures)
    for value, text in zip(values, texts, strict=True):
        if "e" in text or float(text) == 0:
            continue
        decimals = len(text.partition(".")[2])
        assert float(text) == float(f"{value:.{decimals}f}")


def test_a_value_near_a_tie_has_the_same_last_digit_with_and_without_rounding():
    assert numbers([0.893350001], digits=4) == ("0.8934",)
    assert numbers([0.893350001], digits=4, rounding=True) == ("0.8934",)
