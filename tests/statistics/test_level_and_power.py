"""The promises of the robust test, measured: its level on awkward data, its power beside Welch's.

Accuracies are logit-normal: most seeds near 0.97, a tail to the bad side. A diverged seed of such a
training ends 15 standard deviations below.
"""

import math

import numpy as np
import pytest

from pytest_mlregress.statistics.permutation import welch_permutation_test
from pytest_mlregress.statistics.rank import rank_pvalues
from pytest_mlregress.statistics.samples import winsorised_pair
from pytest_mlregress.statistics.t_tests import mean_difference


def normal(generator, n):
    return generator.normal(size=n)


def skewed_accuracy(generator, n):
    """Accuracies near 0.97 with a tail to the bad side, in units of their standard deviation."""
    accuracy = 1 / (1 + np.exp(-generator.normal(3.5, 0.8, size=n)))
    return (accuracy - 0.9613) / 0.0327


def lognormal_loss(generator, n):
    return generator.lognormal(size=n)


def five_levels(generator, n):
    return generator.integers(0, 5, size=n).astype(float)


def near_constant(generator, n):
    return (generator.random(n) < 0.1).astype(float)


def diverged(share):
    def draw(generator, n):
        return np.where(generator.random(n) < share, -15.0, skewed_accuracy(generator, n))

    return draw


DISTRIBUTIONS = {
    "normal": normal,
    "skewed accuracy": skewed_accuracy,
    "lognormal loss": lognormal_loss,
    "five levels": five_levels,
    "near constant": near_constant,
    "2 % diverged": diverged(0.02),
    "10 % diverged": diverged(0.1),
}


def robust_p(baseline, candidate):
    return welch_permutation_test([winsorised_pair(baseline, candidate)])[0].less


def share_of_reds(test, draw, *, loss, sizes, alpha, trials):
    generator = np.random.default_rng(2024)
    reds = sum(
        test(draw(generator, sizes[0]), draw(generator, sizes[1]) - loss) <= alpha
        for _ in range(trials)
    )
    return reds / trials


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("sizes", [(12, 3), (5, 5)])
def test_the_level_holds(name, sizes):
    trials, alpha = 1500, 0.05
    level = share_of_reds(
        robust_p, DISTRIBUTIONS[name], loss=0.0, sizes=sizes, alpha=alpha, trials=trials
    )
    assert level <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / trials)


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_level_holds_at_20_against_5_seeds(name, alpha):
    trials = 4000
    level = share_of_reds(
        robust_p, DISTRIBUTIONS[name], loss=0.0, sizes=(20, 5), alpha=alpha, trials=trials
    )
    assert level <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / trials)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "robust_at_least", "welch_at_most"),
    [
        ("normal", 0.85, 0.82),
        ("skewed accuracy", 0.90, 0.92),
        ("2 % diverged", 0.90, 0.60),
        ("10 % diverged", 0.60, 0.15),
    ],
)
def test_power_against_a_loss_of_two_standard_deviations(name, robust_at_least, welch_at_most):
    def welch_p(baseline, candidate):
        return mean_difference(baseline, candidate, "welch").pvalue("less")

    def rank_p(baseline, candidate):
        return rank_pvalues(baseline, candidate).less

    robust, welch, rank = (
        share_of_reds(test, DISTRIBUTIONS[name], loss=2.0, sizes=(20, 5), alpha=0.01, trials=4000)
        for test in (robust_p, welch_p, rank_p)
    )
    print(f"{name}: robust {robust:.3f}, welch {welch:.3f}, rank {rank:.3f}")
    assert robust >= robust_at_least
    assert welch <= welch_at_most
    assert robust >= rank - 0.01
