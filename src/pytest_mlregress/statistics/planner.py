"""What the planned seeds of a check can detect and what they cost, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_mlregress.statistics.power import (
    DETECTION_POWER,
    design_for_margin,
    design_for_power,
    detectable_loss,
    draws_of,
    fixed_power,
    sequential_power,
    with_evidence_of_safety,
    within_reach,
)
from pytest_mlregress.statistics.promised_margin import drift_at_detectable, margin_factor
from pytest_mlregress.statistics.relabellings import smallest_attainable_p
from pytest_mlregress.statistics.required_seeds import (
    SeedsNeeded,
    require_attainable,
    seeds_needed,
)
from pytest_mlregress.statistics.run_noise import RunNoise
from pytest_mlregress.statistics.sequential import SequentialDesign
from pytest_mlregress.statistics.simulation import simulate_checks
from pytest_mlregress.statistics.special_functions import ndtri
from pytest_mlregress.statistics.spread import Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPlan:
    """What a check of one metric can do. Losses are in metric units, seeds are candidate seeds.

    Attributes:
        design: the boundaries.
        looks: numbers of candidate seeds.
        n_baseline: number of baseline seeds.
        alpha: level of the check.
        spread: the standard deviation that the plan assumes.
        margin: the smallest loss that matters.
        power: probability that the check, with early stop, shows a loss of `margin`.
        power_upper_sd: the same, if the spread is as large as its upper bound.
        power_all_seeds: the same with all seeds at once.
        detectable_80: loss shown with 80 % power.
        detectable_90: loss shown with 90 % power.
        expected_seeds_unchanged: when nothing changed.
        expected_seeds_at_margin: at a loss of `margin`.
        pass_probability: probability that an unchanged candidate passes, neither red nor
            inconclusive.
        smallest_p: the smallest p-value of all seeds.
        needed: the seeds that detect a loss of `margin`.
        run_effect: how much runs differ beyond their seeds.
        least_detectable: loss found with 90 % power by any number of seeds on both sides; 0 without
            a run effect.
    """

    design: SequentialDesign
    looks: tuple[int, ...]
    n_baseline: int
    alpha: float
    spread: Spread
    margin: float
    power: float
    power_upper_sd: float
    power_all_seeds: float
    detectable_80: float
    detectable_90: float
    expected_seeds_unchanged: float
    expected_seeds_at_margin: float
    pass_probability: float
    smallest_p: float
    needed: SeedsNeeded
    run_effect: float = 0.0
    least_detectable: float = 0.0


def plan_metric(
    spread: Spread,
    looks: Sequence[int],
    *,
    n_baseline: int,
    alpha: float,
    margin: float | None = None,
    resolution: float | None = None,
    simulated: bool = False,
    run_effect: float = 0.0,
) -> MetricPlan:
    """Plan a check of one metric.

    Args:
        spread: the standard deviation of the seeds.
        looks: increasing numbers of candidate seeds.
        n_baseline: number of baseline seeds.
        alpha: level of the check.
        margin: absolute, in metric units; None means automatic.
        resolution: the smallest step of the metric, a lower bound of an automatic margin.
        simulated: simulate the test for the powers and the expected seeds: some seconds for a
            design that was not simulated before, within 0.02 and 2 %. Formulas give them within
            0.03 and 5 %.
        run_effect: the standard deviation, in metric units, of what the values of a run have in
            common; it counts as the noise that it is at the last look.

    Returns:
        The plan.

    Raises:
        UnaffordableError: no result of these seeds could reach alpha.
        ValueError: a bad value, or a spread of 0: seeds that are all equal show any change and need
            no plan.
    """
    if not 0.0 < spread.sd < math.inf:
        raise ValueError(
            f"the spread is {spread.sd!r}; a plan needs a positive one, because seeds that are all "
            "equal show any change at once"
        )
    if margin is not None and not 0.0 < margin < math.inf:
        raise ValueError(f"margin is {margin!r}; allowed is a finite number above 0, or None")
    require_attainable(looks, n_baseline=n_baseline, alpha=alpha)
    design, detectable_sd = design_for_power(looks, n_baseline=n_baseline, alpha=alpha)
    drift = drift_at_detectable(design)
    margin_sd = margin_factor(spread.df, drift) * detectable_sd
    noise, information = RunNoise(run_effect, spread.sd), design.information[-1]
    unit = noise.total_sd(information)
    if margin is None and resolution is not None and resolution > margin_sd * unit:
        margin = resolution
    if margin is not None:
        margin_sd = within_reach(margin / unit)
        design = design_for_margin(looks, n_baseline=n_baseline, alpha=alpha, margin_sd=margin_sd)
    performance = _Performance(design, n_baseline, margin_sd, margin is None, simulated)
    power, seeds_at_margin = performance.at(margin_sd)
    return MetricPlan(
        design=design,
        looks=design.looks,
        n_baseline=n_baseline,
        alpha=alpha,
        spread=spread,
        margin=margin_sd * unit if margin is None else margin,
        power=power,
        power_upper_sd=performance.at(
            margin_sd * unit / RunNoise(run_effect, spread.upper).total_sd(information)
        )[0],
        power_all_seeds=fixed_power(
            margin_sd, n_baseline=n_baseline, n_candidate=design.looks[-1], alpha=alpha
        ),
        detectable_80=performance.detectable(0.8) * unit,
        detectable_90=performance.detectable(0.9) * unit,
        expected_seeds_unchanged=performance.at(0.0)[1],
        expected_seeds_at_margin=seeds_at_margin,
        pass_probability=_pass_probability(design, margin_sd, n_baseline, alpha, margin is None),
        smallest_p=smallest_attainable_p(n_baseline, design.looks[-1], draws_of(design)),
        needed=seeds_needed(
            margin_sd * unit / spread.sd,
            n_baseline=n_baseline,
            alpha=alpha,
            run_effect_sd=run_effect / spread.sd,
        ),
        run_effect=run_effect,
        least_detectable=drift_at_detectable(design) * math.sqrt(2.0) * run_effect,
    )


def suite_pass_probability(plans: Sequence[MetricPlan]) -> tuple[float, float]:
    """The probability that an unchanged suite passes.

    Metrics of one training are correlated, so the truth is between the first value, which no
    correlation can undercut (Bonferroni), and the best single check; independence is the usual
    estimate.

    Args:
        plans: the plan of each metric.

    Returns:
        (at least, if its checks are independent).
    """
    failing = [1.0 - plan.pass_probability for plan in plans]
    return max(0.0, 1.0 - math.fsum(failing)), math.prod(plan.pass_probability for plan in plans)


@dataclass(frozen=True, slots=True)
class _Performance:
    """How checks of one design end at any loss, by formula or by simulation."""

    design: SequentialDesign
    n_baseline: int
    margin_sd: float
    automatic: bool
    simulated: bool

    def at(self, loss_sd: float) -> tuple[float, float]:
        """(power, expected seeds)."""
        if self.simulated:
            margin_sd = None if self.automatic else self.margin_sd
            simulated = simulate_checks(
                self.design, loss_sd, n_baseline=self.n_baseline, margin_sd=margin_sd
            )
            return simulated.power, simulated.expected_seeds
        return sequential_power(
            with_evidence_of_safety(self.design, self.margin_sd, n_baseline=self.n_baseline),
            loss_sd,
            n_baseline=self.n_baseline,
        )

    def detectable(self, power: float) -> float:
        """The loss, in standard deviations, that is shown with `power`."""
        formula = detectable_loss(self.design, n_baseline=self.n_baseline, power=power)
        if not (self.simulated and math.isfinite(formula)):
            return formula
        # One Newton step on the probit scale, on which power is nearly linear in the loss.
        probit = float(ndtri(power))
        drift = math.sqrt(self.design.information[-1])
        found = min(max(self.at(formula)[0], 0.001), 0.999)
        return formula + (probit - float(ndtri(found))) / drift


def _pass_probability(
    design: SequentialDesign, margin_sd: float, n_baseline: int, alpha: float, automatic: bool
) -> float:
    if automatic:
        return 1.0 - alpha
    # With a fixed margin that is too small for the seeds, the last look may be inconclusive.
    excluded = fixed_power(
        margin_sd,
        n_baseline=n_baseline,
        n_candidate=design.looks[-1],
        alpha=1.0 - DETECTION_POWER,
    )
    return min(1.0 - alpha, excluded)
