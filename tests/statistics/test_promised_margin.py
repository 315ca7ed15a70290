"""The automatic margin finds what it promises, also where the baseline spread little by luck."""

import math

import numpy as np
import pytest

from pytest_mlregress.statistics.batched_pvalues import harm_pvalues
from pytest_mlregress.statistics.power import design_for_power
from pytest_mlregress.statistics.promised_margin import (
    automatic_margins,
    drift_at_detectable,
    margin_factor,
)
from pytest_mlregress.statistics.resampled_checks import unchanged_checks
from pytest_mlregress.statistics.simulation import run_checks, safety_of_samples
from pytest_mlregress.statistics.spread import spread_of


def test_a_known_spread_needs_no_larger_margin():
    assert margin_factor(math.inf, 3.0) == 1.0


def test_the_less_is_known_of_the_spread_the_larger_the_margin():
    factors = [margin_factor(df, 3.0) for df in (4, 19, 39, 500)]
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] >= 1.0


def test_earlier_revisions_pool_their_spread():
    generator = np.random.default_rng(2)
    today, *earlier = generator.normal(size=(6, 20))
    pooled = spread_of(today, [sample + 3.0 * k for k, sample in enumerate(earlier)])
    assert pooled.df == 6 * 19
    assert abs(pooled.sd - 1.0) < abs(spread_of(today).sd - 1.0) + 0.05
    assert pooled.upper / pooled.sd < spread_of(today).upper / spread_of(today).sd


def test_a_revision_that_spread_otherwise_is_left_out():
    generator = np.random.default_rng(2)
    today = generator.normal(size=20)
    assert spread_of(today, [10.0 * generator.normal(size=20), np.ones(20)]) == spread_of(today)


@pytest.mark.parametrize(("looks", "alpha"), [((3, 5), 0.05), ((3, 6, 11), 0.005)])
def test_a_loss_of_the_printed_margin_is_found_by_unlucky_baselines_too(looks, alpha):
    checks, most = 1000, 5000
    design, _ = design_for_power(looks, n_baseline=20, alpha=alpha)
    generator = np.random.default_rng(3)
    baseline = generator.normal(size=(checks, 20))
    margins = automatic_margins(baseline, design)
    candidate = generator.normal(size=(checks, looks[-1])) - margins[:, None]
    played = run_checks(
        design,
        checks,
        lambda n, which: harm_pvalues(baseline[which], candidate[which, :n], max_relabellings=most),
        safety_of_samples(baseline, candidate, margins, design, most=most),
    )
    worst = np.argsort(margins)[: checks // 10]
    assert played.rejected.mean() >= 0.89
    assert played.rejected[worst].mean() >= 0.8 - 3 * math.sqrt(0.16 / worst.size)
    assert played.accepted.mean() <= 0.1
    assert drift_at_detectable(design) > 2.0


def test_checks_drawn_from_recorded_seeds_know_a_long_bad_tail():
    design, _ = design_for_power((3, 5), n_baseline=20, alpha=0.01)
    generator = np.random.default_rng(4)
    played = unchanged_checks(-generator.lognormal(0, 1.2, 20), design, higher_is_better=True)
    turned = unchanged_checks(generator.lognormal(0, 1.2, 20), design, higher_is_better=True)
    undecided = [1 - p.rejected.mean() - p.accepted.mean() for p in (played, turned)]
    assert undecided[0] > undecided[1]
