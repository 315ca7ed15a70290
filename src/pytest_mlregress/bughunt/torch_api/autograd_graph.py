"""Walks of the autograd graph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from pytest_mlregress.bughunt.torch_api import _private

_FIRST = 16


@dataclass(frozen=True)
class Graph:
    """What lies behind some roots.

    Attributes:
        nodes: how many.
        leaves: those that gradients will reach, by ``id``.
        first: some operations that ran first, of those that take a leaf.
        marks: what nodes hold in their metadata under the key that was asked for.
    """

    nodes: int
    leaves: dict[int, torch.Tensor]
    first: tuple[Node, ...]
    marks: frozenset[int] = frozenset()


def walk(roots: list[torch.Tensor], key: str | None = None) -> Graph:
    """Every node and leaf behind `roots`.

    Args:
        roots: tensors with or without a graph.
        key: of the nodes' metadata, where a set of numbers may be found; None reads none.
    """
    leaves = {id(r): r for r in roots if r.requires_grad and r.grad_fn is None}
    stack = [root.grad_fn for root in roots if root.grad_fn is not None]
    seen: set[Node] = set()
    first: list[Node] = []
    marks: set[int] = set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if key is not None:
            marks |= _private.metadata(node).get(key, frozenset())
        leaf = _private.leaf_of(node)
        if leaf is not None:
            leaves[id(leaf)] = leaf
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        if any(_private.leaf_of(parent) is not None for parent in parents):
            first.append(node)
        stack.extend(parents)
    return Graph(len(seen), leaves, tuple(first[-_FIRST:]), frozenset(marks))


def custom_nodes(roots: list[torch.Tensor]) -> list[Node]:
    """The nodes behind `roots` that a ``torch.autograd.Function`` of Python made."""
    stack = [root.grad_fn for root in roots if root.grad_fn is not None]
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(parent for parent, _ in node.next_functions if parent is not None)
    return [node for node in seen if isinstance(node, BackwardCFunction)]
