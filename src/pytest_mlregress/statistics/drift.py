"""How far a new baseline may be below its anchor: the budget, and the level of each look.

An update is accepted at the first look whose p-value, for a loss of the whole budget, is at most
that look's level. A decay gets a chance at every look and at every update, and so the level is
spent twice: over the looks of one attempt by the power family of Kim and DeMets (Biometrika 74,
1987), and over the refused attempts against the same anchor, of which the next one after r has 1 /
(r + 1) of the level.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from pytest_mlregress.statistics.samples import FloatArray, sd, winsorise
from pytest_mlregress.statistics.score_process import initial_density
from pytest_mlregress.statistics.special_functions import ndtr

#: Probability that a first attempt accepts a loss of the whole budget.
DRIFT_LEVEL: Final = 0.01

#: The budget, in winsorised standard deviations of the anchor.
BUDGET_SD: Final = 1.0

# Cumulative level DRIFT_LEVEL t^2 by information t: little of it early, when the anchor and the
# sample are small.
_SPENDING_POWER: Final = 2.0
# Looks of t statistics are less correlated than those of the normal process, which therefore
# spends a little more than it counts: 1.1 times, as simulated.
_UNDERCOUNT: Final = 1.1


def drift_budget(anchor: FloatArray) -> float:
    """The budget in metric units: the anchor's winsorised standard deviation.

    Winsorised, since on heavy tails the plain standard deviation is so wide that a loss of it is
    accepted in 8 to 12 % of attempts instead of 1.

    Args:
        anchor: the anchor's values, shape (n,), in metric units.

    Returns:
        The budget; NaN for fewer than two finite values.
    """
    finite = anchor[np.isfinite(anchor)]
    return BUDGET_SD * sd(winsorise(finite)) if finite.size > 1 else math.nan


@lru_cache(maxsize=1024)
def drift_levels(looks: tuple[int, ...], n_anchor: int, refused: int = 0) -> tuple[float, ...]:
    """The level of each look's p-value, after `refused` refused attempts against the same anchor.

    Args:
        looks: increasing numbers of fresh seeds; a single look has the whole level of the attempt.
        n_anchor: number of the anchor's seeds.
        refused: number of refused attempts so far.

    Returns:
        One level per look.

    Raises:
        ValueError: looks that do not increase from at least 1, or a negative `refused`.
    """
    if not looks or looks[0] < 1 or any(b <= a for a, b in pairwise(looks)):
        raise ValueError(f"looks={looks!r}; allowed are increasing numbers of seeds, from 1")
    if refused < 0:
        raise ValueError(f"refused={refused}; allowed is a number of tries, from 0")
    level = DRIFT_LEVEL / (refused + 1)
    if len(looks) == 1:
        return (level,)
    information = [1.0 / (1.0 / n + 1.0 / n_anchor) for n in looks]
    trials = initial_density(0.0)
    levels: list[float] = []
    spent = 0.0
    for now in information:
        total = level / _UNDERCOUNT * (now / information[-1]) ** _SPENDING_POWER
        z = trials.z_above(now, total - spent)
        levels.append(float(ndtr(-z)))
        trials = trials.between(now, -math.inf, z)
        spent = total
    return tuple(levels)
