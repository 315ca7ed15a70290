"""Whether a sample is skewed: D'Agostino's test."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from pytest_mlregress.statistics.samples import FloatArray

#: The approximation holds from this many values on.
LEAST_VALUES: Final = 8


def skewness_z(values: FloatArray) -> float:
    """The sample skewness as a standard normal deviate, positive for a long upper tail.

    D'Agostino's transformation (1970, Biometrika 57, 679) of the third standardised moment.

    Args:
        values: shape (n,), finite.

    Returns:
        The deviate; 0 for fewer than 8 values, and for values without spread.
    """
    n = values.size
    centred = values - values.mean() if n else values
    variance = float(np.mean(centred**2)) if n else 0.0
    if n < LEAST_VALUES or variance <= 0.0:
        return 0.0
    skewness = float(np.mean(centred**3)) / variance**1.5
    scaled = skewness * math.sqrt((n + 1) * (n + 3) / (6.0 * (n - 2)))
    kurtosis = 3.0 * (n**2 + 27 * n - 70) * (n + 1) * (n + 3)
    kurtosis /= (n - 2.0) * (n + 5) * (n + 7) * (n + 9)
    shape = math.sqrt(2.0 * (kurtosis - 1.0)) - 1.0
    return math.asinh(scaled / math.sqrt(2.0 / (shape - 1.0))) / math.sqrt(0.5 * math.log(shape))
