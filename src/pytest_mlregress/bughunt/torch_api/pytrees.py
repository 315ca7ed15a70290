"""Nests: tensors inside any arrangement of dicts, lists, tuples and dataclasses."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

Nest = Any
Path = tuple[Any, ...]


def leaves(nest: Nest, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf of a nest with the keys that lead to it, in a fixed order."""
    for key, child in _children(nest):
        yield from leaves(child, (*path, key))
    if not _is_container(nest):
        yield path, nest


def tensors(nest: Nest) -> list[torch.Tensor]:
    """Every tensor of a nest, in the order of `leaves`."""
    return [leaf for _, leaf in leaves(nest) if isinstance(leaf, torch.Tensor)]


def map_tensors(function: Callable[[torch.Tensor], Any], nest: Nest) -> Nest:
    """The same nest with `function` applied to each tensor; other leaves are kept as they are."""
    return map_leaves(lambda leaf: function(leaf) if isinstance(leaf, torch.Tensor) else leaf, nest)


def map_leaves(function: Callable[[Any], Any], nest: Nest) -> Nest:
    """The same nest, of the same container types, with `function` applied to each leaf."""
    if not _is_container(nest):
        return function(nest)
    mapped = [(key, map_leaves(function, child)) for key, child in _children(nest)]
    return _rebuild(nest, mapped)


def replace(nest: Nest, path: Path, leaf: Any) -> Nest:
    """The same nest with the leaf at `path` replaced."""
    if not path:
        return leaf
    mapped = [
        (key, replace(child, path[1:], leaf) if key == path[0] else child)
        for key, child in _children(nest)
    ]
    return _rebuild(nest, mapped)


def fresh(nest: Nest) -> Nest:
    """A copy that shares no memory with the original, as far as its leaves can be copied."""
    return map_leaves(_fresh_leaf, nest)


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


def _is_container(nest: Nest) -> bool:
    if isinstance(nest, Mapping | list | tuple):
        return True
    return dataclasses.is_dataclass(nest) and not isinstance(nest, type)


def _children(nest: Nest) -> list[tuple[Any, Any]]:
    if isinstance(nest, Mapping):
        return list(nest.items())
    if isinstance(nest, list | tuple):
        return list(enumerate(nest))
    if _is_container(nest):
        return [(field.name, getattr(nest, field.name)) for field in dataclasses.fields(nest)]
    return []


def _rebuild(nest: Nest, mapped: list[tuple[Any, Any]]) -> Nest:
    values = [child for _, child in mapped]
    if type(nest) is dict:
        return dict(mapped)
    if type(nest) in (list, tuple):
        return type(nest)(values)
    if isinstance(nest, tuple):
        return type(nest)(*values) if hasattr(nest, "_fields") else type(nest)(values)
    twin = copy.copy(nest)
    if isinstance(nest, Mapping | list):
        for key, child in mapped:
            twin[key] = child
    else:
        for key, child in mapped:
            object.__setattr__(twin, key, child)
    return twin
