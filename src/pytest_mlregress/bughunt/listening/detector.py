"""What a guard's detectors are told, and what they share."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.listening_level import ListeningLevel, NoGrad
from pytest_mlregress.bughunt.listening.node_marks import RUNS
from pytest_mlregress.bughunt.recording.function_modes import ModuleStack
from pytest_mlregress.bughunt.recording.torch_call import TorchCall
from pytest_mlregress.bughunt.torch_api.autograd_graph import Graph, walk
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of


@dataclass(frozen=True, slots=True)
class ObservedCall(TorchCall):
    """A call that a guard observes; held only while detectors look at it.

    Attributes:
        direct: whether the user's own code made the call, rather than a library's.
    """

    direct: bool


@dataclass(slots=True)
class Progress:
    """How far the training is, as all detectors see it.

    Attributes:
        report: takes a finding.
        scheduled: what the sampling schedule asks for.
        disabled: whether the guard has stopped listening.
        initial: whether these are the first steps of all.
        stepping: whether an optimizer is about to step without a closure.
        no_grad: where gradients are off, and what was seen since.
        alarmed: whether a loss was not finite: the next step is looked at in any case.
        steps: those of the optimizer that has made most.
        counts: how often each optimizer has stepped, by ``id``.
        running: the modules that run now, outermost first, as far as they are observed.
    """

    report: Callable[[Finding], None]
    scheduled: ListeningLevel = ListeningLevel.STEPS
    disabled: bool = False
    initial: bool = False
    stepping: bool = False
    no_grad: NoGrad = NoGrad.OUTSIDE
    alarmed: bool = False
    steps: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    running: ModuleStack = field(default_factory=ModuleStack)
    _graph: Graph | None = None
    _optimizers: dict[int, weakref.ref[Optimizer]] = field(default_factory=dict)

    @property
    def observes_calls(self) -> bool:
        """Whether every torch call is observed: in the first steps of each optimizer."""
        return self.scheduled >= ListeningLevel.CALLS

    @property
    def observes_modules(self) -> bool:
        """Whether modules and graphs are looked at, as in later samples too."""
        return self.scheduled >= ListeningLevel.MODULES

    def graph(self, roots: Sequence[torch.Tensor]) -> Graph:
        """What lies behind the roots of the backward pass that begins; walked once for all."""
        if self._graph is None:
            self._graph = walk(list(roots), RUNS)
        return self._graph

    def forget_graph(self) -> None:
        """Another backward pass begins, or that one is over: let go of its nodes."""
        self._graph = None

    @property
    def optimizers(self) -> list[Optimizer]:
        """Those that have stepped and still exist: a guard keeps nothing alive."""
        return [o for ref in self._optimizers.values() if (o := ref()) is not None]

    def note_step(self, optimizer: Optimizer) -> int:
        """Count a step that has just been made; how many this optimizer has made."""
        key = id(optimizer)
        known = self._optimizers.get(key)
        if known is None or known() is not optimizer:
            self._optimizers[key] = weakref.ref(optimizer)
            self.counts[key] = 0
        count = self.counts[key] = self.counts[key] + 1
        if count > self.steps:
            self.steps = count
        return count

    def owned(self) -> set[int]:
        """``id`` of every parameter that such an optimizer owns."""
        return {id(p) for optimizer in self.optimizers for p in parameters_of(optimizer)}


class Detector:
    """Told what happens, in order; each kind of detector overrides what it needs.

    `tireless` detectors are told all the time, the others only while `Progress.observes_modules`.
    """

    tireless: ClassVar[bool] = False

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_call(self, call: ObservedCall) -> None:
        """A torch call has returned; only while `Progress.observes_calls`.

        The tireless are also told during the first runs without gradients.
        """

    def entered(self, module: nn.Module, outermost: bool) -> None:
        """A module is about to run, while `Progress.observes_modules` or without gradients."""

    def left(self, module: nn.Module, output: Any, given: Any) -> None:
        """An outermost module that was `entered` has returned; `given` are its arguments."""

    def followed(self, arguments: Any, keywords: Any, output: Any) -> None:
        """A call outside of modules and without gradients has returned; told as `on_call` is."""

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        """A backward pass is about to run.

        The location is known while `Progress.observes_modules`.
        """

    def before_step(self, optimizer: Optimizer) -> None:
        """An optimizer is about to step; with a closure, before that runs.

        Only while `Progress.observes_modules` or `Progress.alarmed`.
        """

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        """An optimizer has stepped.

        While not `Progress.observes_modules` only the first time after modules ran under
        observation.
        """

    def zeroed(self, owner: Any, location: str | None) -> None:
        """``zero_grad`` of an optimizer or module is about to run."""

    def constructed(self, optimizer: Optimizer, location: str | None) -> None:
        """An optimizer is about to be constructed."""

    def unscaled(self, optimizer: Optimizer, location: str | None) -> None:
        """A scaler that is enabled is about to undo its scaling of an optimizer's gradients."""

    def scale_read(self) -> None:
        """The user's code asks a scaler for its scale."""

    def seeded(self, state: torch.Tensor, location: str | None) -> None:
        """Torch's generator for the processor is about to be put to `state`."""

    def scheduled(self, scheduler: Any, location: str | None) -> None:
        """A learning-rate scheduler is about to step."""

    def clipped(self, location: str | None) -> None:
        """Gradients are about to be clipped with torch.nn.utils."""

    def switched(self, module: nn.Module, training: bool, location: str | None) -> None:
        """``train(training)`` is about to run on a module, not as part of its parent's."""

    def rest(self) -> None:
        """`Progress.observes_modules` ends for now: take off what costs something."""

    def finish(self) -> None:
        """The watching ends; the model and the optimizers are as the training left them."""
