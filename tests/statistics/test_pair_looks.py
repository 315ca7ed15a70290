"""The verdict on live pairs, look by look, and how many pairs it takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.statistics.live_pairs import detectable_sd, plan_live_pairs
from pytest_mlregress.statistics.pair_design import pair_design, pair_looks
from pytest_mlregress.statistics.pairs_needed import pairs_for_level, pairs_needed, shown_by


@pytest.mark.parametrize(
    ("n", "looks"),
    [
        (1, (1,)),
        (2, (2,)),
        (3, (2, 3)),
        (5, (2, 3, 5)),
        (6, (2, 3, 5, 6)),
        (13, (2, 3, 5, 8, 13)),
        (30, (2, 3, 5, 8, 13, 21, 30)),
    ],
)
def test_the_looks(n: int, looks: tuple[int, ...]) -> None:
    assert pair_looks(n) == looks


def test_no_pair_is_no_comparison() -> None:
    with pytest.raises(ValueError, match="n_pairs is 0; allowed is at least 1 pair"):
        pair_looks(0)


@given(st.integers(1, 60), st.sampled_from([0.05, 0.01, 0.0025, 1e-4]))
def test_a_design_spends_no_more_than_its_level(n: int, alpha: float) -> None:
    design = pair_design(pair_looks(n), alpha)
    assert design.reject[-1] > 0.0
    assert max(design.reject) <= alpha * (1 + 1e-7)
    assert sum(design.reject) > 0.5 * alpha
    assert design.accept[-1] == 0.1
    assert all(
        level == 0.0
        for look, level in zip(design.looks[:-1], design.reject, strict=False)
        if look < 5
    )


def test_three_of_six_pairs_can_pass_at_the_smallest_p_value_of_two_samples() -> None:
    design = pair_design(pair_looks(6), 0.05)
    assert design.accept[:2] == (0.0, pytest.approx(1 / 20))
    assert design.accept[1] >= 1 / 20
    base = np.array([0.90, 0.91, 0.92, 0.93, 0.94, 0.95])
    check = plan_live_pairs(6, higher_is_better=True, margin=0.1)
    end = check.follow(base[:3], base[[1, 2, 0]])[-1]
    assert (end.action, end.n_pairs) == ("accept", 3)


def test_unchanged_pairs_pass_and_a_loss_is_red() -> None:
    base = np.random.default_rng(5).normal(0.9, 0.01, 5)
    check = plan_live_pairs(5, higher_is_better=True)
    same = check.follow(base, base[::-1].copy())[-1]
    assert same.action == "accept"
    lost = check.follow(base, base - 0.05)[-1]
    assert (lost.action, lost.n_pairs) == ("reject", 5)
    assert lost.estimated_loss == pytest.approx(0.05)
    gained = check.follow(base - 0.05, base)[-1]
    assert gained.action == "accept"


def test_a_loss_that_is_lower_is_a_gain() -> None:
    base = np.random.default_rng(5).normal(0.9, 0.01, 5)
    check = plan_live_pairs(5, higher_is_better=False)
    assert check.follow(base, base + 0.05)[-1].action == "reject"
    assert check.follow(base + 0.05, base)[-1].action == "accept"


def test_the_early_pairs_of_linked_seeds_that_all_lost_do_not_pass() -> None:
    base = np.random.default_rng(5).normal(0.9, 0.01, 3)
    check = plan_live_pairs(5, higher_is_better=True)
    assert check.follow(base, base - 0.001)[-1].action == "continue"


def test_a_tiny_loss_of_closely_linked_seeds_is_no_regression() -> None:
    base = np.random.default_rng(5).normal(0.9, 0.01, 8)
    end = plan_live_pairs(8, higher_is_better=True).follow(base, base - 1e-5)[-1]
    assert (end.action, end.harm_shown) == ("accept", True)


@given(
    st.integers(1, 9),
    st.floats(-1e3, 1e3),
    st.floats(0, 1e3),
    st.sampled_from(["auto", 0.1, "1%", "1sd"]),
    st.sampled_from([None, 0.02]),
    st.integers(0, 2**31),
)
def test_all_pairs_always_end_in_a_decision(
    n: int, loss: float, sd: float, margin: float | str, resolution: float | None, seed: int
) -> None:
    base, candidate = np.random.default_rng(seed).normal(0.9, sd, (2, n))
    check = plan_live_pairs(n, higher_is_better=True, margin=margin, resolution=resolution)
    looks = check.follow(base, candidate - loss)
    assert looks[-1].action in ("reject", "accept", "inconclusive")
    assert all(look.action == "continue" for look in looks[:-1])


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_pairs_show_nothing_but_a_failure(n: int) -> None:
    check = plan_live_pairs(n, higher_is_better=True)
    base = np.linspace(0.9, 0.91, n)
    assert check.follow(base, base - 0.8)[-1].action == "inconclusive"
    assert check.follow(base, np.full(n, math.nan))[-1].action == "reject"


def test_a_fixed_margin_decides_whether_a_shown_loss_is_red() -> None:
    base = np.random.default_rng(5).normal(0.9, 0.01, 8)
    small, large = (
        plan_live_pairs(8, higher_is_better=True, margin=margin).follow(base, base - 0.01)[-1]
        for margin in (0.005, 0.05)
    )
    assert small.action == "reject"
    assert (large.action, large.harm_shown) == ("accept", True)


def test_a_failed_candidate_seed_diverges_and_a_failed_base_seed_does_not() -> None:
    base = np.random.default_rng(5).normal(0.9, 0.01, 5)
    lost = base.copy()
    lost[1] = math.nan
    check = plan_live_pairs(5, higher_is_better=True)
    assert check.follow(base, lost)[-1].comparison.verdict == "diverged"
    assert check.follow(lost, base)[-1].action != "reject"


def test_a_classical_test_takes_all_pairs_at_once() -> None:
    base = np.random.default_rng(5).normal(0.9, 0.01, 5)
    check = plan_live_pairs(5, higher_is_better=True, classical="paired")
    assert check.design.looks == (5,)
    (end,) = check.follow(base, base - np.array([0.01, 0.011, 0.012, 0.009, 0.01]))
    assert (end.comparison.test, end.action) == ("paired", "reject")


def test_sides_of_different_lengths_are_no_pairs() -> None:
    check = plan_live_pairs(5, higher_is_better=True)
    with pytest.raises(ValueError, match="2 base and 3 candidate values are no pairs"):
        check.follow([1.0, 2.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("level", "flips", "samples"), [(0.05, 5, 3), (0.01, 7, 5), (0.0025, 9, 6), (1 / 32, 5, 4)]
)
def test_how_many_pairs_the_exact_tests_take(level: float, flips: int, samples: int) -> None:
    found = pairs_for_level(level)
    assert (found.sign_flips, found.two_samples) == (flips, samples)


def test_the_planner_says_what_few_pairs_reach() -> None:
    assert pairs_for_level(0.0025).in_words(5) == (
        "5 pairs: sign flips reach 1/32 = .031 and two samples 1/252 = .0040, this suite's level "
        "is .0025: 9 pairs (--mlregress-seeds=9)"
    )


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.0025])
def test_more_pairs_show_a_smaller_loss(alpha: float) -> None:
    shown = [shown_by(n, alpha) for n in (2, 3, 5, 8, 13, 21, 34)]
    assert shown == sorted(shown, reverse=True)
    needed = pairs_needed(1.0, alpha=alpha)
    assert needed is not None
    # A look shortly before the last one costs a little.
    assert shown_by(needed, alpha) <= 1.0 < shown_by(needed - 2, alpha)
    assert pairs_needed(0.001, alpha=alpha) is None


@pytest.mark.slow
@pytest.mark.parametrize(("n", "alpha"), [(5, 0.05), (8, 0.05), (8, 0.01)])
def test_the_detectable_loss_is_shown_with_ninety_percent_power(n: int, alpha: float) -> None:
    from benchmarks.live_pairs import evaluate

    base, candidate = np.random.default_rng(n).normal(size=(2, 3000, n))
    power = evaluate(base, candidate - detectable_sd(n, alpha)).both(alpha).mean()
    assert power == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.0025])
@pytest.mark.parametrize("collapsed", [2, 3, 4, 5])
def test_collapsed_seeds_never_pass_by_widening_an_automatic_margin(
    alpha: float, collapsed: int
) -> None:
    rng = np.random.default_rng(collapsed)
    for _ in range(3):
        base, candidate = rng.normal(0.9, 0.01, (2, 5))
        candidate[5 - collapsed :] -= 0.8
        check = plan_live_pairs(5, higher_is_better=True, alpha=alpha)
        for order in (candidate, candidate[::-1].copy()):
            end = check.follow(base, order)[-1]
            assert end.margin < 0.4
            assert end.action != "accept" or (order[: end.n_pairs] > 0.5).all()


def test_an_automatic_margin_is_that_of_the_base_alone() -> None:
    base = np.random.default_rng(5).normal(0.9, 0.01, 5)
    check = plan_live_pairs(5, higher_is_better=True)
    last = len(check.design.looks) - 1
    margins = {
        check.look(last, base, candidate).margin
        for candidate in (base, base[::-1].copy(), 20.0 * (base - 0.9))
    }
    assert len(margins) == 1
    constant = check.look(last, np.full(5, 0.9), np.array([0.9, 0.9, 0.1, 0.1, 0.1]))
    assert constant.action == "inconclusive"
    assert check.look(last, np.full(5, 0.9), np.full(5, 0.9)).action == "accept"
