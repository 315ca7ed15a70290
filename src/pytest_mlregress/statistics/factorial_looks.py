"""When the cells of an ablation are looked at, and what each look may spend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.statistics.factorial_results import FactorialEffects
from pytest_mlregress.statistics.pair_design import pair_design, pair_looks

#: The most seeds of a cell, unless the user says otherwise.
MOST_SEEDS: Final = 34


@dataclass(frozen=True, slots=True)
class FactorialLook:
    """One look at all cells.

    Attributes:
        seeds: seeds in each cell.
        alpha: the level of all losses together at this look; 0 where none can be shown.
        safety: the level of excluding a loss; 0 where none can be excluded.
        last: whether it is the last one.
    """

    seeds: int
    alpha: float
    safety: float
    last: bool


def factorial_looks(
    n_changes: int, *, most_seeds: int = MOST_SEEDS, alpha: float = 0.05
) -> tuple[FactorialLook, ...]:
    """Looks after 5, 8, 13, 21, 34 ... seeds per cell, up to the last one.

    Each test spends its Bonferroni share of `alpha` as live pairs do (`pair_design`); a look that
    can neither show nor exclude a loss is left out.

    Args:
        n_changes: number of changes.
        most_seeds: the largest number of seeds in a cell.
        alpha: the probability of any false loss over all looks.

    Returns:
        At least one look.

    Raises:
        ValueError: a bad value.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha={alpha!r} is not a probability; allowed is 0 < alpha < 1")
    if n_changes < 1:
        raise ValueError(f"n_changes is {n_changes!r}; allowed is at least 1")
    tests = family_size(n_changes)
    design = pair_design(pair_looks(most_seeds), alpha / tests, "pairs")
    looks = zip(design.looks, design.reject, design.accept, strict=True)
    return tuple(
        FactorialLook(seeds, min(tests * reject, alpha), accept, seeds == most_seeds)
        for seeds, reject, accept in looks
        if reject > 0.0 or accept > 0.0 or seeds == most_seeds
    )


def family_size(n_changes: int) -> int:
    """The number of losses that an ablation tests.

    Each change alone, with the others, and on average; and each combination of two and more.

    Args:
        n_changes: number of changes.

    Returns:
        The number; up to four changes have all combinations.
    """
    if n_changes == 1:
        return 1
    return 3 * n_changes + (2**n_changes - 1 - n_changes if n_changes <= 4 else 0)


def next_seeds(effects: FactorialEffects, looks: Sequence[FactorialLook]) -> int | None:
    """How many seeds per cell the next look takes.

    Args:
        effects: what the last look found.
        looks: all looks.

    Returns:
        The number; None where each change is decided, or no look is left.
    """
    if effects.decided:
        return None
    trained = min(cell.seeds for cell in effects.cells.values())
    return next((look.seeds for look in looks if look.seeds > trained), None)


__all__ = ["MOST_SEEDS", "FactorialLook", "factorial_looks", "family_size", "next_seeds"]
