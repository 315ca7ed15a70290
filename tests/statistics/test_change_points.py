"""Change points of a series of runs: found where they are, and rarely where there is none."""

from collections.abc import Callable

import numpy as np
import pytest

from pytest_mlregress.statistics.change_points import LEVEL, change_points


def series(*means: float, n: int = 5, seed: int = 1) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [mean + 0.01 * generator.normal(size=n) for mean in means]


def test_a_shift_is_found_at_its_run_with_its_size() -> None:
    (found,) = change_points(series(*[0.9] * 8, *[0.87] * 4))
    assert (found.at, found.begin, found.end) == (8, 0, 12)
    low, high = found.interval
    assert low < -0.03 < high < 0
    assert found.difference == pytest.approx(found.after - found.before)
    assert found.pvalue <= LEVEL


def test_several_shifts_are_found_one_by_one() -> None:
    found = change_points(series(*[0.9] * 8, *[0.86] * 8, *[0.92] * 8))
    assert [point.at for point in found] == [8, 16]
    assert [np.sign(point.difference) for point in found] == [-1, 1]


def test_a_change_of_one_run_that_was_reverted_is_found_with_its_revert() -> None:
    found = change_points(series(*[0.9] * 8, 0.7, *[0.9] * 8))
    assert [point.at for point in found] == [8, 9]


def test_the_order_of_the_seeds_does_not_matter() -> None:
    values = series(*[0.9] * 8, *[0.88] * 4)
    (found,) = change_points(values)
    (turned,) = change_points([run[::-1] for run in values])
    assert (turned.at, turned.pvalue) == (found.at, found.pvalue)


def test_two_runs_are_enough_for_a_large_one() -> None:
    (found,) = change_points(series(0.9, 0.8))
    assert found.at == 1


def test_what_cannot_be_told_is_no_change() -> None:
    assert change_points([]) == ()
    assert change_points([[0.9, 0.91]]) == ()
    assert change_points([[0.9], [0.8]]) == ()  # a value each shows no spread
    assert change_points([[0.9, 0.9], [0.9, 0.9]]) == ()


def test_a_metric_without_noise_changes_where_it_differs() -> None:
    found = change_points([[0.9] * 3, [0.9] * 3, [0.8] * 3, [0.8] * 3, [0.85] * 3])
    assert [(point.at, point.pvalue) for point in found] == [(2, 0.0), (4, 0.0)]
    assert found[0].interval == (found[0].difference,) * 2


def test_the_same_values_give_the_same_answer() -> None:
    values = series(*[0.9] * 6, *[0.88] * 6)
    assert change_points(values) == change_points(values)


def test_a_diverged_seed_is_no_change() -> None:
    values = series(*[0.9] * 10)
    values[6][2] = 0.1
    assert change_points(values) == ()


def test_the_means_of_a_change_are_those_of_the_values() -> None:
    before, after = series(0.9, 0.8, n=20)
    after[3] = 0.3
    (found,) = change_points([before, after])
    assert (found.before, found.after) == pytest.approx((before.mean(), after.mean()), rel=1e-12)
    assert found.interval[0] < found.difference < found.interval[1]


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="every run must have values"):
        change_points([[0.9, float("nan")], [0.9, 0.8]])
    with pytest.raises(ValueError, match="every run must have values"):
        change_points([[], [0.9, 0.8]])


def skewed(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return -generator.lognormal(sigma=1.5, size=shape)


def diverged(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.where(generator.random(shape) < 0.02, -20.0, generator.normal(size=shape))


def tied(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return generator.binomial(100, 0.99, size=shape) / 100


def normal(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return generator.normal(size=shape)


@pytest.mark.parametrize("draw", [normal, skewed, diverged, tied])
def test_false_alarms_are_as_rare_as_stated(
    draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray],
) -> None:
    """Of 400 series without a change; `python -m benchmarks.change_points` has more."""
    generator = np.random.default_rng(3)
    false = sum(bool(change_points(list(draw(generator, (20, 4))))) for _ in range(400))
    assert false <= 11  # exceeded with probability 0.002 at the level


def test_few_values_show_what_their_orders_can_show() -> None:
    """2 of the 70 ways to put four values into each run part them, 2 of 252 with five."""
    assert change_points([[1.0, 2.0, 3.0, 4.0], [11.0, 12.0, 13.0, 14.0]]) == ()
    (found,) = change_points([[1.0, 2.0, 3.0, 4.0, 5.0], [11.0, 12.0, 13.0, 14.0, 15.0]])
    assert found.pvalue == pytest.approx(2 / 252)


def test_a_rare_value_alone_is_no_change_of_a_metric_that_does_not_vary() -> None:
    assert change_points([[1.0] * 5, [1.0] * 5, [0.9], [1.0] * 5]) == ()
