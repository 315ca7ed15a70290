"""Training and evaluation mode, as seen at the modules that run."""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass, field
from types import FrameType

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.guards.detector import Detector, Progress, parameters_of
from pytest_mlregress.bughunt.locations import caller
from pytest_mlregress.bughunt.modes import DROPOUTS, is_mode_sensitive

ENOUGH = 3


@dataclass(slots=True)
class _Run:
    """One run of an outermost module: whether it trained its mode-sensitive modules."""

    root: weakref.ref[nn.Module]
    location: str | None
    training: bool
    grad: bool
    modes: list[bool] = field(default_factory=list)
    dropout: str | None = None
    sensitive: str | None = None

    @property
    def trains(self) -> bool:
        return self.training or any(self.modes)


@dataclass(slots=True)
class _Record:
    """What is known of one outermost module."""

    root: weakref.ref[nn.Module]
    name: str
    trained: int = 0
    trained_in_eval: int = 0
    evaluated: bool = False
    noisy: int = 0
    noisy_run: _Run | None = None
    eval_run: _Run | None = None
    left_training: str | None = None


class Modes(Detector):
    """Training in evaluation mode, and evaluation in training mode.

    A training run is one with gradients of a module of which the optimizer that steps next owns a
    parameter. An evaluation is one of at least two runs without gradients between two training
    steps; a model that anywhere runs in evaluation mode is believed to know what it does.
    """

    tireless = True

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._runs: list[_Run] = []
        self._records: dict[int, _Record] = {}
        self._owned: dict[int, set[int]] = {}
        self._quiet: dict[int, int] = {}

    def entered(self, module: nn.Module, outermost: bool) -> None:
        if outermost:
            self._begin(module)
        if self._runs and is_mode_sensitive(module):
            run = self._runs[-1]
            run.modes.append(module.training)
            kind = type(module).__name__
            run.sensitive = run.sensitive or kind
            if isinstance(module, DROPOUTS):
                run.dropout = run.dropout or kind
        if self._runs and not self._runs[-1].grad:
            self._judge_quiet(self._runs[-1], module)

    def _begin(self, module: nn.Module) -> None:
        grad = torch.is_grad_enabled()
        run = _Run(weakref.ref(module), caller(), module.training, grad)
        self._runs.append(run)
        record = self._record(module)
        if not grad:
            self._quiet[id(module)] = self._quiet.get(id(module), 0) + 1
            record.evaluated = record.evaluated or not module.training

    def _judge_quiet(self, run: _Run, module: nn.Module) -> None:
        """A second run in a row without gradients, in training mode, of what is mode-sensitive."""
        root = run.root()
        if root is None or not run.training or not module.training or not is_mode_sensitive(module):
            return
        if self._quiet.get(id(root), 0) >= 2 and not _called_by_update_bn():
            record = self._record(root)
            record.noisy, record.noisy_run = self._quiet[id(root)], run

    def switched(self, module: nn.Module, training: bool, location: str | None) -> None:
        record = self._record(module)
        record.left_training = None if training else location

    def backward(self, roots: object, location: str | None) -> None:
        self._quiet.clear()

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        runs, self._runs = self._runs, []
        self._quiet.clear()
        if not self.progress.attentive:
            return
        owned = self._owned.get(id(optimizer))
        if owned is None:
            owned = self._owned[id(optimizer)] = {id(p) for p in parameters_of(optimizer)}
        by_root: dict[int, list[_Run]] = {}
        for run in runs:
            root = run.root()
            if run.grad and run.modes and root is not None and _trained_by(root, owned):
                by_root.setdefault(id(root), []).append(run)
        for own in by_root.values():
            self._note_training(own)

    def _note_training(self, runs: list[_Run]) -> None:
        root = runs[0].root()
        assert root is not None
        record = self._record(root)
        if any(run.trains for run in runs):
            record.trained += 1
            return
        record.trained_in_eval += 1
        record.eval_run = runs[0]
        if record.trained and record.left_training is not None:
            self.progress.report(_lost(record))

    def finish(self) -> None:
        for record in self._records.values():
            run = record.eval_run
            never = not record.trained and record.trained_in_eval >= ENOUGH
            if never and run is not None and run.dropout is not None:
                self.progress.report(_never_trained(record, run))
            if record.noisy_run is not None and not record.evaluated and record.trained:
                self.progress.report(_never_evaluated(record, record.noisy_run))

    def _record(self, module: nn.Module) -> _Record:
        known = self._records.get(id(module))
        if known is None or known.root() is not module:
            known = self._records[id(module)] = _Record(weakref.ref(module), type(module).__name__)
        return known


def _trained_by(root: nn.Module, owned: set[int]) -> bool:
    return any(id(p) in owned for p in root.parameters())


def _called_by_update_bn() -> bool:
    """Whether torch.optim.swa_utils recalibrates batch norm, which needs training mode."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "update_bn":
        frame = frame.f_back
    return frame is not None


def _lost(record: _Record) -> Finding:
    return Finding(
        check="missing-train-mode",
        severity="error",
        message=f"the training of {record.name} goes on in evaluation mode",
        module=None,
        location=record.left_training,
        evidence=f"{record.trained} steps that were looked at ran in training mode, then eval() "
        f"was called here, and later steps ran with training = False",
        fix="call model.train() after evaluating, at the start of every epoch",
    )


def _never_trained(record: _Record, run: _Run) -> Finding:
    return Finding(
        check="missing-train-mode",
        severity="warning",
        message=f"{record.name} is trained in evaluation mode: its {run.dropout} never drops",
        module=None,
        location=record.left_training or run.location,
        evidence=f"training = False at all {record.trained_in_eval} steps that were looked at",
        fix="call model.train() before training",
    )


def _never_evaluated(record: _Record, run: _Run) -> Finding:
    return Finding(
        check="missing-eval-mode",
        severity="warning",
        message=f"{record.name} runs without gradients, as in an evaluation, in training mode: "
        f"its {run.sensitive} acts as in training",
        module=None,
        location=run.location,
        evidence=f"{record.noisy} runs in a row without gradients, training = True, and never one "
        f"with training = False",
        fix="call model.eval() before evaluating, and model.train() after it",
    )
