"""Instant "trainings" of known distribution, for suites that real pytest runs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from benchmarks.calibration.distributions import DISTRIBUTIONS, NORMAL, Distribution

VARIABLE: Final = "CALIBRATION_CODE"
EVERY: Final = 5
"""One test in so many is touched by a change."""


@dataclass(frozen=True, slots=True)
class Code:
    """A state of the code under test.

    `salt` picks its randomness: values of another salt are independent. With `still`, untouched
    tests keep the randomness of salt 0. Touched tests lose `loss_sd` standard deviations, and
    `lost_seeds` of their seeds become NaN.
    """

    salt: int
    still: bool = False
    loss_sd: float = 0.0
    lost_seeds: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """The variable that tells a test process which code to run."""
        return {VARIABLE: json.dumps(asdict(self))}


def touched(test: int) -> bool:
    """Whether a change touches the test; every distribution but the normal is left alone."""
    return test % EVERY == 0


def distribution_of(test: int) -> Distribution:
    """Normal for touched tests, so that their power is known; all of them in turn elsewhere."""
    return NORMAL if touched(test) else DISTRIBUTIONS[test % len(DISTRIBUTIONS)]


def metric(test: int, seed: int, *, seeds: int, code: Code | None = None) -> float:
    """What the training of a test gives for a seed; by default with the code of the variable."""
    code = code or Code(**json.loads(os.environ[VARIABLE]))
    salt = 0 if code.still and not touched(test) else code.salt
    distribution = distribution_of(test)
    value = float(distribution.draw(np.random.default_rng([salt, test, seed]), (1,))[0])
    if not touched(test):
        return value
    lost = np.random.default_rng([code.salt, test]).permutation(seeds)[: code.lost_seeds]
    return float("nan") if seed in lost else value - code.loss_sd * distribution.sd
