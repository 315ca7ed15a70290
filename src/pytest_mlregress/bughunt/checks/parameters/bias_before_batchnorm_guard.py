"""Biases that the batch norm right behind them takes away again."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.parameters import BIAS_BEFORE_BATCHNORM
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.listening.hooks import differs_from_evaluation
from pytest_mlregress.bughunt.recording.construction_lines import declared_at
from pytest_mlregress.bughunt.torch_api._private import leaf_of, node_of
from pytest_mlregress.bughunt.torch_api.operators import BATCH_NORMS, LAYER_NODES

ENOUGH = 2
ROUNDING = 1e-4
"""The nodes of convolution and of linear on one axis: channels are the second axis of both."""


@dataclass(slots=True)
class _Cancelled:
    """A layer whose output goes straight into a batch norm that uses batch statistics."""

    bias: weakref.ref[torch.Tensor]
    weight: weakref.ref[torch.Tensor]
    root: weakref.ref[nn.Module] | None
    location: str | None
    agreed: int = 0


class NormBiases(Detector):
    """A bias added to every example of a channel, whose mean over examples is subtracted next.

    Two witnesses: the autograd graph, in which batch norm takes what the layer has made, and the
    gradients at the optimizer's step, of which the bias's is rounding noise beside the weight's.
    Only in code of the user's own: a library's model is as it is.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._seen: dict[int, _Cancelled] = {}

    def on_call(self, call: ObservedCall) -> None:
        if call.name not in BATCH_NORMS or not call.direct or not differs_from_evaluation(call):
            return
        given = call.argument(0, "input")
        node = node_of(given) if isinstance(given, torch.Tensor) else None
        if node is None or not node.name().startswith(LAYER_NODES):
            return
        leaves = [leaf_of(parent) for parent, _ in node.next_functions if parent is not None]
        biases = [leaf for leaf in leaves if leaf is not None and leaf.dim() == 1]
        weight = _weight_behind(node)
        if len(biases) != 1 or weight is None or id(biases[0]) in self._seen:
            return
        running = self.progress.running
        self._seen[id(biases[0])] = _Cancelled(
            weakref.ref(biases[0]),
            weakref.ref(weight),
            weakref.ref(running[0]) if running else None,
            call.location,
        )

    def before_step(self, optimizer: Optimizer) -> None:
        for key, seen in list(self._seen.items()):
            bias, weight = seen.bias(), seen.weight()
            if bias is None or weight is None or bias.grad is None or weight.grad is None:
                continue
            if not _is_noise(bias.grad, weight.grad):
                self._seen[key].agreed = -ENOUGH  # never again within the steps that are observed
                continue
            seen.agreed += 1
            if seen.agreed == ENOUGH:
                self.progress.report(_finding(seen, bias, bias.grad, weight.grad))


def _weight_behind(node: torch.autograd.graph.Node) -> torch.Tensor | None:
    """The matrix or kernel that a layer's node multiplies with; linear transposes it first."""
    for parent, _ in node.next_functions:
        if parent is None:
            continue
        leaf = leaf_of(parent)
        if leaf is None and parent.name().startswith("TBackward"):
            above = parent.next_functions[0][0]
            leaf = None if above is None else leaf_of(above)
        if leaf is not None and leaf.dim() > 1:
            return leaf
    return None


def _is_noise(bias: torch.Tensor, weight: torch.Tensor) -> bool:
    largest = float(weight.abs().max())
    return 0 < largest < float("inf") and float(bias.abs().max()) <= ROUNDING * largest


def _finding(
    seen: _Cancelled, bias: torch.Tensor, gradient: torch.Tensor, weight: torch.Tensor
) -> Finding:
    root = seen.root() if seen.root is not None else None
    names = {} if root is None else {id(p): name for name, p in root.named_parameters()}
    name = names.get(id(bias))
    declared = None if root is None or name is None else declared_at(root, name)
    return BIAS_BEFORE_BATCHNORM.finding(
        severity="info",  # it costs a little time and memory, and nothing else
        module=name,
        location=declared or seen.location,
        evidence=f"largest gradient of the bias {float(gradient.abs().max()):.2g}, of the weight "
        f"beside it {float(weight.abs().max()):.2g}",
    )
