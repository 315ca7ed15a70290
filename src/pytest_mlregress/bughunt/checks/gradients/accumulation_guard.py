"""Gradients of a part of the batch that zero_grad throws away before any step has used them."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.gradients import MISSING_ZERO_GRAD
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of, sample

ENOUGH = 2
SAMPLE = 16


@dataclass(slots=True)
class _Pass:
    """A backward pass of the step under way, and the zero_grad that came before it."""

    location: str | None
    zeroed_at: str | None
    only_parameters: bool
    values: torch.Tensor | None


class Discarded(Detector):
    """Accumulation that zeroes between its parts: only the last part is learned from.

    The same line runs backward several times in each step, zero_grad runs between any two of these,
    the parameters stay where they are meanwhile, and the step uses the last part's gradient as it
    came. So SAM (moves the parameters), adversarial examples (a leaf that is no parameter, another
    line), and gradients that are collected by hand and put back pass.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._passes: list[_Pass] = []
        self._zeroed_at: str | None = None
        self._zeroed = False
        self._parameter: torch.Tensor | None = None
        self._came: tuple[weakref.ref[torch.Tensor], int] | None = None
        self._handle: Any = None
        self._steps = 0

    def zeroed(self, owner: Any, location: str | None) -> None:
        self._zeroed, self._zeroed_at = True, location

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        if not self.progress.initial:
            return
        leaves = self.progress.graph(roots).leaves.values()
        self._passes.append(
            _Pass(
                location,
                self._zeroed_at if self._zeroed else None,
                all(isinstance(leaf, nn.Parameter) for leaf in leaves),
                None if self._parameter is None else sample(self._parameter, SAMPLE),
            )
        )
        self._zeroed = False

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        passes, self._passes = self._passes, []
        if not self.progress.initial or len(self.progress.counts) > 1:
            self._leave()
            return
        if self._parameter is None:
            self._listen_to(optimizer)
        elif self._came_as_it_was() and not self._zeroed and _discards(passes):
            self._steps += 1
            if self._steps == ENOUGH:
                self.progress.report(_finding(passes))

    def rest(self) -> None:
        self._leave()

    def finish(self) -> None:
        self._leave()

    def _listen_to(self, optimizer: Optimizer) -> None:
        reached = [p for p in parameters_of(optimizer) if p.grad is not None and p.is_leaf]
        self._parameter = min(reached, key=lambda p: p.numel(), default=None)
        if self._parameter is not None:
            register: Any = self._parameter.register_post_accumulate_grad_hook
            self._handle = register(self._accumulated)

    def _accumulated(self, parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            self._came = weakref.ref(parameter.grad), parameter.grad._version

    def _came_as_it_was(self) -> bool:
        gradient = None if self._parameter is None else self._parameter.grad
        return (
            self._came is not None
            and gradient is not None
            and self._came[0]() is gradient
            and self._came[1] == gradient._version
        )

    def _leave(self) -> None:
        if self._handle is not None:
            self._handle.remove()
        self._handle = self._parameter = self._came = None


def _discards(passes: list[_Pass]) -> bool:
    if len(passes) < 2 or len({each.location for each in passes}) > 1:
        return False
    first = passes[0].values
    return all(
        each.only_parameters
        and each.zeroed_at is not None
        and each.values is not None
        and first is not None
        and torch.equal(each.values, first)
        for each in passes[1:]
    )


def _finding(passes: list[_Pass]) -> Finding:
    return MISSING_ZERO_GRAD.finding(
        "between backward passes",
        location=passes[-1].zeroed_at,
        evidence=f"{len(passes)} backward passes before each step, {len(passes) - 1} of them "
        f"never used",
    )
