"""A green verdict is evidence: what acceptance implies, whatever the samples are."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlregress.looks import default_looks
from pytest_mlregress.statistics.early_stop import plan_check

MARGINS = st.sampled_from(["auto", 0.25, 1.0, 3.0])
ALPHAS = st.sampled_from([0.05, 0.005, 0.001])


@st.composite
def values(draw, size, lost=0.0):
    """Seeds of one side: any spread and place, continuous or tied, with outliers and lost ones."""
    scale = draw(st.sampled_from([0.0, 0.1, 1.0, 3.0, 10.0]))
    centre = draw(st.sampled_from([0.0, -0.5, -2.0, -30.0, 2.0]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sample = centre + scale * generator.normal(size=size)
    if draw(st.booleans()):
        sample = np.round(sample)
    for position in draw(st.lists(st.integers(0, size - 1), max_size=3)):
        sample[position] = draw(st.sampled_from([-30.0, -5.0, 5.0, 30.0]))
    if lost and draw(st.floats(0, 1)) < lost:
        sample[draw(st.integers(0, size - 1))] = draw(st.sampled_from([math.nan, math.inf]))
    return sample


def last_of(baseline, candidate, margin, alpha, higher_is_better=True):
    check = plan_check(
        baseline,
        default_looks(candidate.size),
        higher_is_better=higher_is_better,
        margin=margin,
        alpha=alpha,
    )
    return check, check.follow(baseline, candidate)[-1]


@settings(max_examples=250, deadline=None)
@given(
    baseline=values(20, lost=0.2),
    candidate=st.sampled_from([3, 5, 6]).flatmap(lambda n: values(n, lost=0.2)),
    margin=MARGINS,
    alpha=ALPHAS,
    higher_is_better=st.booleans(),
)
def test_acceptance_excludes_the_margin(baseline, candidate, margin, alpha, higher_is_better):
    sign = 1 if higher_is_better else -1
    check, last = last_of(sign * baseline, sign * candidate, margin, alpha, higher_is_better)
    if last.action != "accept":
        return
    seen, finite = candidate[: last.n_seeds], baseline[np.isfinite(baseline)]
    assert last.comparison.p_safe <= last.safety_level
    assert np.isfinite(seen).all()
    for middle in (np.mean, np.median):
        loss = float(middle(finite) - middle(seen))
        assert loss < check.margin or loss <= 1e-12


@pytest.mark.xfail(reason="a studentised test: a lower outlier shrinks its standard error")
def test_a_lower_value_turns_no_other_verdict_into_acceptance():
    # Found by search: about 1 in 25 checks whose p of safety is just above its level.
    baseline = [0.0, 0.3, -0.27, -0.89, -0.45, -0.99, 0.06, 1.34, -0.49, -0.62]
    baseline += [0.49, 0.36, 0.11, -0.93, -0.03, 0.7, -1.34, -0.46, -1.9, -1.29]
    check = plan_check(baseline, (5,), higher_is_better=True, margin=1.0)
    before = check.follow(baseline, [-1.41, -1.43, 0.08, 1.76, -1.1])[-1]
    after = check.follow(baseline, [-1.41, -1.43, 0.08, 0.76, -1.1])[-1]
    assert before.action == "inconclusive"
    assert after.action != "accept"
