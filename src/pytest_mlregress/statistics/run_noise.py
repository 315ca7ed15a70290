"""The evidence of a look if runs differ beyond their seeds.

Both runs of a comparison carry a run effect of standard deviation tau, so that the difference of
their means has the variance se^2 + 2 tau^2. On the scale of normal quantiles every p-value is
divided by sqrt(1 + 2 tau^2 / se^2). Over the looks of a check the difference then has the
covariances of a process with the information 1 / (se^2 + 2 tau^2), whose looks are more strongly
correlated than those that the boundaries were computed for: they hold for a known tau. It is
estimated, and if it is estimated from few runs and not small beside se, small levels are exceeded
(docs/methods.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from pytest_mlregress.statistics.comparison import Comparison
from pytest_mlregress.statistics.power import DETECTION_POWER
from pytest_mlregress.statistics.special_functions import ndtr, ndtri

_TWO_SIDED_95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class RunNoise:
    """The noise of two runs; without an effect, or if the spread is unknown, it changes nothing.

    Attributes:
        tau: the run effect, in metric units.
        spread: standard deviation of the seeds, in metric units.
    """

    tau: float
    spread: float

    @property
    def matters(self) -> bool:
        """Whether there is a run effect whose size beside that of the seeds is known."""
        return self.tau > 0.0 and math.isfinite(self.spread)

    def total_sd(self, information: float) -> float:
        """The standard deviation of seeds that would give the noise of seeds and runs together.

        It replaces that of the seeds wherever a loss is expressed in standard deviations.

        Args:
            information: that of the look, 1 / (1/n + 1/n_baseline).

        Returns:
            The standard deviation, in metric units.
        """
        if not self.matters:
            return self.spread
        return math.hypot(self.spread, self.tau * math.sqrt(2.0 * information))

    def factor(self, information: float) -> float:
        """What z is divided by.

        Args:
            information: that of the look, 1 / (1/n + 1/n_baseline).

        Returns:
            At least 1; infinite if seeds do not spread at all.
        """
        if not self.matters:
            return 1.0
        if self.spread <= 0.0:
            return math.inf
        return self.total_sd(information) / self.spread

    def in_evidence(
        self,
        comparison: Comparison,
        information: float,
        *,
        loss: float | None = None,
        smallest_p: float | None = None,
    ) -> Comparison:
        """The comparison of one look with its evidence widened: p-values, safety and interval.

        Args:
            comparison: the comparison of the look.
            information: that of the look, 1 / (1/n + 1/n_baseline).
            loss: the estimated loss in metric units, if not that of the comparison.
            smallest_p: the smallest p-value of the test that judged, likewise.

        Returns:
            The widened comparison.
        """
        if not self.matters:
            return comparison
        factor = self.factor(information)
        error = self.total_sd(information) / math.sqrt(information)
        safety = comparison.safety
        least = comparison.smallest_p if smallest_p is None else smallest_p
        loss = safety.mean_loss if loss is None else loss
        # If failed seeds enter the test there is no mean; the median shows a collapse.
        harm = loss if math.isfinite(loss) else safety.median_loss

        def widened(p: float, loss: float) -> float:
            rescued = p <= least * (1.0 + 1e-9) and not math.isnan(loss)
            return _widened(p, factor, loss / error if rescued else -math.inf)

        gain = -loss if math.isfinite(loss) else -math.inf
        safe = widened(comparison.p_safe, comparison.margin + gain)
        low, high = comparison.interval
        middle = comparison.difference
        if math.isinf(factor):  # the seeds do not spread; only the run effect sets the half-width
            reach = _TWO_SIDED_95 * error
            interval = (middle - reach, middle + reach)
            detectable = float(ndtri(1.0 - comparison.alpha) + ndtri(DETECTION_POWER)) * error
        else:
            interval = (_apart(middle, low, factor), _apart(middle, high, factor))
            detectable = comparison.detectable * factor
        return replace(
            comparison,
            p_harm=widened(comparison.p_harm, harm),
            p_safe=safe,
            p_better=widened(comparison.p_better, gain),
            safety=replace(
                safety, p_test=safe, p_welch=_widened(safety.p_welch, factor, -math.inf)
            ),
            interval=interval,
            detectable=detectable,
        )


def _widened(p: float, factor: float, z_of_means: float) -> float:
    """The p-value whose normal quantile is that of `p` divided by `factor`.

    A permutation p-value that is the smallest of so few seeds does not say how far apart they are.
    There the means in standard errors of both noises count, `z_of_means`, if that is more, and up
    to what p says itself: otherwise no loss could be red if the factor is large.
    """
    z = -float(ndtri(p))
    divided = z if math.isinf(z) else z / factor
    return float(ndtr(-max(divided, min(z, z_of_means))))


def _apart(middle: float, end: float, factor: float) -> float:
    reach = end - middle
    return end if not math.isfinite(reach) else middle + reach * factor
