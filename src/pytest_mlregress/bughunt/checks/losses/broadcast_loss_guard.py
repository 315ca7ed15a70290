"""Losses whose prediction and target are broadcast against each other: N x N in place of N."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch.autograd.graph import Node

from pytest_mlregress.bughunt.catalogue.losses import BROADCAST_LOSS
from pytest_mlregress.bughunt.findings import Finding, Severity
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall
from pytest_mlregress.bughunt.listening.node_marks import is_shape_node
from pytest_mlregress.bughunt.torch_api._private import metadata, node_of
from pytest_mlregress.bughunt.torch_api.operators import (
    COMBINING_NODES,
    ELEMENTWISE_LOSSES,
    POINTWISE_NODES,
    REDUCING_NODES,
    SUBTRACTIONS,
)

_KEY = "pytest_mlregress_outer"
MOST_TERMS = 32


class Broadcasts(Detector):
    """(N, 1) against (N,): every prediction is compared with every target.

    In a loss function of torch the shapes alone prove it. In a difference written by hand the
    outer difference must be what the loss averages, of a prediction and of data.
    """

    def on_call(self, call: ObservedCall) -> None:
        if call.name in ELEMENTWISE_LOSSES:
            self._judge_loss(call)
        elif call.name in SUBTRACTIONS and _is_outer(call):
            node = node_of(call.output)
            if node is not None:
                metadata(node)[_KEY] = _outer_difference(call)

    def _judge_loss(self, call: ObservedCall) -> None:
        pair = call.argument(0, "input"), call.argument(1, "target")
        if all(isinstance(t, torch.Tensor) for t in pair) and grows(*pair):
            self.progress.report(_finding(call, pair, call.name, "error"))

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        if not self.progress.observes_calls:
            return
        for root in roots:
            finding = _averaged_difference(root.grad_fn)
            if finding is not None:
                self.progress.report(finding)


def grows(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether broadcasting two tensors makes more elements than either has."""
    if one.shape == other.shape or min(one.numel(), other.numel()) < 2:
        return False
    return math.prod(together(one, other)) > max(one.numel(), other.numel())


def together(one: torch.Tensor, other: torch.Tensor) -> tuple[int, ...]:
    """The shape to which two tensors broadcast."""
    return tuple(torch.broadcast_shapes(one.shape, other.shape))  # type: ignore[no-untyped-call]


def _is_outer(call: ObservedCall) -> bool:
    """(N, 1) and (N,) of a prediction and of data; written-out outer products have equal ranks."""
    one, other = call.argument(0, "input"), call.argument(1, "other")
    if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
        return False
    if one.requires_grad == other.requires_grad or one.dim() == other.dim():
        return False
    return one.numel() == other.numel() and grows(one, other)


def _outer_difference(call: ObservedCall) -> Finding:
    pair = call.argument(0, "input"), call.argument(1, "other")
    return _finding(call, pair, "the difference", "warning")


def _averaged_difference(root: Node | None) -> Finding | None:
    """The outer difference of which a term of the loss averages or sums a pointwise function."""
    for term in _terms(root):
        found = _averaged(term)
        if found is not None:
            return found
    return None


def _terms(root: Node | None) -> Iterator[Node]:
    """The summands of a loss, with their weights."""
    queue = [root] if root is not None else []
    for node in queue:
        if node.name().startswith(COMBINING_NODES) and len(queue) < MOST_TERMS:
            queue += [parent for parent, _ in node.next_functions if parent is not None]
        else:
            yield node


def _averaged(node: Node | None) -> Finding | None:
    reduced = False
    for _ in range(8):
        if node is None:
            return None
        found = metadata(node).get(_KEY)
        if isinstance(found, Finding):
            return found if reduced else None
        name = node.name()
        reduced = reduced or name.startswith(REDUCING_NODES)
        if not is_shape_node(node) and not name.startswith(REDUCING_NODES + POINTWISE_NODES):
            return None
        node = node.next_functions[0][0] if node.next_functions else None
    return None


def _finding(
    call: ObservedCall, pair: Sequence[torch.Tensor], what: str, severity: Severity
) -> Finding:
    one, other = pair
    return BROADCAST_LOSS.finding(
        "in training",
        severity=severity,
        location=call.location,
        evidence=f"{tuple(one.shape)} and {tuple(other.shape)} make {together(one, other)}",
        what=what,
    )
