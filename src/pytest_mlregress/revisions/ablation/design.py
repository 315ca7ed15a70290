"""Which combinations of the changes are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_mlregress.revisions.ablation.cell_commits import cell_name
from pytest_mlregress.revisions.command_error import CommandError

if TYPE_CHECKING:
    from pytest_mlregress.statistics.factorial_designs import CellKey, FractionalDesign

__all__ = ["Design", "members_of", "plan_design"]

_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Design:
    """The combinations of an ablation.

    Attributes:
        cells: those to train, the base first.
        left_out: those that the user left out.
        resolution: that of a fraction; None where all combinations are planned.
        confounded: what a fraction cannot tell apart, as a sentence; empty without a fraction.
    """

    cells: tuple[CellKey, ...]
    left_out: tuple[CellKey, ...]
    resolution: int | None
    confounded: str


def plan_design(names: Sequence[str], *, fraction: bool, without: Sequence[CellKey]) -> Design:
    """All combinations of up to 4 changes, a fraction of those of 5 to 8.

    Args:
        names: the names of the changes.
        fraction: whether the user asked for a fraction.
        without: combinations to leave out.

    Returns:
        The design.

    Raises:
        CommandError: too many changes, or a fraction that is not asked for or not needed.
    """
    from pytest_mlregress.statistics.factorial_designs import (
        MOST_CHANGES,
        MOST_IN_FULL,
        fractional_design,
        full_design,
    )

    n = len(names)
    if n > MOST_CHANGES:
        raise CommandError(
            f"{n} changes; at most {MOST_CHANGES} can be told apart in one run: give some of them "
            "together, as a branch or range that holds several, and then split the one that loses"
        )
    if n <= MOST_IN_FULL:
        if fraction:
            raise CommandError(
                f"--fraction is for {MOST_IN_FULL + 1} to {MOST_CHANGES} changes; {n} of them take "
                f"{2**n} combinations, which are all trained: leave --fraction out"
            )
        cells, resolution, confounded = full_design(names), None, ""
    else:
        planned = fractional_design(names)
        if not fraction:
            raise CommandError(
                f"{n} changes take {2**n} combinations; add --fraction to train "
                f"{len(planned.cells)} of them. {_confounded(planned)}"
            )
        cells, resolution, confounded = planned.cells, planned.resolution, _confounded(planned)
    left_out = tuple(cell for cell in cells if cell in without)
    _refuse_useless(names, cells, without)
    return Design(
        tuple(cell for cell in cells if cell not in without), left_out, resolution, confounded
    )


def members_of(text: str, names: Sequence[str], option: str) -> CellKey:
    """The combination that a text such as ``A+B`` names.

    Args:
        text: the names, joined by ``+``.
        names: the names of all changes.
        option: the option that it is the value of.

    Returns:
        The names in it.

    Raises:
        CommandError: it names a change that there is not, or fewer than two.
    """
    members = frozenset(name.strip() for name in text.split("+"))
    unknown = sorted(members - set(names))
    if unknown or len(members) < 2:
        raise CommandError(
            f"{option} {text!r} is no combination of changes: expected two or more of "
            f"{', '.join(names)} joined by +"
        )
    return members


def _refuse_useless(
    names: Sequence[str], cells: Sequence[CellKey], without: Sequence[CellKey]
) -> None:
    for cell in without:
        if cell not in cells:
            raise CommandError(
                f"--without {cell_name(names, cell)}: that combination is not trained anyway"
            )


def _confounded(design: FractionalDesign) -> str:
    """Which effects the fraction cannot tell apart: those of single changes, then of two."""
    mains = [alias for alias in design.aliases if len(alias.effects[0]) == 1]
    mixed = [alias for alias in mains if any(len(effect) == 2 for effect in alias.effects)]
    pairs = [
        [effect for effect in alias.effects if len(effect) == 2]
        for alias in design.aliases
        if len(alias.effects[0]) == 2
    ]
    groups = [
        " = ".join(" x ".join(n for n in design.changes if n in effect) for effect in group)
        for group in pairs
        if len(group) > 1
    ]
    if mixed:
        return "Effects of single changes are confounded with interactions of two"
    if not groups:
        return (
            "Effects of single changes and interactions of two are free of each other, and "
            "confounded with interactions of three or more alone"
        )
    more = f" and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else ""
    return (
        "Effects of single changes are free of interactions of two; these interactions cannot be "
        f"told apart: {'; '.join(groups[:_SHOWN])}{more}"
    )
