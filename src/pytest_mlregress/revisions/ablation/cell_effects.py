"""The effects of changes from the cells that could be trained, and what remains unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations as subsets
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from pytest_mlregress.margins import MarginLike, read_margin
from pytest_mlregress.plurals import plural
from pytest_mlregress.revisions.ablation.cell_commits import cell_name

if TYPE_CHECKING:
    from pytest_mlregress.statistics.factorial_designs import CellKey
    from pytest_mlregress.statistics.factorial_looks import FactorialLook
    from pytest_mlregress.statistics.factorial_results import FactorialEffects

__all__ = ["Combinations", "as_one_seed", "effects_of_cells", "repeated"]


@dataclass(frozen=True, slots=True)
class Combinations:
    """The changes and the combinations of them that are planned.

    Attributes:
        names: the names of the changes, in order.
        planned: the combinations, the base first; those that were left out are among them.
        fraction: whether they are a fraction of all.
    """

    names: tuple[str, ...]
    planned: tuple[CellKey, ...]
    fraction: bool

    def cell_name(self, members: CellKey) -> str:
        """What a combination is called.

        Args:
            members: the names of the changes in it.

        Returns:
            ``BASE``, or their names joined by ``+``.
        """
        return cell_name(self.names, members)


def effects_of_cells(
    combinations: Combinations,
    values: Mapping[CellKey, Mapping[int, float]],
    missing: Mapping[CellKey, str],
    *,
    higher_is_better: bool,
    margin: MarginLike,
    look: FactorialLook | None,
    most_seeds: int,
) -> tuple[FactorialEffects | None, str]:
    """The effects that the cells with values show.

    Args:
        combinations: the changes, and the cells that were planned.
        values: by cell and seed, in metric units; infinite for a failed seed.
        missing: why cells have no values.
        higher_is_better: the direction of the metric.
        margin: the smallest loss that matters.
        look: the levels of this look; None for the default level, at the only look.
        most_seeds: the number of seeds per cell at the last look.

    Returns:
        The effects, None where there are none; and what is missing, as a sentence, else empty.
    """
    from pytest_mlregress.statistics.factorial import factorial_effects

    base = values.get(frozenset())
    if base is None or len(values) < 2:
        return None, _problem(combinations, missing, None)
    found = factorial_effects(
        values,
        higher_is_better=higher_is_better,
        margin=_in_units(margin, base),
        changes=combinations.names,
        look=look,
        most_seeds=most_seeds,
    )
    return found, _problem(combinations, missing, found)


def repeated(
    values: Mapping[CellKey, Mapping[int, float]],
) -> dict[CellKey, dict[int, float]]:
    """The values of a deterministic training, which any other seed would give again.

    Args:
        values: by cell and seed, a single seed each.

    Returns:
        The value of each cell for as many seeds as a full run has: differences are exact.
    """
    from pytest_mlregress.statistics.factorial_looks import MOST_SEEDS

    return {
        cell: dict.fromkeys(range(MOST_SEEDS), next(iter(sample.values())))
        for cell, sample in values.items()
    }


def as_one_seed(found: FactorialEffects) -> FactorialEffects:
    """The effects of `repeated` values, with the number of seeds that were trained.

    Args:
        found: the effects.

    Returns:
        The effects.
    """
    cells = {
        cell: replace(summary, seeds=1, failed=min(summary.failed, 1), sd=math.nan)
        for cell, summary in found.cells.items()
    }
    return replace(found, cells=cells)


def _in_units(margin: MarginLike, base: Mapping[int, float]) -> float | None:
    """A margin in metric units; None where it is what the seeds of the base can show."""
    kind, amount = read_margin(margin)
    if kind == "absolute":
        return amount or None
    finite = [value for value in base.values() if math.isfinite(value)]
    if kind == "relative" and finite:
        return amount * abs(fmean(finite)) or None
    if kind == "sd" and len(finite) > 1:
        return amount * stdev(finite) or None
    return None


def _problem(
    combinations: Combinations,
    missing: Mapping[CellKey, str],
    found: FactorialEffects | None,
) -> str:
    """Which cells are missing, and what is not known for that."""
    cells = [
        f"{combinations.cell_name(cell)} ({missing[cell]})"
        for cell in combinations.planned
        if cell in missing
    ]
    if not cells:
        return ""
    changes = found.changes if found is not None else ()
    crossed = {effect.changes for effect in (found.interactions if found is not None else ())}
    measured = {c.change for c in changes if c.alone or c.with_others or c.main}
    unknown = [name for name in combinations.names if name not in measured]
    apart = [
        f"{first} and {second}"
        for first, second in subsets(combinations.names, 2)
        if {first, second} <= measured and (first, second) not in crossed
    ]
    texts = []
    if unknown:
        texts.append(f"the {plural('effect', len(unknown))} of {', '.join(unknown)}")
    if apart and not combinations.fraction:
        texts.append(f"whether {', '.join(apart)} act on each other")
    known = f"it is not known: {'; '.join(texts)}" if texts else "less is certain"
    return f"without {', '.join(cells)}, {known}"
