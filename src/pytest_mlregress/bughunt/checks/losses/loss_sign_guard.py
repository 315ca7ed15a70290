"""Losses that are maximised: a measure of error with the wrong sign before backward()."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import torch
from torch import nn
from torch.autograd.graph import Node
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.losses import WRONG_LOSS_SIGN
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.listening.node_marks import is_shape_node, mark_of
from pytest_mlregress.bughunt.torch_api._private import metadata, node_of, saved
from pytest_mlregress.bughunt.torch_api.loss_functions import EXPECTS
from pytest_mlregress.bughunt.torch_api.operators import REDUCING_NODES

ENOUGH = 3
MOST_NODES = 12
_KEY = "pytest_mlregress_error"


class Ascent(Detector):
    """A single optimizer follows the one term of the loss the wrong way.

    The term is an error against data, or the log-probability of data.

    Several optimizers (adversaries), models of which a part is frozen or not optimized (patches,
    inputs that are to fool them), weights per example (policy gradients) and sums pass.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._roots: dict[int, weakref.ref[nn.Module]] = {}
        self._signs: list[float | None] = []
        self._location: str | None = None
        self._row = 0

    def entered(self, module: nn.Module, outermost: bool) -> None:
        if outermost and torch.is_grad_enabled():
            self._roots[id(module)] = weakref.ref(module)

    def on_call(self, call: ObservedCall) -> None:
        if call.name not in EXPECTS:
            return
        given, target = call.argument(0, "input"), call.argument(1, "target")
        if not isinstance(given, torch.Tensor) or not isinstance(target, torch.Tensor):
            return
        node = node_of(call.output) if isinstance(call.output, torch.Tensor) else None
        if node is not None and given.requires_grad and _is_data(target):
            metadata(node)[_KEY] = True

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        if self.progress.initial:
            self._location = location
            self._signs += [_sign(root.grad_fn) for root in roots]

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        signs, self._signs = self._signs, []
        if not self.progress.initial or len(self.progress.counts) > 1:
            return
        ascends = bool(signs) and all(sign is not None and sign < 0 for sign in signs)
        maximises = any(group.get("maximize") for group in optimizer.param_groups)
        self._row = self._row + 1 if ascends and not maximises and self._trains_all() else 0
        if self._row == ENOUGH:
            self.progress.report(
                WRONG_LOSS_SIGN.finding(
                    "error grows",
                    location=self._location,
                    evidence=f"a negative multiple of the error at {ENOUGH} steps in a row",
                )
            )

    def _trains_all(self) -> bool:
        """Whether the optimizer owns all parameters of all models that ran with gradients."""
        owned = self.progress.owned()
        roots = [root for ref in self._roots.values() if (root := ref()) is not None]
        held = [p for root in roots for p in root.parameters()]
        return bool(held) and all(id(p) in owned and p.requires_grad for p in held)


def _is_data(target: torch.Tensor) -> bool:
    if target.requires_grad or target.numel() < 2:
        return False
    return bool((target != target.flatten()[0]).any())


def _sign(node: Node | None) -> float | None:
    """How a loss depends on the error that it is a multiple of; None for other losses."""
    sign = 1.0
    for _ in range(MOST_NODES):
        if node is None:
            return None
        if _KEY in metadata(node):
            return sign
        if _picks_log_probability(node):
            return -sign
        name = node.name()
        if name.startswith("NegBackward"):
            sign = -sign
        elif name.startswith(("MulBackward", "DivBackward")):
            factor = _factor(node)
            if not factor:
                return None
            sign = -sign if factor < 0 else sign
        elif not name.startswith(REDUCING_NODES) and not is_shape_node(node):
            return None
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        node = parents[0] if len(parents) == 1 else None
    return None


def _factor(node: Node) -> float | None:
    """The one number that a node multiplies with, or divides by."""
    other = saved(node, "_saved_other")
    if isinstance(other, torch.Tensor):
        return float(other) if other.numel() == 1 and not other.requires_grad else None
    return float(other) if isinstance(other, int | float) else None


def _picks_log_probability(node: Node) -> bool:
    """``log_softmax(…)[arange, labels]`` or ``.gather(1, labels)``."""
    if not node.name().startswith(("IndexBackward", "GatherBackward")):
        return False
    parent = node.next_functions[0][0]
    made = mark_of(node)
    direct = made is not None and made.name in ("gather", "__getitem__")
    return direct and parent is not None and parent.name().startswith("LogSoftmaxBackward")
