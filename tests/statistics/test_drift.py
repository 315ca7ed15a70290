"""The budget of a drift from an anchor, and the levels of each look at it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.calibration.drift_gate import accepted, tries
from pytest_mlregress.statistics.drift import DRIFT_LEVEL, drift_budget, drift_levels
from pytest_mlregress.statistics.samples import sd


@pytest.mark.parametrize(
    ("looks", "n_anchor", "levels"),
    [
        ((20, 40, 60), 20, (0.0040, 0.0051, 0.0054)),
        ((20, 40, 60), 40, (0.0028, 0.0047, 0.0058)),
        ((40, 60), 40, (0.0063, 0.0062)),
        ((20,), 20, (0.01,)),
    ],
)
def test_the_levels_of_the_rule(
    looks: tuple[int, ...], n_anchor: int, levels: tuple[float, ...]
) -> None:
    assert drift_levels(looks, n_anchor) == pytest.approx(levels, abs=5e-5)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=4), st.integers(2, 80), st.integers(0, 50))
def test_refused_tries_divide_what_all_looks_may_spend(
    steps: list[int], n_anchor: int, refused: int
) -> None:
    looks = tuple(np.cumsum(steps).tolist())
    levels = drift_levels(looks, n_anchor, refused)
    level = DRIFT_LEVEL / (refused + 1)
    assert all(0.0 < one <= level for one in levels)
    assert sum(levels) >= level / 1.1 - 1e-12  # the union bound, which correlated looks beat
    first = drift_levels(looks, n_anchor)
    assert all(now <= before for now, before in zip(levels, first, strict=True))


@pytest.mark.parametrize("looks", [(), (0, 5), (5, 5), (5, 3)])
def test_looks_must_increase(looks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="allowed are increasing numbers of seeds"):
        drift_levels(looks, 20)


def test_the_number_of_refused_tries_is_no_less_than_none() -> None:
    with pytest.raises(ValueError, match="refused=-1"):
        drift_levels((20,), 20, -1)


def test_the_budget_is_not_widened_by_a_diverged_seed() -> None:
    values = np.random.default_rng(1).normal(size=40)
    assert drift_budget(values) == pytest.approx(sd(values), rel=0.05)
    wild = np.append(values, -300.0)
    assert drift_budget(wild) < 1.2 * drift_budget(values) < sd(wild) / 10


def test_one_finite_value_has_no_budget() -> None:
    assert math.isnan(drift_budget(np.array([0.5, math.nan])))


@pytest.mark.slow
@pytest.mark.parametrize(("n_anchor", "least"), [(20, 0.88), (40, 0.97)])
def test_the_gate_lets_unchanged_updates_pass_and_stops_a_loss_of_the_budget(
    n_anchor: int, least: float
) -> None:
    unchanged, _ = accepted("normal", n_anchor, 0.0, 2000)
    lost, _ = accepted("normal", n_anchor, 1.0, 2000)
    assert unchanged >= least - 3 * math.sqrt(least * (1 - least) / 2000)
    assert lost <= 0.015 + 3 * math.sqrt(0.015 / 2000)


@pytest.mark.slow
@pytest.mark.parametrize("n_anchor", [20, 40])
def test_a_hundred_tries_of_a_loss_seldom_pass(n_anchor: int) -> None:
    any_accepted, _ = tries(n_anchor, 600)
    assert any_accepted <= 0.05
