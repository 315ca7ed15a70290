"""What the states say together: rank agreement, speed, and what the fast tier missed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median, stdev
from typing import Final

from pytest_mlregress.margins import MarginLike, read_margin
from pytest_mlregress.revisions.tiers.state import TierSample, TierState
from pytest_mlregress.statistics.rank_agreement import (
    LEAST_PAIRS,
    RankAgreement,
    pairs_to_tell,
    rank_agreement,
    share_of_noise,
)

__all__ = ["MissedChange", "TierComparison", "compare_tiers"]

LARGEST_SHARE: Final = 0.5
"""A fast tier that takes more of the full one's time saves too little."""

_MOSTLY_NOISE: Final = 0.5
_LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True)
class MissedChange:
    """A change that lost more than the margin in the full tier, and showed no loss in the fast one.

    Attributes:
        before: the name of the state before.
        after: the name of the state after.
        full: the change of the mean in the full tier, in metric units, a loss negative.
        fast: the same in the fast tier.
        margin: the margin, in metric units.
    """

    before: str
    after: str
    full: float
    fast: float
    margin: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TierComparison:
    """The fast tier of a test against its full one, in one metric.

    Attributes:
        test: the node id without the seed.
        fast: the name of the fast tier.
        full: the name of the full one.
        metric: the metric; None where no state has one in both tiers.
        states: the states with a value in both tiers, in the order of the history.
        agreement: how alike they rank; None with fewer than four states.
        needed: how many states would exclude a ranking at random, if the correlation is as it
            seems; None where it excludes it already, or no number would.
        noise: the share of the full tier's differences that its seeds' scatter explains; None
            where that is unknown.
        fast_seconds: the median time of a seed; None where it was not recorded.
        full_seconds: the same of the full tier.
        missed: the changes that the fast tier missed.
        changes: how many changes lost more than the margin in the full tier.
        notes: what the reader should know, one sentence each.
    """

    test: str
    fast: str
    full: str
    metric: str | None
    states: tuple[TierState, ...]
    agreement: RankAgreement | None
    needed: int | None
    noise: float | None
    fast_seconds: float | None
    full_seconds: float | None
    missed: tuple[MissedChange, ...]
    changes: int
    notes: tuple[str, ...]

    @property
    def share_of_time(self) -> float | None:
        """The time of the fast tier as a share of the full one's; None where it is unknown."""
        if self.fast_seconds is None or not self.full_seconds:
            return None
        return self.fast_seconds / self.full_seconds

    @property
    def too_slow(self) -> bool:
        """Whether the fast tier takes more than half of the full one's time."""
        return self.share_of_time is not None and self.share_of_time > LARGEST_SHARE

    @property
    def mostly_noise(self) -> bool:
        """Whether the full tier's own differences are no more than scatter."""
        return self.noise is not None and self.noise > _MOSTLY_NOISE

    @property
    def good(self) -> bool:
        """Whether the fast tier is known to rank as the full one does, and is not too slow."""
        ranks = self.agreement is not None and self.agreement.tells
        return ranks and not self.too_slow


def compare_tiers(
    test: str,
    tiers: tuple[str, str],
    states: Sequence[TierState],
    metric: str | None,
    notes: Sequence[str] = (),
) -> TierComparison:
    """Compare two tiers of a test.

    Args:
        test: the node id without the seed.
        tiers: the names of the fast and the full one.
        states: in the order of the history.
        metric: the metric; None where there is none.
        notes: what is known already.

    Returns:
        The comparison.
    """
    used = tuple(
        state
        for state in states
        if metric is not None and metric in state.fast.metrics & state.full.metrics
    )
    agreement = None
    noise = None
    missed: tuple[MissedChange, ...] = ()
    changes = 0
    if metric is not None and used:
        fast, full = ([sample.mean(metric) for sample in side] for side in _sides(used))
        if len(used) >= LEAST_PAIRS:
            agreement = rank_agreement(fast, full)
        noise = _noise(used, metric)
        missed, changes = _missed(used, metric)
    untold = agreement is not None and not agreement.tells
    return TierComparison(
        test=test,
        fast=tiers[0],
        full=tiers[1],
        metric=metric,
        states=used,
        agreement=agreement,
        needed=pairs_to_tell(agreement.rho) if agreement is not None and untold else None,
        noise=noise,
        fast_seconds=_seconds(state.fast for state in states),
        full_seconds=_seconds(state.full for state in states),
        missed=missed,
        changes=changes,
        notes=tuple(notes),
    )


def _sides(states: Sequence[TierState]) -> tuple[list[TierSample], list[TierSample]]:
    return [state.fast for state in states], [state.full for state in states]


def _seconds(samples: Iterable[TierSample]) -> float | None:
    found = [value for sample in samples for value in sample.seconds]
    return median(found) if found else None


def _noise(states: Sequence[TierState], metric: str) -> float | None:
    errors = [state.full.standard_error(metric) for state in states]
    known = [error for error in errors if error is not None]
    if len(states) < 2 or len(known) < len(states):
        return None
    return share_of_noise([state.full.mean(metric) for state in states], known)


def _missed(states: Sequence[TierState], metric: str) -> tuple[tuple[MissedChange, ...], int]:
    """The losses of the full tier that the fast one does not show, and the number of losses."""
    missed = []
    losses = 0
    for before, after in pairwise(states):
        up, declared = after.full.rules.get(metric) or before.full.rules.get(metric, (True, "auto"))
        margin = _margin(before.full, metric, declared)
        full = _change(before.full, after.full, metric, up)
        fast = _change(before.fast, after.fast, metric, up)
        if margin is None or full.mean > -margin or not full.is_loss:
            continue
        losses += 1
        if not fast.is_loss:
            missed.append(MissedChange(before.name, after.name, full.mean, fast.mean, margin))
    return tuple(missed), losses


def _margin(before: TierSample, metric: str, declared: MarginLike) -> float | None:
    """The margin in metric units; an automatic one is a standard deviation of the seeds."""
    kind, amount = read_margin(declared)
    values = list(before.values.get(metric, {}).values())
    if kind == "absolute":
        return amount
    if kind == "relative":
        return amount * abs(before.mean(metric))
    if len(values) < 2:
        return None
    return (1.0 if kind == "auto" else amount) * stdev(values)


@dataclass(frozen=True, slots=True)
class _Change:
    mean: float
    is_loss: bool


def _change(before: TierSample, after: TierSample, metric: str, up: bool) -> _Change:
    """The change of a mean, a loss negative, and whether a one-sided test at 0.05 shows a loss.

    Seeds that both have are compared in pairs, since most of their scatter is common; where only
    means are known, any fall counts.
    """
    from pytest_mlregress.statistics import special_functions as special

    sign = 1.0 if up else -1.0
    old, new = before.values.get(metric, {}), after.values.get(metric, {})
    common = sorted(old.keys() & new.keys())
    mean = sign * (after.mean(metric) - before.mean(metric))
    if len(common) < 2:
        return _Change(mean, mean < 0)
    differences = [sign * (new[seed] - old[seed]) for seed in common]
    mean = fmean(differences)
    error = stdev(differences) / math.sqrt(len(common))
    if error == 0:
        return _Change(mean, mean < 0)
    return _Change(mean, float(special.stdtr(len(common) - 1, mean / error)) < _LEVEL)
