"""Batches as users have them: tensors or arrays in tuples, lists and mappings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PerSeed:
    """A batch with one part per seed.

    Attributes:
        batch: a tensor or array of shape ``(seeds, ...)``, or a tuple, list or mapping of such.
    """

    batch: Any

    def of(self, place: int) -> Any:
        """The batch of one seed.

        Args:
            place: its place among the seeds, from 0.

        Returns:
            The same structure with tensors of shape ``(...)``.
        """
        return map_tensors(lambda tensor: tensor[place], self.batch)


def map_leaves(of_tensor: Callable[[Any], Any], of_other: Callable[[Any], Any], nest: Any) -> Any:
    """The same structure with another value for each leaf.

    Args:
        of_tensor: called with each tensor or array.
        of_other: called with each other leaf.
        nest: a leaf, or a tuple, list or mapping of nests.

    Returns:
        The structure.
    """
    if hasattr(nest, "shape") and hasattr(nest, "dtype"):
        return of_tensor(nest)
    if isinstance(nest, Mapping):
        return {name: map_leaves(of_tensor, of_other, one) for name, one in nest.items()}
    if isinstance(nest, (tuple, list)):
        mapped = [map_leaves(of_tensor, of_other, one) for one in nest]
        return type(nest)(*mapped) if hasattr(nest, "_fields") else type(nest)(mapped)
    return of_other(nest)


def map_tensors(function: Callable[[Any], Any], nest: Any) -> Any:
    """The same structure with another value for each tensor, and all else as it is.

    Args:
        function: called with each tensor or array.
        nest: as in `map_leaves`.

    Returns:
        The structure.
    """
    return map_leaves(function, lambda other: other, nest)


def tensors_in(nest: Any) -> list[Any]:
    """All tensors and arrays in a structure, in order.

    Args:
        nest: as in `map_leaves`.

    Returns:
        The tensors.
    """
    found: list[Any] = []
    map_tensors(found.append, nest)
    return found


def seed_axes(nest: Any) -> Any:
    """For ``in_dims`` and ``in_axes``: 0 for each tensor or array, None for anything else.

    Args:
        nest: as in `map_leaves`.

    Returns:
        The structure.
    """
    return map_leaves(lambda tensor: 0, lambda other: None, nest)
