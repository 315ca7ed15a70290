"""Marks on autograd nodes: which call made a tensor, at which line of the user's code.

The graph itself is the record: a mark lives exactly as long as its node and keeps nothing alive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.autograd.graph import Node

from pytest_mlregress.bughunt.torch_api._private import metadata, node_of
from pytest_mlregress.bughunt.torch_api.operators import SHAPE

RUNS: Final = "pytest_mlregress_guard_runs"
"""In the metadata of a node: numbers of the runs of modules whose output it made."""

_KEY = "pytest_mlregress"
# Nodes of calls that move, copy or cast elements; one user-level call may make several.
_SHAPE_NODES = (
    "View|UnsafeView|ReshapeAlias|Transpose|Permute|T|Squeeze|Unsqueeze|Expand|Clone|ToCopy|Slice|"
    "Select|Index|Split|SplitWithSizes|Unbind|Alias|AsStrided|Gather|MaskedSelect|IndexSelect"
)
_SHAPE_NODE_NAMES = frozenset(f"{name}Backward" for name in _SHAPE_NODES.split("|"))


@dataclass(frozen=True, slots=True)
class Mark:
    """The call that made a node; `acts` is False where it changed no element (dropout off)."""

    name: str
    location: str | None
    acts: bool = True


def mark(output: Any, made: Mark) -> None:
    """Mark the node behind a call's output, or those behind a tuple of outputs."""
    for tensor in output if isinstance(output, list | tuple) else (output,):
        node = node_of(tensor) if isinstance(tensor, torch.Tensor) else None
        if node is not None:
            metadata(node).setdefault(_KEY, made)


def mark_of(node: Node) -> Mark | None:
    """The mark of a node."""
    found = metadata(node).get(_KEY)
    return found if isinstance(found, Mark) else None


def source(tensor: torch.Tensor, also_through: frozenset[str] = frozenset()) -> Mark | None:
    """The call that made a tensor's numbers, looking through mere reshaping.

    None for leaves, for data and where the call was not observed.
    """
    through = SHAPE | also_through
    node = node_of(tensor)
    while node is not None:
        made = mark_of(node)
        if made is None and not is_shape_node(node):
            return None
        if made is not None and made.acts and made.name not in through:
            return made
        node = node.next_functions[0][0] if node.next_functions else None
    return None


def is_shape_node(node: Node) -> bool:
    """Whether a node only moves, copies or casts elements."""
    return node.name().rstrip("0123456789") in _SHAPE_NODE_NAMES
