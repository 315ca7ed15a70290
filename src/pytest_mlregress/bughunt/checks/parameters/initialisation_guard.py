"""Units and layers that are initialised identically and never diverge, so that one would do."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.parameters import SHARED_INIT, SYMMETRIC_INIT
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.recording.construction_lines import declared_at
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of, sample

ENOUGH = 4
SAMPLE = 16
MOST_PARAMETERS = 128
_LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


@dataclass(slots=True)
class _Alike:
    """Parameters that are equal to each other, or one (`second` is None) whose rows are."""

    first: weakref.ref[torch.Tensor]
    second: weakref.ref[torch.Tensor] | None
    start: torch.Tensor


class IdenticalParameters(Detector):
    """Watches parameters that are alike before the first step of their optimizer.

    Most programs have none, and this costs nothing more. Layers that part at the first steps pass
    (heads that start at zero, the copies of nn.TransformerEncoder), and so does what moves with no
    optimizer's doing (targets, moving averages) or belongs to two optimizers (two trainings that
    are to be compared).
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._suspects: dict[int, list[_Alike]] = {}
        self._known: dict[int, weakref.ref[Optimizer]] = {}
        self._roots: dict[int, weakref.ref[nn.Module]] = {}
        self._confirmed: dict[int, list[Finding]] = {}

    def entered(self, module: nn.Module, outermost: bool) -> None:
        if outermost and id(module) not in self._roots:
            self._roots[id(module)] = weakref.ref(module)

    def before_step(self, optimizer: Optimizer) -> None:
        known = self._known.get(id(optimizer))
        if not self.progress.observes_calls or (known is not None and known() is optimizer):
            return
        self._known[id(optimizer)] = weakref.ref(optimizer)
        trained = [p for p in parameters_of(optimizer) if p.requires_grad and p.is_leaf]
        self._suspects[id(optimizer)] = list(_suspects(trained[:MOST_PARAMETERS]))

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        suspects = self._suspects.get(id(optimizer))
        if not suspects or self._known[id(optimizer)]() is not optimizer:
            return
        suspects[:] = [alike for alike in suspects if _are_alike_still(alike)]
        if self.progress.counts.get(id(optimizer), 0) >= ENOUGH:
            findings = [self._opinion(alike) for alike in suspects]
            self._confirmed[id(optimizer)] = [f for f in findings if f is not None]

    def finish(self) -> None:
        for kind in ("shared-init", "symmetric-init"):
            found = [f for own in self._confirmed.values() for f in own if f.check == kind]
            for finding in found[:1]:
                self.progress.report(finding)

    def _opinion(self, alike: _Alike) -> Finding | None:
        first = alike.first()
        second = None if alike.second is None else alike.second()
        if first is None or (alike.second is not None and second is None):
            return None
        moved = not torch.equal(first.detach(), alike.start)
        if second is not None:
            names = self._name(first), self._name(second)
            if not moved or None in names:
                return None
            return _shared(names[0] or "", names[1] or "", self._declared(second))
        name = self._name(first)
        if name is None or not isinstance(self._owner(first), _LAYERS):
            return None
        dead = first.grad is not None and not first.grad.is_sparse and not bool(first.grad.any())
        return _symmetric(name, first, self._declared(first)) if moved or dead else None

    def _named(self) -> Iterable[tuple[nn.Module, str, torch.Tensor]]:
        for ref in self._roots.values():
            root = ref()
            if root is not None:
                yield from ((root, name, p) for name, p in root.named_parameters())

    def _name(self, parameter: torch.Tensor) -> str | None:
        return next((name for _, name, p in self._named() if p is parameter), None)

    def _owner(self, parameter: torch.Tensor) -> nn.Module | None:
        for root, name, p in self._named():
            if p is parameter:
                return root.get_submodule(name.rpartition(".")[0])
        return None

    def _declared(self, parameter: torch.Tensor) -> str | None:
        return next((declared_at(root, n) for root, n, p in self._named() if p is parameter), None)


def _suspects(parameters: list[torch.Tensor]) -> Iterable[_Alike]:
    known: dict[tuple[object, ...], torch.Tensor] = {}
    for p in parameters:
        values = p.detach()
        if p.dim() > 1 and len(p) > 1 and torch.equal(values[0], values[-1]) and _rows_alike(p):
            yield _Alike(weakref.ref(p), None, values.clone())
        taken = sample(p, SAMPLE).tolist()
        if len(taken) < 4 or len(set(taken)) == 1:
            continue  # a constant is equal to all others of its kind
        key = (tuple(p.shape), *taken)
        other = known.setdefault(key, p)
        if other is not p and torch.equal(other.detach(), values):
            yield _Alike(weakref.ref(other), weakref.ref(p), values.clone())


def _are_alike_still(alike: _Alike) -> bool:
    first = alike.first()
    if first is None or alike.second is None:
        return first is not None and _rows_alike(first)
    second = alike.second()
    return second is not None and torch.equal(first.detach(), second.detach())


def _rows_alike(weight: torch.Tensor) -> bool:
    values = weight.detach()
    return torch.equal(values, values[:1].expand_as(values))


def _shared(one: str, other: str, location: str | None) -> Finding:
    return SHARED_INIT.finding(
        module=other,
        location=location,
        evidence=f"bit-equal before and after {ENOUGH} steps that moved both",
        one=one,
        other=other,
    )


def _symmetric(name: str, weight: torch.Tensor, location: str | None) -> Finding:
    return SYMMETRIC_INIT.finding(
        module=name,
        location=location,
        evidence=f"the {len(weight)} rows of {name} are equal before and after {ENOUGH} steps",
    )
