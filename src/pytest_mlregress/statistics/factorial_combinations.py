"""Combinations of changes: those that lose together, and those that hide a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from pytest_mlregress.statistics.factorial_contrasts import Contrast, Experiment
from pytest_mlregress.statistics.factorial_designs import BASE
from pytest_mlregress.statistics.factorial_results import JointLoss, Masking

# A loss counts as hidden while its combination keeps less than this share of it.
_HIDDEN_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Combination:
    """Changes that may lose together.

    Attributes:
        changes: at least two.
        contrast: their cell minus BASE.
        p_loss: the largest p-value of the losses against BASE and against the cells that lack one
            of the changes: all of them must show it (Berger 1982, Technometrics 24, 295).
    """

    changes: tuple[str, ...]
    contrast: Contrast
    p_loss: float


def combinations_that_may_lose(cells: Experiment) -> list[Combination]:
    """Combinations whose cell there is, and each cell that lacks one of the changes.

    Args:
        cells: the cells.

    Returns:
        The smallest first.
    """
    found = []
    for n in range(2, len(cells.names) + 1):
        for chosen in combinations(cells.names, n):
            cell = frozenset(chosen)
            parts = [cell - {name} for name in chosen]
            if cell not in cells.values or not all(part in cells.values for part in parts):
                continue
            total = cells.difference(cell, BASE)
            steps = [cells.difference(cell, part) for part in parts]
            p = max(step.p_loss(last=cells.look.last) for step in (total, *steps))
            found.append(Combination(chosen, total, p))
    return found


def joint_losses(
    cells: Experiment,
    shown: Sequence[Combination],
    losing_alone: Mapping[str, float],
    tail: float,
) -> tuple[JointLoss, ...]:
    """The smallest combinations that lose, of which no change loses alone.

    Args:
        cells: the cells.
        shown: the combinations whose loss is shown, the smallest first.
        losing_alone: the loss of each change that loses alone.
        tail: the probability beyond each end of an interval.

    Returns:
        The joint losses.
    """
    found: list[JointLoss] = []
    for joint in shown:
        parts = set(joint.changes)
        if parts & set(losing_alone) or any(set(smaller.changes) < parts for smaller in found):
            continue
        interval = cells.as_recorded(joint.contrast.interval(tail))
        found.append(JointLoss(joint.changes, joint.contrast.loss, interval, joint.p_loss))
    return tuple(found)


def masks(cells: Experiment, losing_alone: Mapping[str, float]) -> tuple[Masking, ...]:
    """The smallest combinations that hide the loss of a change alone.

    Args:
        cells: the cells.
        losing_alone: the loss of each change that loses alone.

    Returns:
        The masks, by hidden change.
    """
    found: list[Masking] = []
    for hidden, loss in losing_alone.items():
        hiding = _hiding(cells, hidden, loss)
        found += [mask for mask in hiding if not any(set(m.by) < set(mask.by) for m in hiding)]
    return tuple(found)


def _hiding(cells: Experiment, hidden: str, loss_alone: float) -> list[Masking]:
    """Combinations with a change that are better than it alone and not shown to lose."""
    alone, look = frozenset({hidden}), cells.look
    larger = [cell for cell in cells.values if alone < cell]
    found = []
    for cell in larger:
        total, better = cells.difference(cell, BASE), cells.difference(cell, alone)
        if better.p_gain(last=look.last) > look.alpha / len(larger):
            continue
        if total.p_loss(last=look.last) <= look.alpha:
            continue
        if total.loss < _HIDDEN_SHARE * loss_alone:
            by = tuple(name for name in cells.names if name in cell and name != hidden)
            found.append(Masking(hidden, by, loss_alone, total.loss))
    return found
