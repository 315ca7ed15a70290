"""The figures of a metric agree with each other as they are printed."""

from decimal import Decimal

import pytest
import verdict_cases as cases
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pytest_mlregress.reporting import metric_text
from pytest_mlregress.reporting.metric_text import difference_with_interval, means

SAMPLES = st.lists(
    st.floats(0.1, 0.99) | st.floats(-300, 300) | st.integers(0, 360).map(lambda n: n / 360),
    min_size=3,
    max_size=7,
)


def decimals(text: str) -> int:
    return max(0, -Decimal(text).as_tuple().exponent)


@settings(max_examples=60)
@given(SAMPLES, SAMPLES)
@example([0.89905, 0.89915, 0.89909], [0.81394, 0.81393, 0.81396])
def test_the_printed_difference_is_that_of_the_printed_means(baseline, candidate):
    metric = cases.judged(
        baseline=dict(enumerate(baseline)), candidate=dict(enumerate(candidate)), margin="auto"
    )
    before, now = means(metric).split(" -> ")
    difference, interval = difference_with_interval(metric).split(" ", maxsplit=1)
    low, high = interval.strip("[]").split(", ")

    assert Decimal(low) <= Decimal(difference) <= Decimal(high)
    assume(decimals(difference) <= decimals(before))
    assert Decimal(now) - Decimal(before) == Decimal(difference)


def test_a_difference_that_rounds_to_another_last_digit_follows_the_means():
    metric = cases.judged(
        baseline={0: 0.89914, 1: 0.89915, 2: 0.89913, 3: 0.89914},
        candidate={0: 0.81386, 1: 0.81387, 2: 0.81385, 3: 0.81386},
    )

    assert means(metric) == "0.8991 -> 0.8139"
    assert difference_with_interval(metric).startswith("-0.0852 [")


@pytest.mark.parametrize(
    ("level", "text"),
    [(0.96, "96 %"), (0.998, "99.8 %"), (0.99996, "99.996 %"), (1.0, "100 %")],
)
def test_a_level_is_never_rounded_to_certainty(
    monkeypatch: pytest.MonkeyPatch, level: float, text: str
) -> None:
    monkeypatch.setattr(metric_text, "shown_interval", lambda _: (-0.2, 0.1, level))
    assert metric_text.level_text(cases.judged()) == text
