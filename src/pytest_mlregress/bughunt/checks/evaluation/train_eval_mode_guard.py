"""Training and evaluation mode, as seen at the modules that run."""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.evaluation import MISSING_EVAL_MODE, MISSING_TRAIN_MODE
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.listening.hooks import NOISES, differs_from_evaluation
from pytest_mlregress.bughunt.listening.node_marks import RUNS
from pytest_mlregress.bughunt.recording.source_lines import caller
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api._private import in_vmap, metadata, node_of
from pytest_mlregress.bughunt.torch_api.module_modes import DROPOUT_MODULES, is_mode_sensitive
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of

ENOUGH = 3
FAR_APART = 2
"""Training steps between two runs without gradients that belong to no training step."""


@dataclass(slots=True)
class _Run:
    """One run of an outermost module: whether it trained its mode-sensitive modules.

    Attributes:
        number: by which the nodes of its output know it.
        left_training: where ``eval()`` had been called on the module when it ran, if so.
        used: whether a backward pass went through it, as far as that was looked at.
        traceable: whether its output has tensors with a graph, which tell.
    """

    number: int
    root: weakref.ref[nn.Module]
    location: str | None
    training: bool
    grad: bool
    left_training: str | None = None
    used: bool = False
    traceable: bool = False
    modes: list[bool] = field(default_factory=list)
    dropout: str | None = None
    sensitive: str | None = None
    step: int = 0

    @property
    def trains(self) -> bool:
        return self.training or any(self.modes)

    @property
    def evaluates(self) -> bool:
        """Whether something in it ran as in evaluation, although gradients were on."""
        return self.grad and not self.training and not all(self.modes)


@dataclass(slots=True)
class _Record:
    """What is known of one outermost module."""

    root: weakref.ref[nn.Module]
    name: str
    trained: int = 0
    trained_wholly: int = 0
    trained_in_eval: int = 0
    evaluated: bool = False
    noisy: int = 0
    noisy_run: _Run | None = None
    rare_runs: list[_Run] = field(default_factory=list)
    eval_run: _Run | None = None
    left_training: str | None = None


@dataclass(slots=True)
class _Noise:
    """A call that acts as in training, inside of a module that is in evaluation mode.

    Attributes:
        layer: the class of the layer that made it, where the model does not register that.
        kind: the class of the module.
    """

    module: InitVar[nn.Module]
    layer: str | None = None
    kind: str = ""
    inputs: int = 0
    repeated: bool = False
    last: torch.Tensor | None = None
    step: int = -1

    def __post_init__(self, module: nn.Module) -> None:
        self.kind = type(module).__name__

    def note(self, given: torch.Tensor, step: int) -> None:
        """Look whether this input has been seen before.

        It is the one before, with the same weights, or holds its own first example again.
        """
        given = given.detach()
        again = self.last is not None and step == self.step and torch.equal(given, self.last)
        repeated_rows = (
            (given[1:] == given[:1]).flatten(1).all(1) if given.dim() > 1 else given[:0] != 0
        )
        self.repeated |= again or bool(repeated_rows.any())
        self.last, self.step = given.clone(), step
        self.inputs += 1


