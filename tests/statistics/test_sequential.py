"""Group-sequential designs: the reference design, the textbook boundaries, and what must hold."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pytest_mlregress.looks import default_looks
from pytest_mlregress.statistics.sequential import (
    SequentialDesign,
    Spending,
    classical_boundaries,
    margin_for_power,
    operating_characteristics,
    sequential_design,
)

looks = st.lists(st.integers(1, 60), min_size=1, max_size=5, unique=True).map(sorted)
designs = st.builds(
    sequential_design,
    looks,
    n_baseline=st.integers(2, 60),
    alpha=st.floats(1e-4, 0.2),
    beta=st.floats(0.01, 0.4),
    margin_sd=st.floats(0.05, 10.0),
)


def walk(
    design: SequentialDesign, loss_sd: float, trials: int, rng: np.random.Generator
) -> tuple[float, float]:
    """(share rejected, mean seeds) of simulated score processes under the design."""
    steps = np.diff(design.information, prepend=0.0)
    score = np.cumsum(rng.normal(loss_sd * steps, np.sqrt(steps), (trials, len(steps))), axis=1)
    z = score / np.sqrt(design.information)
    going_on = np.ones(trials, dtype=bool)
    rejected = np.zeros(trials, dtype=bool)
    seeds = np.zeros(trials)
    for k, n in enumerate(design.looks):
        seeds[going_on] = n
        rejected |= going_on & (z[:, k] >= design.reject[k])
        going_on &= (z[:, k] < design.reject[k]) & (z[:, k] > design.accept[k])
    assert not going_on.any()
    return float(rejected.mean()), float(seeds.mean())


def test_the_reference_design_is_reproduced():
    design = sequential_design((3, 6, 11), n_baseline=20, alpha=0.01, beta=0.1, margin_sd=1.5)
    assert design.looks == (3, 6, 11)
    assert design.information == pytest.approx((2.6087, 4.6154, 7.0968), abs=1e-4)
    assert design.reject == pytest.approx((2.844, 2.667, 2.356), abs=1e-3)
    assert design.accept == pytest.approx((0.873, 1.498, 2.356), abs=1e-3)
    assert design.power == pytest.approx(0.8995, abs=5e-5)
    assert design.expected_seeds_unchanged == pytest.approx(3.81, abs=0.005)
    assert design.expected_seeds_at_margin == pytest.approx(5.82, abs=0.005)


# Jennison and Turnbull (2000), tables 2.1 and 2.3.
@pytest.mark.parametrize(
    ("shape", "alpha", "looks", "constant"),
    [
        ("pocock", 0.05, 1, 1.960),
        ("pocock", 0.05, 2, 2.178),
        ("pocock", 0.05, 3, 2.289),
        ("pocock", 0.05, 4, 2.361),
        ("pocock", 0.05, 5, 2.413),
        ("pocock", 0.05, 10, 2.555),
        ("pocock", 0.01, 5, 2.986),
        ("pocock", 0.10, 5, 2.122),
        ("obrien-fleming", 0.05, 1, 1.960),
        ("obrien-fleming", 0.05, 2, 1.977),
        ("obrien-fleming", 0.05, 3, 2.004),
        ("obrien-fleming", 0.05, 4, 2.024),
        ("obrien-fleming", 0.05, 5, 2.040),
        ("obrien-fleming", 0.05, 10, 2.087),
        ("obrien-fleming", 0.01, 4, 2.609),
        ("obrien-fleming", 0.01, 5, 2.621),
        ("obrien-fleming", 0.10, 5, 1.751),
    ],
)
def test_the_textbook_boundaries_are_reproduced(shape, alpha, looks, constant):
    values = classical_boundaries(shape, looks, alpha)
    assert len(values) == looks
    assert values[-1] == pytest.approx(constant, abs=1e-3)
    first = constant * math.sqrt(looks) if shape == "obrien-fleming" else constant
    assert values[0] == pytest.approx(first, abs=1e-3 * math.sqrt(looks))


@given(designs)
def test_information_grows_and_acceptance_stays_below_rejection(design):
    assert all(a < b for a, b in zip(design.information, design.information[1:], strict=False))
    assert all(a <= r for a, r in zip(design.accept, design.reject, strict=True))
    assert design.accept[-1] == design.reject[-1]
    assert all(math.isfinite(z) for z in (*design.accept, *design.reject))


@given(designs)
def test_expected_seeds_lie_between_the_first_and_the_last_look(design):
    for seeds in (design.expected_seeds_unchanged, design.expected_seeds_at_margin):
        assert design.looks[0] - 1e-9 <= seeds <= design.looks[-1] + 1e-9


@given(looks, st.integers(2, 60), st.floats(1e-4, 0.2), st.floats(0.01, 0.4), st.floats(0.05, 10))
def test_exactly_alpha_is_spent(looks, n_baseline, alpha, beta, margin_sd):
    design = sequential_design(
        looks, n_baseline=n_baseline, alpha=alpha, beta=beta, margin_sd=margin_sd
    )
    false_red, _ = operating_characteristics(design, 0.0)
    assert false_red == pytest.approx(alpha, rel=1e-6)


@given(st.integers(1, 60), st.integers(2, 60), st.floats(1e-4, 0.2), st.floats(0.05, 5.0))
def test_a_single_look_is_the_fixed_test(n, n_baseline, alpha, margin_sd):
    design = sequential_design(
        [n], n_baseline=n_baseline, alpha=alpha, beta=0.1, margin_sd=margin_sd
    )
    critical = norm.isf(alpha)
    assert design.reject == design.accept == pytest.approx((critical,))
    drift = margin_sd / math.sqrt(1 / n + 1 / n_baseline)
    assert design.power == pytest.approx(norm.sf(critical - drift), abs=1e-9)
    assert design.expected_seeds_unchanged == n


@given(looks, st.integers(2, 60), st.floats(1e-4, 0.1), st.floats(0.5, 0.95))
def test_the_margin_for_a_power_gives_that_power(looks, n_baseline, alpha, power):
    margin_sd = margin_for_power(looks, n_baseline=n_baseline, alpha=alpha, power=power)
    design = sequential_design(
        looks, n_baseline=n_baseline, alpha=alpha, beta=1 - power, margin_sd=margin_sd
    )
    assert design.power == pytest.approx(power, abs=1e-4)


@given(designs, st.floats(0.0, 5.0), st.floats(0.0, 5.0))
def test_a_larger_loss_is_rejected_more_often(design, one, other):
    small, large = sorted((one, other))
    assert (
        operating_characteristics(design, small)[0]
        <= operating_characteristics(design, large)[0] + 1e-9
    )


def test_a_margin_that_the_first_look_decides_closes_the_design_there():
    design = sequential_design((3, 6, 11), n_baseline=20, alpha=0.01, beta=0.1, margin_sd=5.0)
    assert design.reject == design.accept == pytest.approx((norm.isf(0.01),) * 3)
    assert design.expected_seeds_unchanged == design.expected_seeds_at_margin == 3
    assert design.power > 0.99


def test_a_margin_beyond_the_seeds_keeps_alpha_and_reports_the_lower_power():
    design = sequential_design((3, 6, 11), n_baseline=20, alpha=0.01, beta=0.1, margin_sd=0.5)
    assert operating_characteristics(design, 0.0)[0] == pytest.approx(0.01, rel=1e-6)
    assert design.power < 0.2


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, (1,)),
        (2, (2,)),
        (3, (2, 3)),
        (4, (3, 4)),
        (5, (3, 5)),
        (6, (3, 6)),
        (7, (3, 4, 7)),
        (8, (3, 4, 8)),
        (11, (3, 6, 11)),
        (12, (3, 6, 12)),
        (20, (5, 10, 20)),
    ],
)
def test_default_looks(n, expected):
    assert default_looks(n) == expected


@given(st.integers(9, 500))
def test_the_first_default_look_lies_between_a_quarter_and_a_third(n):
    first, second, last = default_looks(n)
    assert n / 4 <= first <= n / 3
    assert first < second < last == n


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"looks": (3, 3)}, r"looks are \(3, 3\); allowed are increasing numbers of seeds"),
        ({"looks": ()}, r"looks are \(\); allowed are increasing numbers of seeds"),
        ({"looks": (0, 3)}, "looks has the value 0; allowed are positive integers"),
        ({"looks": (2.5, 3)}, "looks has the value 2.5; allowed are positive integers"),
        ({"n_baseline": 0}, "n_baseline has the value 0; allowed are positive integers"),
        ({"n_baseline": True}, "n_baseline has the value True; allowed are positive integers"),
        ({"alpha": 0.0}, "alpha is 0.0; allowed is a number between 0 and 1"),
        ({"beta": 1.0}, "beta is 1.0; allowed is a number between 0 and 1"),
        ({"alpha": math.nan}, "alpha is nan; allowed is a number between 0 and 1"),
        ({"margin_sd": 0.0}, "margin_sd is 0.0; allowed is a finite number above 0"),
        ({"margin_sd": math.inf}, "margin_sd is inf; allowed is a finite number above 0"),
    ],
)
def test_bad_input_names_the_value_and_what_is_allowed(change, message):
    good = {"looks": (3, 6), "n_baseline": 20, "alpha": 0.01, "beta": 0.1, "margin_sd": 1.5}
    arguments = good | change
    with pytest.raises(ValueError, match=message):
        sequential_design(arguments.pop("looks"), **arguments)


@pytest.mark.parametrize("margin_sd", [5e-324, 1e-9, 30.0, 1e3, 1e6, 1e100, 1e300])
def test_any_margin_has_a_design(margin_sd):
    design = sequential_design((3, 6, 11), n_baseline=20, alpha=0.01, beta=0.1, margin_sd=margin_sd)
    assert all(math.isfinite(z) for z in (*design.reject, *design.accept))
    if margin_sd > 10.0:
        assert design.reject[0] == pytest.approx(norm.isf(0.01))
        assert (design.power, design.expected_seeds_at_margin) == (1.0, 3.0)
    else:
        assert design.power == pytest.approx(0.01)


def test_more_may_be_spent_late():
    how = {"n_baseline": 20, "alpha": 0.01, "beta": 0.1, "margin_sd": 1.5}
    usual = sequential_design((3, 6, 11), **how)
    late = sequential_design((3, 6, 11), spending=Spending(to_reject=3.0, to_accept=1.0), **how)
    assert sequential_design((3, 6, 11), spending=Spending(1.5, 0.5), **how) == usual
    assert late.reject[0] > usual.reject[0]
    assert late.accept[0] < usual.accept[0]
    assert late.reject[-1] < usual.reject[-1]
    assert late.power > usual.power
    assert operating_characteristics(late, 0.0)[0] == pytest.approx(0.01, abs=1e-9)


def test_the_margin_for_a_power_takes_a_smaller_beta():
    how = {"n_baseline": 20, "alpha": 0.01}
    margin = margin_for_power((3, 5), power=0.9, beta=0.05, **how)
    design = sequential_design((3, 5), beta=0.05, margin_sd=margin, **how)
    assert design.power == pytest.approx(0.9, abs=1e-5)
    assert margin < margin_for_power((3, 5), power=0.9, **how)
    with pytest.raises(ValueError, match=r"beta is 0\.2; allowed is at most 1 - power \(0\.1\)"):
        margin_for_power((3, 5), power=0.9, beta=0.2, **how)


def test_an_unreachable_power_is_refused():
    with pytest.raises(ValueError, match=r"power is 0\.005; allowed is a number between alpha"):
        margin_for_power((3, 6), n_baseline=20, alpha=0.01, power=0.005)


def test_an_unknown_shape_is_refused():
    with pytest.raises(ValueError, match="shape is 'haybittle'; allowed are 'obrien-fleming'"):
        classical_boundaries("haybittle", 3, 0.05)


def test_a_boundary_set_takes_at_most_20_ms():
    sequential_design((3, 6, 11), n_baseline=20, alpha=0.01, beta=0.1, margin_sd=1.4)
    times = []
    for k in range(5):
        start = time.perf_counter()
        sequential_design((3, 6, 11), n_baseline=20, alpha=0.01, beta=0.1, margin_sd=1.5 + k / 1e3)
        times.append(time.perf_counter() - start)
    assert min(times) <= 0.020


@pytest.mark.slow
@pytest.mark.parametrize("looks", [(3, 6, 11), (2, 5), (5, 10, 20), (2, 3, 4, 5, 6)])
def test_simulated_trials_agree_with_the_integration(looks):
    rng = np.random.default_rng(20)
    margin_sd = margin_for_power(looks, n_baseline=20, alpha=0.01)
    design = sequential_design(looks, n_baseline=20, alpha=0.01, beta=0.1, margin_sd=margin_sd)
    trials = 1_000_000
    for loss_sd in (0.0, margin_sd):
        power, seeds = operating_characteristics(design, loss_sd)
        simulated_power, simulated_seeds = walk(design, loss_sd, trials, rng)
        assert simulated_power == pytest.approx(power, abs=4 * math.sqrt(power / trials))
        assert simulated_seeds == pytest.approx(seeds, rel=2e-3)
