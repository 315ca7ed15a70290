"""What non-finite seeds in a baseline cost: the power of the checks against it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np

from pytest_mlregress.statistics.margins import detectable_in_sd
from pytest_mlregress.statistics.one_sided_tests import gather_evidence_by_order

#: Simulated checks; a standard error of about 2 points suffices for a note.
TRIALS: Final = 500


@lru_cache(maxsize=256)
def power_with_failures(n_baseline: int, n_failed: int, n_candidate: int, alpha: float) -> float:
    """The power of a check against a baseline with failed seeds, where 90 % would be without.

    A baseline with non-finite values has ranks but no scale, and so its checks are judged by ranks.
    Simulated with normal metrics and a fixed seed, one look at all `n_candidate` seeds, for the
    loss that the robust t-test finds with 90 % power against `n_baseline` finite values.

    Args:
        n_baseline: number of baseline seeds, failed ones included.
        n_failed: number of failed baseline seeds.
        n_candidate: number of candidate seeds.
        alpha: level of the check.

    Returns:
        The power; 0.0 if the seeds are too few for that test to find any loss.
    """
    loss = detectable_in_sd(n_baseline, n_candidate, alpha)
    if not math.isfinite(loss):
        return 0.0
    generator = np.random.default_rng(20260301)
    baselines = generator.normal(size=(TRIALS, n_baseline))
    baselines[:, :n_failed] = -np.inf
    candidates = generator.normal(size=(TRIALS, n_candidate)) - loss
    found = sum(
        gather_evidence_by_order(baseline, candidate, math.inf).harm <= alpha
        for baseline, candidate in zip(baselines, candidates, strict=True)
    )
    return found / TRIALS
