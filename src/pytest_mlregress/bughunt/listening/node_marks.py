"""Marks on autograd nodes: which call made a tensor, at which line of the user's code.

The graph itself is the record: a mark lives exactly as long as its node and keeps nothing alive.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn
from torch.autograd.graph import Node

from pytest_mlregress.bughunt.recording.torch_call import NO_NUMBERS, Numbers
from pytest_mlregress.bughunt.torch_api._private import leaf_of, metadata, node_of
from pytest_mlregress.bughunt.torch_api.operators import (
    MATRIX_PRODUCTS,
    RECIPROCALS,
    SHAPE,
    SHAPE_NODES,
)

RUNS: Final = "pytest_mlregress_guard_runs"
"""In the metadata of a node: numbers of the runs of modules whose output it made."""

_KEY = "pytest_mlregress"
MOST_NODES: Final = 24
"""How far one question is followed through the graph."""

_OF_SEVERAL_NODES: Final = MATRIX_PRODUCTS | RECIPROCALS | {"linear", "cosine_similarity"}


@dataclass(frozen=True, slots=True)
class Mark:
    """The call that made a node.

    Attributes:
        name: of the function.
        location: ``file:line``.
        acts: False where it changed no element (dropout off).
        numbers: `TorchCall.numbers`, of those `WITH_NUMBERS`.
    """

    name: str
    location: str | None
    acts: bool = True
    numbers: Numbers = NO_NUMBERS


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
    node = NODE_MARKS.source(tensor, None, SHAPE | also_through if also_through else SHAPE)
    return None if node is None else mark_of(node)


class NodeMarks:
    """Answers what made a tensor from the marks on its graph."""

    def source(
        self,
        tensor: torch.Tensor,
        before: Node | None = None,
        through: Collection[str] = SHAPE,
    ) -> Node | None:
        """The node that last did more than those named in `through`; None for a leaf or data."""
        return _behind(node_of(tensor), through)

    def name(self, made: Node) -> str:
        """The name of the function that was called; of what no mark names, only a softmax's."""
        if made.name().startswith("SoftmaxBackward"):
            return "softmax"
        mark = mark_of(made)
        return "" if mark is None else mark.name

    def numbers(self, made: Node) -> Numbers:
        """`TorchCall.numbers` of the call."""
        mark = mark_of(made)
        return NO_NUMBERS if mark is None else mark.numbers

    def count(self, made: Node) -> int:
        """How many tensors it was given; a number counts where torch made a tensor of it."""
        return len(self._operands(made))

    def operand(self, made: Node, index: int, through: Collection[str] = SHAPE) -> Node | None:
        """The `source` of one of the tensors that it was given; None where there are fewer."""
        operands = self._operands(made)
        return _behind(operands[index], through) if index < len(operands) else None

    def identity(self, made: Node, index: int) -> object:
        """The node of an operand; None for one without gradients."""
        operands = self._operands(made)
        return operands[index] if index < len(operands) else None

    def takes_parameter(self, made: Node, index: int) -> bool:
        """Whether an operand is a parameter, at most reshaped."""
        operands = self._operands(made)
        node = operands[index] if index < len(operands) else None
        for _ in range(MOST_NODES):
            if node is None:
                return False
            leaf = leaf_of(node)
            if leaf is not None:
                return isinstance(leaf, nn.Parameter)
            if not _passes(node, SHAPE):
                return False
            node = _first_parent(node)
        return False

    def _operands(self, made: Node) -> list[Node | None]:
        """The nodes of what a call was given; those between belong to the call itself."""
        operands = [parent for parent, _ in made.next_functions]
        if self.name(made) not in _OF_SEVERAL_NODES:
            return operands
        for _ in range(MOST_NODES):
            inner = next((i for i, node in enumerate(operands) if _is_inner(node)), None)
            if inner is None:
                break
            node = operands[inner]
            assert node is not None
            operands[inner : inner + 1] = [parent for parent, _ in node.next_functions]
        return operands


NODE_MARKS: Final = NodeMarks()


def _behind(node: Node | None, through: Collection[str]) -> Node | None:
    for _ in range(MOST_NODES):
        if node is None or leaf_of(node) is not None:
            return None
        if not _passes(node, through):
            return node
        node = _first_parent(node)
    return None


def _passes(node: Node, through: Collection[str]) -> bool:
    made = mark_of(node)
    return is_shape_node(node) if made is None else not made.acts or made.name in through


def _first_parent(node: Node) -> Node | None:
    return next((parent for parent, _ in node.next_functions if parent is not None), None)


def _is_inner(node: Node | None) -> bool:
    return node is not None and mark_of(node) is None and leaf_of(node) is None


def is_shape_node(node: Node) -> bool:
    """Whether a node only moves, copies or casts elements."""
    return node.name().rstrip("0123456789") in SHAPE_NODES
