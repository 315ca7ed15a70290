"""One level for a whole suite, and q-values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from pytest_mlregress.statistics import comparison_alpha, q_values

probabilities = st.lists(
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 1.0])), min_size=1, max_size=20
)


def test_each_comparison_gets_its_share():
    assert comparison_alpha(0.05, 50) == 0.001
    with pytest.raises(ValueError, match="n_comparisons=0; allowed is at least 1"):
        comparison_alpha(0.05, 0)
    with pytest.raises(ValueError, match=r"alpha=1\.0 is not a probability"):
        comparison_alpha(1.0, 3)


def test_q_values_by_hand():
    assert q_values([0.02, 0.01, 0.9]) == pytest.approx((0.03, 0.03, 0.9))
    assert q_values([]) == ()


@given(probabilities)
def test_q_values_equal_scipy_and_statsmodels(pvalues):
    ours = q_values(pvalues)
    np.testing.assert_allclose(ours, stats.false_discovery_control(pvalues), rtol=1e-9)
    np.testing.assert_allclose(ours, multipletests(pvalues, method="fdr_bh")[1], rtol=1e-9)
    assert all(type(q) is float for q in ours)


@pytest.mark.parametrize("bad", [math.nan, -0.1, 1.1])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(ValueError, match=r"pvalues must lie in \[0, 1\]"):
        q_values([0.1, bad])
