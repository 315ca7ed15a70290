"""Checks that cannot detect what they are declared to detect, refused before they cost anything."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pytest_mlregress.looks import default_looks
from pytest_mlregress.statistics.power import (
    DETECTION_POWER,
    LEAST_POWER,
    design_for_margin,
    design_for_power,
    draws_of,
    sequential_power,
    within_reach,
)
from pytest_mlregress.statistics.relabellings import draws_for, smallest_attainable_p
from pytest_mlregress.statistics.run_noise import RunNoise
from pytest_mlregress.statistics.special_functions import ndtr

#: Plans look no further than this many seeds on a side.
MOST_SEEDS: Final = 1_000


class UnaffordableError(ValueError):
    """The planned seeds cannot detect the declared loss; the message says what would suffice."""


@dataclass(frozen=True, slots=True)
class SeedsNeeded:
    """What detects a loss with 90 % power, in checks that may stop early at the default looks.

    Attributes:
        candidate: seeds per check with the baseline as it is; None if no number of them suffices.
        more_baseline: then, how many more baseline seeds are needed.
        candidate_then: and how many seeds per check; None if even 1,000 of each do not suffice.
    """

    candidate: int | None
    more_baseline: int = 0
    candidate_then: int | None = None

    def __str__(self) -> str:
        if self.candidate is not None:
            return f"{self.candidate} seeds per check would do"
        if self.candidate_then is None:
            return f"not even {MOST_SEEDS} seeds on both sides would do"
        return (
            f"no number of candidate seeds suffices: record {self.more_baseline} more baseline "
            f"seeds, then {self.candidate_then} seeds per check would do"
        )


@lru_cache(maxsize=512)
def seeds_needed(
    loss_sd: float,
    *,
    n_baseline: int,
    alpha: float,
    power: float = DETECTION_POWER,
    run_effect_sd: float = 0.0,
) -> SeedsNeeded:
    """The fewest seeds that detect a loss with `power`.

    A finite baseline limits what any number of candidate seeds can show: their information is
    bounded by n_baseline. If that is too little, the smallest larger baseline is sought for which a
    check of at most as many seeds suffices.

    Args:
        loss_sd: the loss in standard deviations.
        n_baseline: number of baseline seeds.
        alpha: level of the check.
        power: the power.
        run_effect_sd: run effect in the same standard deviations: noise that no number of seeds
            removes.

    Returns:
        The numbers of seeds.

    Raises:
        ValueError: the loss is not positive.
    """
    if not loss_sd > 0.0:
        raise ValueError(f"loss_sd is {loss_sd!r}; allowed is a number above 0")

    def detects(n_candidate: int, baseline: int) -> bool:
        looks = default_looks(n_candidate)
        design, detectable = design_for_power(looks, n_baseline=baseline, alpha=alpha, power=power)
        noise = RunNoise(run_effect_sd, 1.0)
        return detectable * noise.total_sd(design.information[-1]) <= loss_sd

    enough = _fewest(lambda n: detects(n, n_baseline))
    if enough is not None:
        return SeedsNeeded(enough)
    larger = _fewest(lambda n: detects(n, n))
    if larger is None:
        return SeedsNeeded(None)
    then = _fewest(lambda n: detects(n, larger))
    return SeedsNeeded(None, larger - n_baseline, then)


@lru_cache(maxsize=4096)
def detectable_sd(looks: tuple[int, ...], *, n_baseline: int, alpha: float) -> float:
    """The loss, in standard deviations, that a check finds with 90 % power.

    A margin of at least that much is affordable.

    Args:
        looks: increasing numbers of candidate seeds.
        n_baseline: number of baseline seeds.
        alpha: level of the check.

    Returns:
        The loss; infinite if `require_attainable` refuses the check.
    """
    design, detectable = design_for_power(looks, n_baseline=n_baseline, alpha=alpha)
    smallest = smallest_attainable_p(n_baseline, looks[-1], draws_of(design))
    return detectable if _reaches(smallest, float(ndtr(-design.reject[-1]))) else math.inf


def _reaches(smallest_p: float, level: float) -> bool:
    return smallest_p <= level * (1.0 + 1e-9)


def require_attainable(looks: Sequence[int], *, n_baseline: int, alpha: float) -> None:
    """Raise UnaffordableError unless some result of the looks can be shown at `alpha`.

    The smallest p-value of the last look has to reach its boundary: 3 against 3 seeds have 20
    relabellings, no result is rarer than 0.05, and none can be shown at alpha 0.01. And an earlier
    look must not accept every result, as one of 3 seeds against a baseline of 3 may.

    Args:
        looks: increasing numbers of candidate seeds.
        n_baseline: number of baseline seeds.
        alpha: level of the check.

    Raises:
        UnaffordableError: no result can be shown; the message says which seeds would suffice.
    """
    design, detectable = design_for_power(looks, n_baseline=n_baseline, alpha=alpha)
    level = float(ndtr(-design.reject[-1]))
    n_candidate = design.looks[-1]
    draws = draws_for(level)
    smallest = smallest_attainable_p(n_baseline, n_candidate, draws)
    if _reaches(smallest, level):
        if math.isinf(detectable):
            raise _accepts_everything(looks, n_baseline=n_baseline, alpha=alpha)
        return
    candidate = _fewest(lambda n: smallest_attainable_p(n_baseline, n, draws) <= 0.9 * level)
    baseline = _fewest(lambda n: smallest_attainable_p(n, n_candidate, draws) <= 0.9 * level)
    remedies = [
        f"{candidate} seeds per check" if candidate is not None else "",
        f"{baseline} baseline seeds" if baseline is not None else "",
    ]
    raise UnaffordableError(
        f"{n_candidate} seeds against {n_baseline} baseline seeds cannot show a loss at level "
        f"{level:.3g}: no p-value is below {smallest:.3g}; "
        f"{' or '.join(filter(None, remedies)) or 'a higher alpha'} would do"
    )


def _accepts_everything(
    looks: Sequence[int], *, n_baseline: int, alpha: float
) -> UnaffordableError:
    def detects(baseline: int) -> bool:
        return math.isfinite(design_for_power(looks, n_baseline=baseline, alpha=alpha)[1])

    enough = _fewest(detects)
    more = f"{enough} baseline seeds, or " if enough is not None else ""
    return UnaffordableError(
        f"{looks[-1]} seeds against {n_baseline} baseline seeds cannot show a loss: their look "
        f"after {looks[0]} seeds accepts every result at alpha {alpha:.3g}; {more}a single look "
        "at all seeds would do"
    )


def require_affordable(
    margin_sd: float, looks: Sequence[int], *, n_baseline: int, alpha: float
) -> None:
    """Raise UnaffordableError unless a fixed margin is detected with at least 80 % power.

    Args:
        margin_sd: the margin in the baseline's standard deviations.
        looks: increasing numbers of candidate seeds.
        n_baseline: number of baseline seeds.
        alpha: level of the check.

    Raises:
        UnaffordableError: the power is less; the message names the loss that the seeds detect, and
            the seeds that the margin needs.
    """
    require_attainable(looks, n_baseline=n_baseline, alpha=alpha)
    margin_sd = within_reach(margin_sd)
    design = design_for_margin(looks, n_baseline=n_baseline, alpha=alpha, margin_sd=margin_sd)
    power, _ = sequential_power(design, margin_sd, n_baseline=n_baseline)
    if power >= LEAST_POWER:
        return
    _, detectable = design_for_power(looks, n_baseline=n_baseline, alpha=alpha)
    raise UnaffordableError(
        f"{design.looks[-1]} seeds against {n_baseline} detect a loss of the margin "
        f"({margin_sd:.3g} SD) with power {power:.2f}; allowed is "
        f"{LEAST_POWER} and more. They detect {detectable:.3g} standard deviations with power "
        f"{DETECTION_POWER}; {seeds_needed(margin_sd, n_baseline=n_baseline, alpha=alpha)}"
    )


def _fewest(suffices: Callable[[int], bool]) -> int | None:
    """The smallest of 1 to MOST_SEEDS that suffices, given that all larger ones do as well."""
    position = bisect_left(range(1, MOST_SEEDS + 1), True, key=suffices)
    return position + 1 if position < MOST_SEEDS else None