class Modes(Detector):
    """Training in evaluation mode, and evaluation in training mode.

    A training run is one whose output a backward pass uses, of a module of which the optimizer
    that steps next owns a parameter; the graph is looked at only where one ran in evaluation mode,
    which may have measured something. An evaluation is one of at least two runs without gradients
    between two training steps, or a single one after several steps, again and again; a model that
    anywhere runs in evaluation mode is believed to know what it does, unless it calls a function
    that still acts as in training and never gives it the same input twice, as Monte Carlo dropout
    does.
    """

    tireless = True

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._runs: list[_Run] = []
        self._numbers = itertools.count()
        self._by_backward = False
        self._records: dict[int, _Record] = {}
        self._owned: dict[int, set[int]] = {}
        self._no_grad_blocks: dict[int, int] = {}
        self._noises: dict[tuple[str, str | None], _Noise] = {}

    def entered(self, module: nn.Module, outermost: bool) -> None:
        if outermost:
            self._begin(module)
        if self._runs and is_mode_sensitive(module):
            run = self._runs[-1]
            run.modes.append(module.training)
            kind = type(module).__name__
            run.sensitive = run.sensitive or kind
            if isinstance(module, DROPOUT_MODULES):
                run.dropout = run.dropout or kind
        if self._runs and not self._runs[-1].grad:
            self._judge_quiet(self._runs[-1], module)

    def _begin(self, module: nn.Module) -> None:
        grad = torch.is_grad_enabled()
        record = self._record(module)
        run = _Run(
            next(self._numbers),
            weakref.ref(module),
            caller(),
            module.training,
            grad,
            record.left_training,
            step=self.progress.steps,
        )
        self._runs.append(run)
        if not grad:
            self._no_grad_blocks[id(module)] = self._no_grad_blocks.get(id(module), 0) + 1
            record.evaluated = record.evaluated or not module.training

    def left(self, module: nn.Module, output: Any, given: Any) -> None:
        run = self._runs[-1] if self._runs else None
        if run is None or not run.grad or run.root() is not module or in_vmap():
            return
        for tensor in pytrees.tensors(output):
            if (node := node_of(tensor)) is not None:
                run.traceable = True
                metadata(node).setdefault(RUNS, set()).add(run.number)

    def _judge_quiet(self, run: _Run, module: nn.Module) -> None:
        """A second run in a row without gradients, in training mode, of what is mode-sensitive."""
        root = run.root()
        if root is None or not run.training or not module.training or not is_mode_sensitive(module):
            return
        if _called_by_update_bn():
            return
        record = self._record(root)
        if self._no_grad_blocks.get(id(root), 0) >= 2:
            record.noisy = max(record.noisy, self._no_grad_blocks[id(root)])
            record.noisy_run = record.noisy_run or run
        elif not record.rare_runs or record.rare_runs[-1] is not run:
            record.rare_runs.append(run)

    def on_call(self, call: ObservedCall) -> None:
        running = self.progress.running
        if call.name not in NOISES or torch.is_grad_enabled() or not running or not call.direct:
            return
        if running[0].training or not differs_from_evaluation(call):
            return
        owner = running[-1]
        if owner.training:  # intended, or out of reach of eval()
            owner = _registered(running)
            if owner.training:
                return
        layer = None if owner is running[-1] else type(running[-1]).__name__
        given = call.argument(0, "input", call.argument(0, "query"))
        if isinstance(given, torch.Tensor):
            noise = self._noises.setdefault((call.name, call.location), _Noise(owner, layer))
            noise.note(given, self.progress.steps)

    def switched(self, module: nn.Module, training: bool, location: str | None) -> None:
        record = self._record(module)
        record.left_training = None if training else location

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        self._no_grad_blocks.clear()
        self._by_backward = True
        if not self._runs:
            return
        in_doubt = any(run.evaluates and not run.used for run in self._runs)
        numbers = self.progress.graph(roots).marks if in_doubt else ()
        for run in self._runs:
            run.used = run.used or not in_doubt or not run.traceable or run.number in numbers

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        runs, self._runs = self._runs, []
        self._no_grad_blocks.clear()
        if not self.progress.observes_modules:
            return
        owned = self._owned.get(id(optimizer))
        if owned is None:
            owned = self._owned[id(optimizer)] = {id(p) for p in parameters_of(optimizer)}
        by_root: dict[int, list[_Run]] = {}
        for run in runs:
            root = run.root()
            if not run.grad or not run.modes or root is None:
                continue
            if self._by_backward and not run.used:
                record = self._record(root)
                record.evaluated = record.evaluated or not run.trains
            elif _trained_by(root, owned):
                by_root.setdefault(id(root), []).append(run)
        for own in by_root.values():
            self._note_training(own)

    def _note_training(self, runs: list[_Run]) -> None:
        root = runs[0].root()
        assert root is not None
        record = self._record(root)
        if any(run.trains for run in runs):
            record.trained += 1
            record.trained_wholly += any(run.training and all(run.modes) for run in runs)
            if all(not run.training and not all(run.modes) for run in runs):
                self._note_partial_training(record, root, runs[0].left_training)
            return
        record.trained_in_eval += 1
        record.eval_run = run = runs[0]
        if record.trained and run.left_training is not None:
            self.progress.report(_lost(record, run.left_training))

    def _note_partial_training(
        self, record: _Record, root: nn.Module, left_training: str | None
    ) -> None:
        """Some of the modules train, although eval() was called on all; freezing is intended."""
        freezes = not all(p.requires_grad for p in root.parameters())
        if record.trained_wholly and left_training is not None and not freezes:
            self.progress.report(_partly_lost(record, left_training))

    def finish(self) -> None:
        for record in self._records.values():
            run = record.eval_run
            never = not record.trained and record.trained_in_eval >= ENOUGH
            if never and run is not None and run.dropout is not None:
                self.progress.report(_never_trained(record, run))
            if record.evaluated or not record.trained:
                continue
            if record.noisy_run is not None:
                self.progress.report(_never_evaluated(record, record.noisy_run))
            elif _are_far_apart(record.rare_runs):
                record.noisy = len(record.rare_runs)
                self.progress.report(_never_evaluated(record, record.rare_runs[0]))
        if not any(noise.repeated for noise in self._noises.values()):
            for (name, location), noise in self._noises.items():
                if noise.inputs >= ENOUGH - 1:
                    self.progress.report(_always_noisy(name, location, noise))

    def _record(self, module: nn.Module) -> _Record:
        known = self._records.get(id(module))
        if known is None or known.root() is not module:
            known = self._records[id(module)] = _Record(weakref.ref(module), type(module).__name__)
        return known


