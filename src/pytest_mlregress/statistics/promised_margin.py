"""The automatic margin, enlarged to keep the power that it promises.

The margin is printed in metric units: a number of standard deviations of the baseline, whose spread
is an estimate. With 20 seeds it is off by a sixth either way, and a baseline that by chance spreads
little promises to find a loss that it does not find. The margin is therefore enlarged until the
promise holds on average over baselines, and nearly so for those with the smallest spread.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np

from pytest_mlregress.statistics.power import DETECTION_POWER, detectable_loss
from pytest_mlregress.statistics.roots import find_root
from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.sequential import SequentialDesign
from pytest_mlregress.statistics.special_functions import chdtri, ndtr, ndtri
from pytest_mlregress.statistics.spread import spread_of

#: The average power over the tenth of baselines with the smallest spread.
POWER_OF_WORST_TENTH: Final = 0.8

# The power at the detectable loss, which assumes acceptance by the boundary only, if acceptance
# requires evidence: simulated, .92 to .95 with 20 against 5 and 11 seeds, alpha .05 to .001.
_POWER_WITH_EVIDENCE: Final = 0.925

_QUANTILES: Final = 400


def drift_at_detectable(design: SequentialDesign) -> float:
    """From no loss to the one that is detected with 90 % power, on the probit scale.

    The detectable loss exceeds the last look's boundary by the quantile of the power. In standard
    errors it is more, because few seeds estimate their own.

    Args:
        design: the boundaries.

    Returns:
        The difference on the scale of z.
    """
    return float(ndtri(DETECTION_POWER)) + max(design.reject[-1], 0.0)


@lru_cache(maxsize=512)
def margin_factor(df: float, drift: float) -> float:
    """What the detectable loss is multiplied with if the spread is an estimate.

    On the probit scale power is nearly linear in the loss; the estimate of a normal sample's
    variance is chi-square.

    Args:
        df: degrees of freedom of the estimated spread; infinite for a known one.
        drift: how far the detectable loss shifts z, see `drift_at_detectable`.

    Returns:
        The factor, at least 1.
    """
    if not (math.isfinite(df) and df >= 1.0 and math.isfinite(drift)):
        return 1.0
    # The square root of chi-square is the estimated spread in true ones, smallest first.
    above = 1.0 - (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    spreads = np.sqrt(chdtri(df, above) / df)
    detected = float(ndtri(_POWER_WITH_EVIDENCE))

    def powers(factor: float) -> np.ndarray:
        return np.asarray(ndtr(detected + (factor * spreads - 1.0) * drift))

    def short(factor: float) -> float:
        power = powers(factor)
        worst = power[: _QUANTILES // 10]
        return min(
            float(power.mean()) - DETECTION_POWER, float(worst.mean()) - POWER_OF_WORST_TENTH
        )

    if short(1.0) >= 0.0:
        return 1.0
    largest = 2.0
    while short(largest) < 0.0:
        largest *= 2.0
    return float(find_root(short, 1.0, largest, absolute=1e-4))


def automatic_margins(baseline: FloatArray, design: SequentialDesign) -> FloatArray:
    """The automatic margin of many baselines, as `plan_check` sets it.

    Args:
        baseline: shape (s, n_b), a baseline in each row.
        design: the boundaries.

    Returns:
        Shape (s,), in the units of the values.
    """
    detectable = detectable_loss(design, n_baseline=baseline.shape[1], power=DETECTION_POWER)
    factor = margin_factor(baseline.shape[1] - 1.0, drift_at_detectable(design))
    return factor * detectable * np.array([spread_of(values).sd for values in baseline])
