"""Walks of the autograd graph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.autograd.graph import Node

from pytest_mlregress.bughunt.torch_api import _private

_FIRST = 16


@dataclass(frozen=True)
class Graph:
    """What lies behind some roots: how many nodes, which leaves gradients will reach, and the
    operations that ran first (some of those that take a leaf).
    """

    nodes: int
    leaves: dict[int, torch.Tensor]
    first: tuple[Node, ...]


def walk(roots: list[torch.Tensor]) -> Graph:
    """Every node and leaf behind `roots`; ``leaves`` is keyed by ``id``."""
    leaves = {id(r): r for r in roots if r.requires_grad and r.grad_fn is None}
    stack = [root.grad_fn for root in roots if root.grad_fn is not None]
    seen: set[Node] = set()
    first: list[Node] = []
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        leaf = _private.leaf_of(node)
        if leaf is not None:
            leaves[id(leaf)] = leaf
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        if any(_private.leaf_of(parent) is not None for parent in parents):
            first.append(node)
        stack.extend(parents)
    return Graph(len(seen), leaves, tuple(first[-_FIRST:]))
