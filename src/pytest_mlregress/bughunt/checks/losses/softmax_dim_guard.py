"""Attention weights that are averaged along another axis than their softmax ran along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.autograd.graph import Node

from pytest_mlregress.bughunt.catalogue.losses import WRONG_SOFTMAX_DIM
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.listening.node_marks import is_shape_node, mark_of
from pytest_mlregress.bughunt.torch_api._private import leaf_of, node_of, saved
from pytest_mlregress.bughunt.torch_api.operators import (
    DROPOUTS,
    MATRIX_PRODUCTS,
    SCORE_ARITHMETIC,
    SHAPE,
)

SIGHTINGS = 2
TOLERANCE = 0.05
MOST_NODES = 24


@dataclass(frozen=True, slots=True)
class _Weights:
    """Where attention weights come from: the node of the softmax, and what happened to them."""

    softmax: Node
    location: str | None
    name: str
    dropped: bool
    reshaped: bool


class SoftmaxAxes(Detector):
    """At the product that averages values, the weights must sum to one along the averaged axis.

    Only scores that are themselves a product of two activations count: what a layer scores (soft
    assignments, pooling) is normalised over another axis on purpose.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._sightings: dict[str | None, int] = {}

    def on_call(self, call: ObservedCall) -> None:
        if call.name not in MATRIX_PRODUCTS or not call.direct:
            return
        for operand, axis in _contracted(call):
            found = _softmax_behind(operand)
            weights = None if found is None else _before_dropout(operand, found)
            if found is None or weights is None or not _is_attention(found.softmax):
                continue
            sums = weights.detach().sum(axis)
            if not bool(sums.isfinite().all()) or bool(((sums - 1).abs() < TOLERANCE).all()):
                continue
            seen = self._sightings[found.location] = self._sightings.get(found.location, 0) + 1
            if seen == SIGHTINGS:
                self.progress.report(_finding(found, operand, sums))


def _contracted(call: ObservedCall) -> Iterator[tuple[torch.Tensor, int]]:
    """The operands of a product, each with the one axis that is summed over."""
    if call.name == "einsum":
        yield from _contracted_by_einsum(call)
        return
    operands = [t for t in (*call.arguments, *call.keywords.values()) if _is_tensor(t)][-2:]
    if len(operands) == 2 and min(t.dim() for t in operands) >= 2:
        yield operands[0], operands[0].dim() - 1
        yield operands[1], operands[1].dim() - 2


def _contracted_by_einsum(call: ObservedCall) -> Iterator[tuple[torch.Tensor, int]]:
    equation = call.argument(0, "equation")
    if not isinstance(equation, str) or "->" not in equation or "." in equation:
        return
    left, right = equation.replace(" ", "").split("->")
    operands = [t for t in call.arguments[1:] if _is_tensor(t)]
    for letters, operand in zip(left.split(","), operands, strict=False):
        summed = [axis for axis, letter in enumerate(letters) if letter not in right]
        if len(summed) == 1:
            yield operand, summed[0]


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def _softmax_behind(weights: torch.Tensor) -> _Weights | None:
    """The softmax that made these weights: torch's, or exp divided by its own sum."""
    dropped = reshaped = False
    node = node_of(weights)
    for _ in range(MOST_NODES):
        if node is None:
            return None
        made = mark_of(node)
        name = node.name()
        if name.startswith("SoftmaxBackward") or _is_handmade(node):
            location = None if made is None else made.location
            return _Weights(node, location, "softmax", dropped, reshaped)
        if made is not None and made.name in DROPOUTS:
            dropped |= made.acts
        elif is_shape_node(node) or (made is not None and made.name in SHAPE):
            reshaped = True
        else:
            return None
        node = node.next_functions[0][0] if node.next_functions else None
    return None


def _is_handmade(node: Node) -> bool:
    """Whether a node is ``exp(x) / exp(x).sum(axis, keepdim=True)``."""
    if not node.name().startswith("DivBackward") or len(node.next_functions) != 2:
        return False
    above, below = (parent for parent, _ in node.next_functions)
    if above is None or below is None or not above.name().startswith("ExpBackward"):
        return False
    summed = below.next_functions[0][0] if below.name().startswith("SumBackward") else None
    return summed is not None and summed.name().startswith("ExpBackward")


def _before_dropout(operand: torch.Tensor, found: _Weights) -> torch.Tensor | None:
    """The weights that were averaged, without dropout; None where that cannot be told."""
    result = saved(found.softmax, "_saved_result")
    if result is not None and result.numel() != operand.numel():
        return None  # a part of the weights: sinks, global and local keys, blocks
    if not found.dropped:
        return operand
    return None if found.reshaped or result is None else result


def _is_attention(softmax: Node) -> bool:
    """Whether the scores are, up to scale and mask, a product of two activations."""
    node = softmax.next_functions[0][0]
    if softmax.name().startswith("DivBackward") and node is not None:
        node = node.next_functions[0][0]  # what exp was taken of
    for _ in range(MOST_NODES):
        if node is None:
            return False
        made = mark_of(node)
        if made is not None and made.name in MATRIX_PRODUCTS:
            return not _multiplies_parameter(node)
        if not is_shape_node(node) and (made is None or made.name not in SHAPE | SCORE_ARITHMETIC):
            return False
        node = next((parent for parent, _ in node.next_functions if parent is not None), None)
    return False


def _multiplies_parameter(product: Node) -> bool:
    """Whether a factor of a product is a parameter itself; a call may have made several nodes."""
    queue = [product]
    for node in queue:
        for parent, _ in node.next_functions:
            if parent is None:
                continue
            if isinstance(leaf_of(parent), nn.Parameter):
                return True
            made = mark_of(parent)
            if (made is None or made.name in SHAPE) and len(queue) < MOST_NODES:
                queue.append(parent)
    return False


def _finding(found: _Weights, weights: torch.Tensor, sums: torch.Tensor) -> Finding:
    return WRONG_SOFTMAX_DIM.finding(
        location=found.location,
        evidence=f"{found.name} of shape {tuple(weights.shape)} sums to {float(sums.min()):.3f} … "
        f"{float(sums.max()):.3f} along the averaged axis",
    )
