"""What linked seeds add to a check: their looks, levels and margin, and what they show."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlregress.statistics.early_stop import plan_check
from pytest_mlregress.statistics.linked_check import (
    detectable_linked,
    linked_looks,
    linked_margin_sd,
    plan_linked_check,
)
from pytest_mlregress.statistics.sign_flip import sign_flip_test, smallest_flip_p

BASELINE = dict(enumerate(np.random.default_rng(3).normal(size=20).tolist()))
NOISE = np.random.default_rng(4).normal(size=20).tolist()


def planned(looks=(3, 5), *, margin="auto", alpha=0.05, rho=0.95, **more):
    check = plan_check(
        tuple(BASELINE.values()), looks, higher_is_better=True, margin=margin, alpha=0.9 * alpha
    )
    how = {"theta": 0.95, "alpha": 0.1 * alpha, "rho": rho} | more
    return plan_linked_check(BASELINE, check, **how)


def lost(loss, n, noise=0.05):
    return {seed: BASELINE[seed] - loss + noise * NOISE[seed] for seed in range(n)}


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True).map(sorted),
    st.floats(1e-5, 0.1),
    st.booleans(),
)
def test_levels_never_exceed_the_share(looks, alpha, skewed):
    found = linked_looks(looks, n_baseline=20, alpha=alpha, skewed=skewed)
    assert sum(look.level for look in found) <= alpha * (1 + 1e-9)
    for look in found:
        assert look.n_seeds >= 5 or look.n_seeds == looks[-1]
        assert not look.exact or smallest_flip_p(look.n_seeds) <= look.level
        assert look.exact or not skewed


def test_looks_of_fewer_than_5_seeds_are_left_to_the_unpaired_test():
    assert [look.n_seeds for look in planned((3, 6, 11)).looks] == [6, 11]
    assert [look.n_seeds for look in planned((3, 5)).looks] == [5]
    assert [look.n_seeds for look in planned((2, 4)).looks] == [4]


def test_many_seeds_flip_signs_where_their_p_values_are_small_enough():
    (six, eleven) = linked_looks((3, 6, 11), n_baseline=20, alpha=0.005, skewed=False)
    assert (six.exact, eleven.exact) == (False, True)
    (_, eleven) = linked_looks((3, 6, 11), n_baseline=20, alpha=0.0005, skewed=False)
    assert not eleven.exact  # 1 / 2048 is above its level
    (only,) = linked_looks((3, 6, 11), n_baseline=20, alpha=0.005, skewed=True)
    assert (only.n_seeds, only.exact) == (11, True)
    assert linked_looks((3, 5), n_baseline=20, alpha=0.005, skewed=True) == ()


def test_a_loss_beyond_its_own_margin_is_red():
    linked = planned(rho=0.99)
    evidence = linked.at(BASELINE, lost(0.8, 5))
    assert evidence.red
    assert evidence.loss == pytest.approx(0.8, abs=0.1)
    assert evidence.comparison.p_harm <= evidence.level == pytest.approx(0.005)


def test_a_real_loss_below_the_margin_is_shown_and_not_red():
    linked = planned(rho=0.99)
    evidence = linked.at(BASELINE, lost(0.15, 5, noise=0.01))
    assert evidence.shown
    assert not evidence.red
    fixed = planned(margin=2.0).at(BASELINE, lost(0.8, 5))
    assert fixed.shown
    assert not fixed.red


def test_an_unchanged_or_better_candidate_shows_nothing():
    linked = planned()
    assert not linked.at(BASELINE, lost(0.0, 5)).shown
    assert not linked.at(BASELINE, lost(-1.0, 5)).shown


def test_what_cannot_be_linked_is_no_evidence():
    linked = planned()
    assert linked.at(BASELINE, lost(1.0, 3)) is None
    assert linked.at(BASELINE, lost(1.0, 4) | {99: 0.0}) is None
    assert linked.at(BASELINE, lost(1.0, 4) | {4: math.nan}) is None


def test_the_margin_is_that_of_the_earlier_correlation():
    unpaired = plan_check(tuple(BASELINE.values()), (3, 5), higher_is_better=True, alpha=0.045)
    weak, strong = planned(rho=0.6), planned(rho=0.99, theta=0.99)
    assert strong.margin < weak.margin <= unpaired.margin
    assert planned(rho=math.nan, theta=1.0).margin == unpaired.margin
    assert planned(margin=0.3).margin == 0.3
    assert planned(rho=0.99, theta=0.99, resolution=unpaired.margin / 2).fixed_margin


def test_no_margin_is_below_what_the_baseline_knows_of_its_mean():
    (_, look) = linked_looks((6, 20), n_baseline=20, alpha=0.005, skewed=False)
    assert detectable_linked(look, n_baseline=20, theta=1.0, rho=1.0) == 0.0
    assert linked_margin_sd(look, n_baseline=20, theta=1.0, rho=1.0) == 1 / math.sqrt(20)


def test_a_run_effect_widens_the_exact_look_and_leaves_it_its_power():
    check = plan_check(
        tuple(BASELINE.values()), (6, 11), higher_is_better=True, alpha=0.0225, run_effect=0.3
    )
    found = plan_linked_check(BASELINE, check, alpha=0.005, theta=0.95, rho=0.95)
    assert found.looks[-1].exact
    small, large = (found.at(BASELINE, lost(loss, 11)) for loss in (0.4, 30.0))
    assert not small.shown
    assert large.red
    assert large.comparison.p_harm == pytest.approx(smallest_flip_p(11))


def test_a_constant_or_broken_baseline_is_not_linked():
    check = plan_check([1.0] * 20, (3, 5), higher_is_better=True, margin=0.1)
    how = {"alpha": 0.005, "theta": 1.0, "rho": 0.9}
    assert plan_linked_check(dict.fromkeys(range(20), 1.0), check, **how) is None
    assert plan_linked_check(BASELINE | {7: math.nan}, check, **how) is None


@settings(max_examples=30)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=8))
def test_flipped_signs_by_enumeration(differences):
    tails = sign_flip_test(np.array(differences, dtype=float))
    sums = [sum(s * d for s, d in zip(signs, differences, strict=True))
            for signs in product((1, -1), repeat=len(differences))]  # fmt: skip
    observed = sum(differences)
    assert tails.less == sum(value <= observed for value in sums) / len(sums)
    assert tails.greater == sum(value >= observed for value in sums) / len(sums)


def test_drawn_signs_agree_with_the_normal_approximation():
    differences = np.random.default_rng(9).normal(-0.3, 1.0, size=60)
    z = differences.sum() / math.sqrt((differences**2).sum())
    expected = 0.5 * math.erfc(-z / math.sqrt(2))
    assert sign_flip_test(differences).less == pytest.approx(expected, abs=0.005)
    assert sign_flip_test(-np.ones(40)).less == 1 / 200_001 == smallest_flip_p(40)


@pytest.mark.parametrize("rho", [0.0, 0.7, 0.95])
def test_the_t_test_of_few_pairs_keeps_its_level(rho):
    generator = np.random.default_rng(round(100 * rho))
    shown = 0
    for _ in range(1500):
        baseline = generator.normal(size=20)
        candidate = rho * baseline[:5] + math.sqrt(1 - rho**2) * generator.normal(size=5)
        check = plan_check(baseline, (3, 5), higher_is_better=True, margin=1.5, alpha=0.05)
        by_seed = dict(enumerate(baseline.tolist()))
        linked = plan_linked_check(by_seed, check, alpha=0.02, theta=0.9, rho=0.9)
        shown += linked.at(by_seed, dict(enumerate(candidate.tolist()))).shown
    assert shown / 1500 <= 0.02 + 3 * math.sqrt(0.02 * 0.98 / 1500)
