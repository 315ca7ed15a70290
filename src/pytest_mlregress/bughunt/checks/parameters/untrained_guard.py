"""Parameters that training does not reach: owned by no optimizer, or never moved."""

from __future__ import annotations

import weakref
from collections.abc import Container, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.parameters import (
    DETACHED_GRAPH,
    OPTIMIZER_MISSES_PARAMETERS,
    UNREGISTERED_PARAMETERS,
)
from pytest_mlregress.bughunt.catalogue.training_step import BAD_LEARNING_RATE
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.recording.source_lines import of_function
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of, sample
from pytest_mlregress.bughunt.torch_api.unregistered_tensors import hidden_tensors

ENOUGH = 3
SAMPLE = 16
MOST_PARAMETERS = 64


@dataclass(slots=True)
class _Reached:
    """A parameter that backward passes reach: in how many steps, and what it held at first."""

    parameter: weakref.ref[torch.Tensor]
    start: torch.Tensor
    last_step: int = -1
    steps: int = 0


@dataclass(slots=True)
class _Owner:
    """An optimizer, and what it held before its first step that was looked at."""

    optimizer: weakref.ref[Optimizer]
    name: str
    start: list[torch.Tensor]
    with_gradient: bool = False
    largest_rate: float = 0.0
    location: str | None = None

    @classmethod
    def of(cls, optimizer: Optimizer) -> _Owner:
        start = [sample(p, SAMPLE) for p in parameters_of(optimizer)[:MOST_PARAMETERS]]
        return cls(weakref.ref(optimizer), type(optimizer).__name__, start)

    def note_step(self, location: str | None) -> None:
        """Remember whether the step that was just made had anything to apply."""
        optimizer = self.optimizer()
        assert optimizer is not None
        self.location = self.location or location
        self.with_gradient |= any(p.grad is not None for p in parameters_of(optimizer))
        rates = [float(group.get("lr", 1.0)) for group in optimizer.param_groups]
        self.largest_rate = max(self.largest_rate, *rates)

    def opinion(self, count: int) -> Finding | None:
        """That it moves nothing at all, after `count` steps, and why."""
        optimizer = self.optimizer()
        if optimizer is None or count < ENOUGH or not self.start:
            return None
        pairs = zip(parameters_of(optimizer), self.start, strict=False)
        if any(not torch.equal(sample(p, SAMPLE), before) for p, before in pairs):
            return None
        if self.with_gradient and self.largest_rate > 0:
            return None
        lost = not self.with_gradient
        rule, variant = (
            (DETACHED_GRAPH, "no gradient") if lost else (BAD_LEARNING_RATE, "nothing moves")
        )
        return rule.finding(
            variant,
            location=self.location,
            evidence=f"{len(self.start)} parameters are bit for bit as before, after {count} steps",
            optimizer=self.name,
        )


class Movement(Detector):
    """Judged again and again while the training goes on, and the last opinion counts.

    A parameter is missed if several steps reach it, no optimizer owns it, it never moves, and an
    optimizer does own others of the same model: what only passes gradients on (a fixed
    perceptual loss, a model whose input is optimised) passes. So is one that the model holds in a
    list or dict, where it does not know it, unless its module is in evaluation mode: somebody
    reached it to be certain, and hides it on purpose.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._reached: dict[int, _Reached] = {}
        self._roots: dict[int, weakref.ref[nn.Module]] = {}
        self._owners: dict[int, _Owner] = {}
        self._opinions: dict[int, Finding | None] = {}

    def entered(self, module: nn.Module, outermost: bool) -> None:
        known = self._roots.get(id(module))
        if outermost and (known is None or known() is not module):
            self._roots[id(module)] = weakref.ref(module)

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        if not self.progress.observes_calls:
            return
        for key, leaf in self.progress.graph(roots).leaves.items():
            if not isinstance(leaf, nn.Parameter):
                continue
            known = self._reached.get(key)
            if known is None or known.parameter() is not leaf:
                known = self._reached[key] = _Reached(weakref.ref(leaf), sample(leaf, SAMPLE))
            if known.last_step != self.progress.steps:
                known.last_step, known.steps = self.progress.steps, known.steps + 1

    def before_step(self, optimizer: Optimizer) -> None:
        known = self._owners.get(id(optimizer))
        if self.progress.observes_calls and (known is None or known.optimizer() is not optimizer):
            self._owners[id(optimizer)] = _Owner.of(optimizer)

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        if not self.progress.observes_modules:
            return
        owner = self._owners.get(id(optimizer))
        if owner is not None and owner.optimizer() is optimizer:
            owner.note_step(location)
        if self.progress.steps == ENOUGH:
            self._judge()

    def rest(self) -> None:
        if self.progress.steps >= ENOUGH:
            self._judge()

    def finish(self) -> None:
        self._judge()
        for opinion in self._opinions.values():
            if opinion is not None:
                self.progress.report(opinion)

    def _judge(self) -> None:
        for key, owner in self._owners.items():
            if owner.optimizer() is not None and self._reached:
                self._opinions[key] = owner.opinion(self.progress.counts.get(key, 0))
        owned = self.progress.owned()
        for key, ref in self._roots.items():
            root = ref()
            # A model may outlive its optimizer: then the opinion before stays.
            if root is not None and any(id(p) in owned for p in root.parameters()):
                self._opinions[key] = self._judge_model(root, owned) or self._judge_hidden(
                    root, owned
                )

    def _judge_model(self, root: nn.Module, owned: set[int]) -> Finding | None:
        names = {id(p): name for name, p in root.named_parameters()}
        missed = [name for key, name in names.items() if key not in owned and self._stayed(key)]
        if not missed:
            return None
        reached = sum(key in self._reached for key in names)
        return OPTIMIZER_MISSES_PARAMETERS.finding(
            module=missed[0],
            location=self._step_line(names),
            evidence=f"{len(missed)} of {reached} reached parameters of {type(root).__name__}: "
            + ", ".join(missed[:4])
            + (", …" if len(missed) > 4 else ""),
        )

    def _judge_hidden(self, root: nn.Module, owned: set[int]) -> Finding | None:
        registered = {id(p) for p in root.parameters()}
        lost = [
            name
            for key, (name, module) in hidden_tensors(root).items()
            if key not in registered | owned
            and self._stayed(key)
            and (module is None or module.training)
        ]
        if not lost:
            return None
        return UNREGISTERED_PARAMETERS.finding(
            module=lost[0],
            location=of_function(type(_holder(root, lost[0])).__init__),
            evidence=f"{len(lost)} such tensors get gradients, are in no parameters() and no "
            f"optimizer, and stay as they are",
            name=lost[0],
        )

    def _step_line(self, names: Container[int]) -> str | None:
        """Where the optimizer of the model's other parameters steps."""
        for owner in self._owners.values():
            optimizer = owner.optimizer()
            if optimizer is not None and any(id(p) in names for p in parameters_of(optimizer)):
                return owner.location
        return None

    def _stayed(self, key: int) -> bool:
        known = self._reached.get(key)
        parameter = known.parameter() if known is not None else None
        return (
            known is not None
            and parameter is not None
            and parameter.requires_grad
            and known.steps >= ENOUGH
            and torch.equal(sample(parameter, SAMPLE), known.start)
        )


def _holder(root: nn.Module, name: str) -> nn.Module:
    """The module whose attribute holds a hidden tensor, ``blocks.0.gates[2].weight`` by name."""
    attribute = name.partition("[")[0]
    registered = dict(root.named_modules())
    while attribute not in registered:
        attribute = attribute.rpartition(".")[0]
    found: nn.Module = registered[attribute]
    return found
