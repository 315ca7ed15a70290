"""How unchanged checks of a recorded metric end, by resampling its seeds.

Formulas assume normal seeds. A long bad tail hides a loss of the automatic margin more often, and
the recorded values show how long the tail is.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics.batched_pvalues import harm_pvalues
from pytest_mlregress.statistics.promised_margin import automatic_margins
from pytest_mlregress.statistics.samples import as_sample
from pytest_mlregress.statistics.sequential import SequentialDesign
from pytest_mlregress.statistics.simulation import SimulatedChecks, run_checks, safety_of_samples

#: Simulated checks: a share of 10 % is then known within 4 points, in a third of a second.
RESAMPLED_CHECKS: Final = 300

# Relabellings drawn per check: acceptance uses levels of .03 and more.
_RELABELLINGS: Final = 2_000


def unchanged_checks(
    values: ArrayLike,
    design: SequentialDesign,
    *,
    higher_is_better: bool,
    margin: float | None = None,
    checks: int = RESAMPLED_CHECKS,
    seed: int = 0,
) -> SimulatedChecks:
    """Simulate checks whose baselines and candidates are both drawn from a recorded sample.

    Args:
        values: shape (n_b,), in metric units, at least two of them finite; non-finite ones are left
            out.
        design: the boundaries.
        higher_is_better: the metric's direction.
        margin: absolute, in metric units; None for the automatic one of each drawn baseline.
        checks: number of simulated checks.
        seed: seed of the draws.

    Returns:
        How each check ended.
    """
    sample = as_sample(values, "values")
    oriented = sample[np.isfinite(sample)] * (1.0 if higher_is_better else -1.0)
    generator = np.random.default_rng([seed, oriented.size, design.looks[-1]])
    baseline = generator.choice(oriented, size=(checks, oriented.size))
    candidate = generator.choice(oriented, size=(checks, design.looks[-1]))
    margins = (
        automatic_margins(baseline, design) if margin is None else np.full(checks, float(margin))
    )
    return run_checks(
        design,
        checks,
        lambda n, which: harm_pvalues(
            baseline[which], candidate[which, :n], max_relabellings=_RELABELLINGS
        ),
        safety_of_samples(baseline, candidate, margins, design, most=_RELABELLINGS),
    )
