"""Which combinations of changes are trained: all of them, or a fraction and what it confounds.

Box, Hunter and Hunter 2005, Statistics for Experimenters, 2nd ed., table 6.22; Montgomery 2017,
Design and Analysis of Experiments, 9th ed., table 8.14.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias

#: The changes that are in the code of a cell; the empty set is BASE.
CellKey: TypeAlias = frozenset[str]

BASE: Final[CellKey] = frozenset()

#: Up to this many changes all combinations are trained.
MOST_IN_FULL: Final = 4

#: The most changes of a fractional design.
MOST_CHANGES: Final = 8

# By (number of changes, resolution): each generated change as the product of others, by position.
_GENERATORS: Final[dict[tuple[int, int], tuple[tuple[int, ...], ...]]] = {
    (5, 3): ((0, 1), (0, 2)),
    (5, 4): ((0, 1, 2),),
    (5, 5): ((0, 1, 2, 3),),
    (6, 3): ((0, 1), (0, 2), (1, 2)),
    (6, 4): ((0, 1, 2), (1, 2, 3)),
    (6, 6): ((0, 1, 2, 3, 4),),
    (7, 3): ((0, 1), (0, 2), (1, 2), (0, 1, 2)),
    (7, 4): ((0, 1, 2), (1, 2, 3), (0, 2, 3)),
    (7, 7): ((0, 1, 2, 3, 4, 5),),
    (8, 4): ((1, 2, 3), (0, 2, 3), (0, 1, 2), (0, 1, 3)),
    (8, 5): ((0, 1, 2, 3), (0, 1, 4, 5)),
}


@dataclass(frozen=True, slots=True)
class Alias:
    """Effects that one contrast of the cells estimates together.

    Attributes:
        effects: sets of changes; a set of one is a main effect, a larger one an interaction. The
            smallest come first.
        signs: 1 or -1 for each: how it enters the contrast of the first one.
    """

    effects: tuple[CellKey, ...]
    signs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FractionalDesign:
    """A regular two-level fraction.

    Attributes:
        changes: the changes.
        resolution: the smallest number of changes in a word of the defining relation: at 4 no main
            effect is confounded with an interaction of two.
        cells: the combinations to train, BASE first, then by size.
        words: the defining relation: products of changes that are constant over the cells.
        aliases: which effects of up to three changes cannot be told apart, one entry per contrast.
    """

    changes: tuple[str, ...]
    resolution: int
    cells: tuple[CellKey, ...]
    words: tuple[CellKey, ...]
    aliases: tuple[Alias, ...]


def full_design(changes: Sequence[str]) -> tuple[CellKey, ...]:
    """All combinations of the changes.

    Args:
        changes: distinct names, 1 to 4.

    Returns:
        2^k cells: BASE, then by size, in the order of the changes.

    Raises:
        ValueError: no change, more than 4, or one twice.
    """
    names = _distinct(changes)
    if len(names) > MOST_IN_FULL:
        raise ValueError(
            f"{len(names)} changes take {2 ** len(names)} cells in full; allowed are at most "
            f"{MOST_IN_FULL}, or a fractional design"
        )
    return _ordered(
        (frozenset(chosen) for n in range(len(names) + 1) for chosen in combinations(names, n)),
        names,
    )


def fractional_design(changes: Sequence[str], *, resolution: int = 4) -> FractionalDesign:
    """The standard fraction with the fewest cells of at least a resolution.

    BASE is always one of the cells.

    Args:
        changes: distinct names, 5 to 8.
        resolution: 3, 4 or more: main effects are free of interactions of fewer than
            `resolution - 1` changes.

    Returns:
        The design, with what it cannot tell apart.

    Raises:
        ValueError: a number of changes or a resolution that no standard fraction has.
    """
    names = _distinct(changes)
    known = sorted(r for n, r in _GENERATORS if n == len(names))
    if not known:
        raise ValueError(
            f"{len(names)} changes have no standard fraction; allowed are {MOST_IN_FULL + 1} to "
            f"{MOST_CHANGES}"
        )
    enough = [r for r in known if r >= resolution]
    if not enough:
        raise ValueError(
            f"resolution is {resolution}; the fractions of {len(names)} changes have "
            f"{', '.join(map(str, known))}"
        )
    generators = _GENERATORS[len(names), enough[0]]
    cells = _ordered(_generated(names, generators), names)
    words = _words(names, generators)
    return FractionalDesign(names, enough[0], cells, words, _aliases(names, cells))


def _distinct(changes: Sequence[str]) -> tuple[str, ...]:
    names = tuple(changes)
    if not names:
        raise ValueError("no change is given; needed is at least 1")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the change {twice!r} is given twice")
    return names


def _ordered(cells: Iterable[CellKey], names: tuple[str, ...]) -> tuple[CellKey, ...]:
    return tuple(sorted(cells, key=lambda cell: (len(cell), [name not in cell for name in names])))


def _generated(names: tuple[str, ...], generators: tuple[tuple[int, ...], ...]) -> list[CellKey]:
    basic = len(names) - len(generators)
    cells = []
    for bits in range(2**basic):
        on = [bool(bits >> i & 1) for i in range(basic)]
        # The sign with which the generated change is off where all its factors are off.
        on += [bool(sum(on[i] for i in factors) % 2) for factors in generators]
        cells.append(frozenset(name for name, is_on in zip(names, on, strict=True) if is_on))
    return cells


def _words(names: tuple[str, ...], generators: tuple[tuple[int, ...], ...]) -> tuple[CellKey, ...]:
    basic = len(names) - len(generators)
    alone = [
        frozenset((names[basic + i], *(names[j] for j in factors)))
        for i, factors in enumerate(generators)
    ]
    products: set[CellKey] = set()
    for n in range(1, len(alone) + 1):
        for chosen in combinations(alone, n):
            word: CellKey = frozenset()
            for factor in chosen:
                word ^= factor
            products.add(word)
    return _ordered(products, names)


def _aliases(names: tuple[str, ...], cells: tuple[CellKey, ...]) -> tuple[Alias, ...]:
    """Effects of up to three changes with proportional contrasts over the cells."""
    groups: dict[tuple[int, ...], list[tuple[CellKey, int]]] = {}
    for n in range(1, 4):
        for chosen in combinations(names, n):
            effect = frozenset(chosen)
            signs = tuple(_sign(effect, cell) for cell in cells)
            lead = signs[0]
            if len(set(signs)) == 1:
                continue  # a word of the defining relation, which no contrast estimates
            groups.setdefault(tuple(lead * sign for sign in signs), []).append((effect, lead))
    return tuple(
        Alias(
            tuple(effect for effect, _ in found),
            tuple(lead * found[0][1] for _, lead in found),
        )
        for found in groups.values()
    )


def _sign(effect: CellKey, cell: CellKey) -> int:
    return -1 if len(effect - cell) % 2 else 1
