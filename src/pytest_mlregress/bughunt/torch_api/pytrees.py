"""Pytrees: tensors inside any arrangement of dicts, lists, tuples and dataclasses."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

PyTree = Any
Path = tuple[Any, ...]


def leaves(pytree: PyTree, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf of a pytree with the keys that lead to it, in a fixed order."""
    for key, child in _children(pytree):
        yield from leaves(child, (*path, key))
    if not _is_container(pytree):
        yield path, pytree


def tensors(pytree: PyTree) -> list[torch.Tensor]:
    """Every tensor of a pytree, in the order of `leaves`."""
    return [leaf for _, leaf in leaves(pytree) if isinstance(leaf, torch.Tensor)]


def map_tensors(function: Callable[[torch.Tensor], Any], pytree: PyTree) -> PyTree:
    """The same pytree with `function` applied to each tensor; other leaves are kept as they are."""
    return map_leaves(
        lambda leaf: function(leaf) if isinstance(leaf, torch.Tensor) else leaf, pytree
    )


def map_leaves(function: Callable[[Any], Any], pytree: PyTree) -> PyTree:
    """The same pytree, of the same container types, with `function` applied to each leaf."""
    if not _is_container(pytree):
        return function(pytree)
    mapped = [(key, map_leaves(function, child)) for key, child in _children(pytree)]
    return _rebuild(pytree, mapped)


def replace(pytree: PyTree, path: Path, leaf: Any) -> PyTree:
    """The same pytree with the leaf at `path` replaced."""
    if not path:
        return leaf
    mapped = [
        (key, replace(child, path[1:], leaf) if key == path[0] else child)
        for key, child in _children(pytree)
    ]
    return _rebuild(pytree, mapped)


def fresh(pytree: PyTree) -> PyTree:
    """A copy that shares no memory with the original, as far as its leaves can be copied."""
    return map_leaves(_fresh_leaf, pytree)


def _fresh_leaf(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor):
        if leaf.is_sparse or leaf.layout != torch.strided:
            return leaf.detach().clone().requires_grad_(leaf.requires_grad)
        return (
            leaf.detach()
            .clone(memory_format=torch.preserve_format)
            .requires_grad_(leaf.requires_grad)
        )
    try:
        return copy.deepcopy(leaf)
    except Exception:  # an open file, a lock, a generator: shared is the best that can be done
        return leaf


def _is_container(pytree: PyTree) -> bool:
    if isinstance(pytree, Mapping | list | tuple):
        return True
    return dataclasses.is_dataclass(pytree) and not isinstance(pytree, type)


def _children(pytree: PyTree) -> list[tuple[Any, Any]]:
    if isinstance(pytree, Mapping):
        return list(pytree.items())
    if isinstance(pytree, list | tuple):
        return list(enumerate(pytree))
    if _is_container(pytree):
        return [(field.name, getattr(pytree, field.name)) for field in dataclasses.fields(pytree)]
    return []


def _rebuild(pytree: PyTree, mapped: list[tuple[Any, Any]]) -> PyTree:
    values = [child for _, child in mapped]
    if type(pytree) is dict:
        return dict(mapped)
    if type(pytree) in (list, tuple):
        return type(pytree)(values)
    if isinstance(pytree, tuple):
        return type(pytree)(*values) if hasattr(pytree, "_fields") else type(pytree)(values)
    copied = copy.copy(pytree)
    if isinstance(pytree, Mapping | list):
        for key, child in mapped:
            copied[key] = child
    else:
        for key, child in mapped:
            object.__setattr__(copied, key, child)
    return copied
