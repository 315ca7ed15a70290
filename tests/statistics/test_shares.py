"""Which metrics take so many values that no two are tied by chance."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_mlregress.statistics.bit_equality import pairs_to_match


def needed(values: list[float], planned: int = 8) -> int:
    by_seed = {seed: {"accuracy": value} for seed, value in enumerate(values)}
    return pairs_to_match(by_seed, planned=planned)


@pytest.mark.parametrize("n_examples", [20, 50, 128, 1000])
@pytest.mark.parametrize("unit", [1, 100])
def test_a_share_in_single_precision_is_no_continuous_metric(n_examples: int, unit: int) -> None:
    correct = np.array([0.95, 0.9]) * n_examples
    shares = np.float32(unit) * (correct.round() / n_examples).astype(np.float32)
    assert needed([float(share) for share in shares]) >= 4
    assert needed([0.949999988079071, 0.8999999761581421]) >= 4


def test_losses_are_continuous_in_either_precision() -> None:
    losses = np.random.default_rng(0).lognormal(-1.0, 1.0, (400, 2))
    assert np.mean([needed(list(pair)) == 2 for pair in losses]) > 0.98
    single = [needed([float(loss) for loss in pair]) for pair in losses.astype(np.float32)]
    assert np.mean(np.array(single) == 2) > 0.8


def test_a_metric_of_few_values_takes_four_pairs_whatever_its_ties() -> None:
    assert needed([0.9 + 0.01 * seed for seed in range(8)]) == 4
    assert needed([0.9, 0.92], planned=3) == 3
