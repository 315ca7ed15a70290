"""What a factorial experiment over changes of the code found: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_mlregress.statistics.factorial_designs import CellKey

#: Evidence of a loss that is not shown to be below the margin; a loss of the margin is excluded;
#: neither.
Judgement: TypeAlias = Literal["loses", "safe", "unclear"]

#: The change in an otherwise unchanged code; in the code with all other changes; on average over
#: all cells; how much a change's effect depends on the others.
EffectKind: TypeAlias = Literal["alone", "with others", "main", "interaction"]


@dataclass(frozen=True, slots=True)
class CellSummary:
    """The seeds of one combination of changes.

    Attributes:
        mean: the mean of its finite values, in metric units as recorded; NaN without one.
        sd: their standard deviation; NaN with fewer than two.
        seeds: the number of seeds.
        failed: how many of them have no finite value.
    """

    mean: float
    sd: float
    seeds: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect, estimated from contrasts within seeds.

    Attributes:
        kind: what is compared.
        changes: the change, or the changes of an interaction, in the design's order.
        mean: the mean contrast, winsorised, in metric units as recorded. An interaction of two is
            the difference of differences; one of m is 2^(m-1) times that of Box, Hunter and Hunter.
        interval: its confidence interval, at the level of the whole family of effects.
        loss: `mean`, positive if the metric gets worse; infinite where seeds failed on the changed
            side only.
        p_loss: one-sided p-value of a loss, or of an interaction for the worse.
        p_safe: one-sided p-value against a loss of the margin.
        seeds: the number of seeds that are in all its cells.
        loss_shown: whether a loss is shown at the level of the family.
        safe: whether a loss of the margin is excluded.
        aliases: other effects that the same contrast estimates, in a fractional design.
    """

    kind: EffectKind
    changes: tuple[str, ...]
    mean: float
    interval: tuple[float, float]
    loss: float
    p_loss: float
    p_safe: float
    seeds: int
    loss_shown: bool
    safe: bool
    aliases: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEffects:
    """One change.

    Attributes:
        change: its name.
        alone: its cell minus BASE; None where a fractional design has no such cell.
        with_others: all changes minus all without it; None where a fractional design lacks a cell.
        main: its effect on average over the cells; None where there are too few cells.
        judgement: `loses` if one of the three does, `safe` if alone and with others are.
    """

    change: str
    alone: Effect | None
    with_others: Effect | None
    main: Effect | None
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Masking:
    """A loss that other changes hide.

    Attributes:
        hidden: the change that loses.
        by: the changes together with which nothing is lost.
        loss_alone: the loss of the change alone, in metric units, positive.
        loss_together: the loss of all of them against BASE; negative if they gain.
    """

    hidden: str
    by: tuple[str, ...]
    loss_alone: float
    loss_together: float


@dataclass(frozen=True, slots=True)
class JointLoss:
    """A loss that no smaller combination of the changes shows.

    Attributes:
        changes: at least two changes that lose together.
        loss: their loss against BASE, in metric units, positive.
        interval: the confidence interval of their effect, as recorded.
        p_loss: the one-sided p-value.
    """

    changes: tuple[str, ...]
    loss: float
    interval: tuple[float, float]
    p_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorialEffects:
    """All effects of up to 8 changes.

    Attributes:
        changes: one entry per change, in the design's order.
        interactions: of two changes first.
        masks: losses that other changes hide.
        joint_losses: losses of combinations of which no part loses.
        cells: a summary per cell.
        margin: the smallest loss that matters, in metric units; infinite if the seeds of BASE do
            not determine it.
        fixed_margin: whether it was given, and not estimated from the seeds of BASE.
        alpha: the probability of any false loss, over the whole family, at this look.
        decided: whether each change alone and with all others has either shown a loss or excluded
            one of the margin: more seeds tell little.
    """

    changes: tuple[ChangeEffects, ...]
    interactions: tuple[Effect, ...]
    masks: tuple[Masking, ...]
    joint_losses: tuple[JointLoss, ...]
    cells: Mapping[CellKey, CellSummary]
    margin: float
    fixed_margin: bool
    alpha: float
    decided: bool

    @property
    def losing(self) -> tuple[str, ...]:
        """The changes that lose, alone or in a combination, in the design's order."""
        joint = {change for loss in self.joint_losses for change in loss.changes}
        return tuple(
            found.change
            for found in self.changes
            if found.judgement == "loses" or found.change in joint
        )
