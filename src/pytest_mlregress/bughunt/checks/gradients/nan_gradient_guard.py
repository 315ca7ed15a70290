"""NaN and infinity, and the operation at which they begin."""

from __future__ import annotations

import cmath
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.autograd.graph import Node
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.gradients import NAN_GRADIENT
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.listening.node_marks import mark_of
from pytest_mlregress.bughunt.recording.source_lines import caller
from pytest_mlregress.bughunt.torch_api._private import saved
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of
from pytest_mlregress.bughunt.torch_api.sparse_tensors import is_finite, stored

MOST_NODES = 20_000
_SAVED_INPUTS = ("_saved_self", "_saved_other", "_saved_mat1", "_saved_mat2", "_saved_input")
_SAVED_OUTPUTS = ("_saved_result", "_saved_output", "_saved_result1")


class Finiteness(Detector):
    """A loss or gradient that is not finite and that the optimizer applies.

    The loss is read before every backward pass (on accelerators, where that would wait for the
    device, only while attentive), one small gradient before a step when the loss was not finite
    or while attentive. A scaled loss whose overflowing step is skipped never gets to the
    optimizer and passes. The line comes from the marks of the first steps: the graph of a later
    step has the same nodes in the same order.
    """

    tireless = True

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._lines: list[tuple[str, str | None]] = []
        self._suspect: tuple[float, str | None, str] | None = None
        self._probes: dict[int, torch.Tensor | None] = {}
        self._done = False

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        if self._done:
            return
        for root in roots:
            if root.numel() != 1 or root.grad_fn is None:
                continue
            if self.progress.observes_calls and not self._lines:
                self._lines = [_label(node) for node in _nodes(root)]
            if root.is_cpu or self.progress.observes_modules:
                value = root.item()
                if not cmath.isfinite(value):
                    self._suspect = value, *self._culprit(root, location or caller())
                    self.progress.alarmed = True

    def before_step(self, optimizer: Optimizer) -> None:
        if self._done or (self._suspect is None and not self.progress.observes_modules):
            return  # a gradient that is not finite makes the next loss so
        probe = self._probe(optimizer)
        gradient = None if probe is None else probe.grad
        if gradient is None:
            return
        if not (gradient.is_cpu or self.progress.observes_modules):
            return
        total = stored(gradient)[-1].sum().item()
        if not cmath.isfinite(total) and not is_finite(gradient):
            self._report(optimizer)
        self._suspect = None
        self.progress.alarmed = False

    def _probe(self, optimizer: Optimizer) -> torch.Tensor | None:
        """The smallest parameter among the first that have a gradient: all others lie behind."""
        if id(optimizer) not in self._probes or self._probes[id(optimizer)] is None:
            reached = [p for p in parameters_of(optimizer) if p.grad is not None][:4]
            smallest = min(reached, key=lambda p: p.numel(), default=None)
            self._probes[id(optimizer)] = smallest
        return self._probes[id(optimizer)]

    def _report(self, optimizer: Optimizer) -> None:
        self._done = True
        applied = [p.grad for p in parameters_of(optimizer) if p.grad is not None]
        bad = sum(not is_finite(g) for g in applied)
        value, location, name = self._suspect or (None, None, "")
        if value is None:
            variant, evidence = "applied gradient", "finite loss"
        else:
            variant, evidence = "applied loss", f"loss = {value}"
        self.progress.report(
            NAN_GRADIENT.finding(
                variant,
                location=location,
                evidence=f"{evidence}; {bad} of {len(applied)} gradients at step "
                f"{self.progress.counts.get(id(optimizer), 0) + 1}",
                origin=f"; it begins at {name}" if name else "",
            )
        )

    def _culprit(self, root: torch.Tensor, location: str | None) -> tuple[str | None, str]:
        """Line and name of the first operation whose inputs are finite and whose output is not."""
        nodes = list(_nodes(root))
        for index in reversed(range(len(nodes))):
            node = nodes[index]
            if _makes_infinity(node):
                return self._line(nodes, index) or location, _plain_name(node)
        return location, ""

    def _line(self, nodes: list[Node], index: int) -> str | None:
        """The line of a node, by its own mark or by that of its like in the first steps."""
        made = mark_of(nodes[index])
        if made is not None:
            return made.location
        name = nodes[index].name()
        if len(nodes) == len(self._lines) and self._lines[index][0] == name:
            return self._lines[index][1]
        lines = {line for other, line in self._lines if other == name}
        return lines.pop() if len(lines) == 1 else None


def _label(node: Node) -> tuple[str, str | None]:
    made = mark_of(node)
    return node.name(), None if made is None else made.location


def _nodes(root: torch.Tensor) -> Iterator[Node]:
    """The nodes behind a root in a fixed order, consumers before producers."""
    queue = [] if root.grad_fn is None else [root.grad_fn]
    seen = set(queue)
    for node in queue:
        yield node
        if len(seen) > MOST_NODES:
            return
        for parent, _ in node.next_functions:
            if parent is not None and parent not in seen:
                seen.add(parent)
                queue.append(parent)


def _makes_infinity(node: Node) -> bool:
    """Whether a node turns finite numbers into others, as far as it has saved them."""
    inputs = [t for name in _SAVED_INPUTS if (t := _saved(node, name)) is not None]
    if not inputs or not all(bool(t.isfinite().all()) for t in inputs):
        return False
    outputs = [t for name in _SAVED_OUTPUTS if (t := _saved(node, name)) is not None]
    if outputs:
        return not all(bool(t.isfinite().all()) for t in outputs)
    recompute = _RECOMPUTE.get(_plain_name(node))
    return recompute is not None and not bool(recompute(node, *inputs).isfinite().all())


_RECOMPUTE: dict[str, Any] = {
    "log": lambda node, x: x.log(),
    "log2": lambda node, x: x.log2(),
    "log10": lambda node, x: x.log10(),
    "log1p": lambda node, x: x.log1p(),
    "div": lambda node, x, *rest: x.div(*rest),
    "pow": lambda node, x, *rest: x.pow(getattr(node, "_saved_exponent", 1)),
    "acos": lambda node, x: x.acos(),
    "asin": lambda node, x: x.asin(),
    "atanh": lambda node, x: x.atanh(),
    "mul": lambda node, *both: both[0] * both[1] if len(both) == 2 else both[0],
}


def _plain_name(node: Node) -> str:
    return node.name().rstrip("0123456789").removesuffix("Backward").lower()


def _saved(node: Node, name: str) -> torch.Tensor | None:
    value = saved(node, name)
    return value if isinstance(value, torch.Tensor) and value.is_floating_point() else None