def _registered(running: Sequence[nn.Module]) -> nn.Module:
    """The innermost of the modules that run which the outermost one registers."""
    known = {id(module) for module in running[0].modules()}
    return next(module for module in reversed(running) if id(module) in known)


def _trained_by(root: nn.Module, owned: set[int]) -> bool:
    return any(id(p) in owned for p in root.parameters())


def _are_far_apart(runs: Sequence[_Run]) -> bool:
    """Whether there are several runs and several training steps before each.

    Of many the last may follow sooner: the training ended, and that was its final evaluation.
    """
    steps = [0, *(run.step for run in runs)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(steps)]
    return len(runs) >= ENOUGH - 1 and min(gaps[: max(ENOUGH - 1, len(gaps) - 1)]) >= FAR_APART


def _called_by_update_bn() -> bool:
    """Whether torch.optim.swa_utils recalibrates batch norm, which needs training mode."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "update_bn":
        frame = frame.f_back
    return frame is not None


def _lost(record: _Record, location: str) -> Finding:
    return MISSING_TRAIN_MODE.finding(
        "lost",
        location=location,
        evidence=f"{record.trained} steps that were looked at ran in training mode, then eval() "
        f"was called here, and later steps ran with training = False",
        record=record.name,
    )


def _partly_lost(record: _Record, location: str) -> Finding:
    return MISSING_TRAIN_MODE.finding(
        "lost in part",
        location=location,
        evidence=f"{record.trained_wholly} steps that were looked at ran wholly in training mode, "
        f"then eval() was called here on the whole, and train() on a part only",
        record=record.name,
    )


def _never_trained(record: _Record, run: _Run) -> Finding:
    return MISSING_TRAIN_MODE.finding(
        "never",
        location=run.left_training or run.location,
        evidence=f"training = False at all {record.trained_in_eval} steps that were looked at",
        record=record.name,
        dropout=run.dropout,
    )


def _never_evaluated(record: _Record, run: _Run) -> Finding:
    return MISSING_EVAL_MODE.finding(
        "never",
        location=run.location,
        evidence=f"{record.noisy} runs without gradients, training = True, and never one with "
        f"training = False",
        record=record.name,
        sensitive=run.sensitive,
    )


def _always_noisy(name: str, location: str | None, noise: _Noise) -> Finding:
    if noise.layer is not None:
        return MISSING_EVAL_MODE.finding(
            "unregistered",
            severity="warning",
            location=location,
            evidence=f"{noise.inputs} runs without gradients, training = False in the "
            f"{noise.kind} and True in the {noise.layer}, on another input each time",
            layer=noise.layer,
            kind=noise.kind,
        )
    return MISSING_EVAL_MODE.finding(
        "functional",
        location=location,
        evidence=f"{noise.inputs} runs without gradients, training = False, on another input "
        f"each time",
        name=name,
        kind=noise.kind,
    )
