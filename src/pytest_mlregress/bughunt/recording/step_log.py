"""Numbers taken while a training runs: gradients when applied, graphs when run."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.recording.recorder import RUNS, Event
from pytest_mlregress.bughunt.torch_api.autograd_graph import walk
from pytest_mlregress.bughunt.torch_api.sparse_tensors import copy_of_gradient, dense, stored


@dataclass(frozen=True)
class Applied:
    """What one ``optimizer.step`` was given.

    Attributes:
        order, phase, location: of the step's event.
        optimizer: the optimizer.
        gradients: by parameter name, copies; None where there was none. A parameter that is not
            the model's is named ``"?<id>"``.
        with_state: names of the parameters for which the optimizer holds state, more than what
            Adagrad makes when it is constructed.
        learning_rates: one per parameter group.
    """

    order: int
    phase: str
    location: str | None
    optimizer: Optimizer
    gradients: dict[str, torch.Tensor | None]
    with_state: frozenset[str]
    learning_rates: tuple[float, ...]


@dataclass(frozen=True)
class Backward:
    """One backward pass.

    Attributes:
        order, phase, location: of its event.
        value: the sum of its roots.
        nodes: the size of its graph.
        leaves: those that gradients reach, by ``id``.
        by_grad: whether it was ``torch.autograd.grad``.
        runs: of modules whose output is in the graph (`ModuleCall.run`).
    """

    order: int
    phase: str
    location: str | None
    value: float
    nodes: int
    leaves: dict[int, torch.Tensor]
    by_grad: bool
    runs: frozenset[int]


@dataclass
class StepLog:
    """Listens to a recorder's events; `applied` and `backwards` are in order.

    `alive` tells, after `close`, for each backward pass whether its graph still exists. `stale`
    tells whether a gradient that a step had used was still there, and not zero, when the next
    backward pass or step began.
    """

    applied: list[Applied] = field(default_factory=list)
    backwards: list[Backward] = field(default_factory=list)
    alive: list[bool] = field(default_factory=list)
    stale: bool = False
    _consumed: list[torch.Tensor] = field(default_factory=list)
    _sentinels: list[weakref.ref[Any]] = field(default_factory=list)
    _names: dict[int, str] = field(default_factory=dict)

    def name_parameters(self, model: nn.Module) -> None:
        """Know the model's parameters by name from now on."""
        self._names = {id(p): name for name, p in model.named_parameters()}

    def name_of(self, tensor: torch.Tensor) -> str:
        """Name of a parameter of the model, ``"?<id>"`` for any other tensor."""
        return self._names.get(id(tensor), f"?{id(tensor)}")

    def close(self) -> None:
        """Note which graphs have outlived their steps."""
        if any(sentinel() is not None for sentinel in self._sentinels[1:-1]):
            gc.collect()  # a cycle may hold an unused graph
        self.alive = [sentinel() is not None for sentinel in self._sentinels]

    def __call__(self, event: Event) -> None:
        """Take in an event right when it happens."""
        if event.kind == "backward" or (event.kind == "step" and event.detail == "before"):
            self.stale = self.stale or any(map(_has_gradient, self._consumed))
            self._consumed.clear()
        elif event.kind == "step":
            self._consumed += [p for g in event.subject.param_groups for p in g["params"]]
        if event.kind == "step" and event.detail == "before":
            self.applied.append(self._applied(event))
        elif event.kind == "backward":
            self.backwards.append(self._backward(event))

    def _applied(self, event: Event) -> Applied:
        optimizer: Optimizer = event.subject
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        return Applied(
            event.order,
            event.phase,
            event.location,
            optimizer,
            {self.name_of(p): copy_of_gradient(p) for p in parameters},
            frozenset(self.name_of(p) for p in parameters if _remembers(optimizer.state.get(p))),
            tuple(float(group.get("lr", 0.0)) for group in optimizer.param_groups),
        )

    def _backward(self, event: Event) -> Backward:
        roots = _tensors(event.subject)
        graph = walk(roots, RUNS)
        sentinel = _Sentinel()
        self._sentinels.append(weakref.ref(sentinel))
        for node in (*(root.grad_fn for root in roots), *graph.first):
            if node is not None:
                node.register_hook(sentinel)
        value = sum(float(root.detach().double().sum()) for root in roots)
        return Backward(
            event.order,
            event.phase,
            event.location,
            value,
            graph.nodes,
            graph.leaves,
            event.detail == "grad",
            graph.marks,
        )


class _Sentinel:
    """A hook that does nothing and lives exactly as long as the graph node that holds it."""

    def __call__(self, *gradients: Any) -> None:
        return None


def _remembers(state: Any) -> bool:
    """Whether an optimizer's state of a parameter tells anything of earlier steps."""
    if not isinstance(state, dict) or not state:
        return False
    values = [dense(value) for value in state.values() if isinstance(value, torch.Tensor)]
    return not values or any(
        bool((v != v.flatten()[0]).any() or v.any()) for v in values if v.numel()
    )


def _has_gradient(parameter: torch.Tensor) -> bool:
    gradient = parameter.grad
    return gradient is not None and bool(stored(gradient)[-1].any())


def _tensors(roots: Any) -> list[torch.Tensor]:
    if isinstance(roots, torch.Tensor):
        return [roots]
    return [root for root in roots if isinstance(root, torch.Tensor)]
