"""The evidence of a look where runs differ by themselves.

Both runs of a comparison carry a run effect of standard deviation tau, so that the difference of
their means has the variance se^2 + 2 tau^2. On the scale of normal quantiles every p-value is
divided by sqrt(1 + 2 tau^2 / se^2). Over the looks of a check the difference then has the
covariances of a process with the information 1 / (se^2 + 2 tau^2), whose looks are more alike than
those that the boundaries were computed for: they hold, a little on the safe side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scipy.special import ndtr, ndtri

from pytest_mlregress.statistics.comparison import Comparison


@dataclass(frozen=True, slots=True)
class RunNoise:
    """The noise of two runs: tau and the spread of seeds, both in metric units.

    Without an effect, and where the spread is unknown, it changes nothing.
    """

    tau: float
    spread: float

    @property
    def matters(self) -> bool:
        """Whether there is a run effect whose size beside that of the seeds is known."""
        return self.tau > 0.0 and math.isfinite(self.spread)

    def total_sd(self, information: float) -> float:
        """The spread of seeds that would give the noise of seeds and runs together.

        `information` is that of the look, 1 / (1/n + 1/n_baseline): whoever reckons in standard
        deviations of seeds reckons with this one instead.
        """
        if not self.matters:
            return self.spread
        return math.hypot(self.spread, self.tau * math.sqrt(2.0 * information))

    def factor(self, information: float) -> float:
        """What z is divided by, at least 1; infinite where seeds do not spread at all."""
        if not self.matters:
            return 1.0
        if self.spread <= 0.0:
            return math.inf
        return self.total_sd(information) / self.spread

    def in_evidence(self, comparison: Comparison, information: float) -> Comparison:
        """The comparison of one look with its evidence widened: p-values, safety and interval."""
        if not self.matters:
            return comparison
        factor = self.factor(information)
        error = self.total_sd(information) / math.sqrt(information)
        loss = comparison.safety.mean_loss

        def widened(p: float, loss: float) -> float:
            return _widened(p, factor, loss / error if p <= _smallest(comparison) else -math.inf)

        safe = widened(comparison.p_safe, comparison.margin - loss)
        low, high = comparison.interval
        middle = comparison.difference
        return replace(
            comparison,
            p_harm=widened(comparison.p_harm, loss),
            p_safe=safe,
            p_better=widened(comparison.p_better, -loss),
            safety=replace(
                comparison.safety,
                p_test=safe,
                p_welch=_widened(comparison.safety.p_welch, factor, -math.inf),
            ),
            interval=(
                _apart(middle, low, factor),
                _apart(middle, high, factor),
            ),
            detectable=comparison.detectable * factor,
        )


def _smallest(comparison: Comparison) -> float:
    return comparison.smallest_p * (1.0 + 1e-9)


def _widened(p: float, factor: float, z_of_means: float) -> float:
    """The p-value whose normal quantile is that of `p` divided by `factor`.

    A permutation p-value that is the smallest of so few seeds does not tell how far apart they
    are. There the means in standard errors of both noises count, `z_of_means`, if that is more, and
    up to what p says itself: or else no loss could be red where the factor is large.
    """
    z = -float(ndtri(p))
    divided = z if math.isinf(z) else z / factor
    return float(ndtr(-max(divided, min(z, z_of_means))))


def _apart(middle: float, end: float, factor: float) -> float:
    reach = end - middle
    return end if not math.isfinite(reach) else middle + reach * factor
