"""Modules whose parameters an optimizer owns and which never run."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.parameters import UNUSED_MODULE
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.recording.construction_lines import declared_at, held_by_user
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of

ENOUGH = 10
RECENT = 1.5
"""How many times more steps the training may have made in the end than at the last look."""


class Unused(Detector):
    """A part of the user's own model that no step has run and no gradient has ever reached.

    Modules that run without a gradient pass (a pooled output that is not used), and those of
    libraries. Where some other part ran in some steps only, the parts are chosen (experts, dropped
    layers, phases), and nothing is said.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._ran: set[int] = set()
        self._roots: dict[int, weakref.ref[nn.Module]] = {}
        self._with_gradient: set[int] = set()
        self._opinion: Finding | None = None
        self._judged_at = 0
        self._reached_by: dict[int, set[int]] = {}
        self._parts_are_chosen = False
        self._all_is_used = False

    def entered(self, module: nn.Module, outermost: bool) -> None:
        self._ran.add(id(module))
        if outermost and id(module) not in self._roots:
            self._roots[id(module)] = weakref.ref(module)

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        if not self.progress.observes_modules:
            return
        now = {id(p) for p in parameters_of(optimizer) if p.grad is not None}
        self._parts_are_chosen |= self._reached_by.setdefault(id(optimizer), now) != now
        self._with_gradient |= now

    def rest(self) -> None:
        self._judge()

    def finish(self) -> None:
        if any(ref() is not None for ref in self._roots.values()):
            self._judge()
        if self._opinion is not None and self.progress.steps <= RECENT * self._judged_at:
            self.progress.report(self._opinion)

    def _judge(self) -> None:
        if self.progress.steps < ENOUGH or self._all_is_used:
            return
        self._opinion, self._judged_at = None, self.progress.steps
        owned = {id(p): p for o in self.progress.optimizers for p in parameters_of(o)}
        if self._parts_are_chosen or not all(map(_is_constant, self.progress.optimizers)):
            return
        reached = self._with_gradient | {
            id(p) for o in self.progress.optimizers for p, state in o.state.items() if state
        }
        for ref in self._roots.values():
            root = ref()
            if root is None or not any(id(p) in reached for p in root.parameters()):
                continue
            idle = list(_idle(root, self._ran, reached, owned))
            if idle:
                self._opinion = _finding(root, idle)
        self._all_is_used = self._opinion is None


def _is_constant(optimizer: Optimizer) -> bool:
    """Whether all parameters that were ever updated were so equally often, as far as is known."""
    steps = {float(s["step"]) for s in optimizer.state.values() if "step" in s}
    return len(steps) <= 1


def _idle(
    root: nn.Module, ran: set[int], reached: set[int], owned: dict[int, torch.Tensor]
) -> Iterator[str]:
    """Names of the outermost modules below a root of which nothing ran and all is owned."""
    found: list[str] = []
    for name, module in root.named_modules():
        if any(name.startswith(f"{other}.") for other in found):
            continue
        own = [p for p in module.parameters() if p.requires_grad]
        if not own or any(id(m) in ran for m in module.modules()):
            continue
        if all(id(p) in owned and id(p) not in reached for p in own) and held_by_user(root, name):
            found.append(name)
            yield name


def _finding(root: nn.Module, idle: list[str]) -> Finding:
    return UNUSED_MODULE.finding(
        "never runs",
        module=idle[0],
        location=declared_at(root, idle[0]),
        evidence=f"{len(idle)} such parts ({', '.join(idle[:4])}), no gradient at any step",
        name=idle[0],
    )
