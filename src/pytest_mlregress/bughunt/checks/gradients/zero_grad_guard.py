"""Gradients that an optimizer has used already and that are added to the next ones."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.gradients import MISSING_ZERO_GRAD
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of, sample

MOST_PARAMETERS = 8
ENOUGH = 2
SAMPLE = 256


@dataclass(slots=True)
class _Trail:
    """What became of one parameter's gradient since its optimizer used it.

    `version` is that of the gradient tensor when it was last seen: adding to it in place raises
    it by exactly one, so that any other change (zeroing, scaling) breaks the trail.
    """

    gradient: weakref.ref[torch.Tensor] | None = None
    version: int = -1
    stale: bool = False


class StaleGradients(Detector):
    """Missing zero_grad, witnessed by the gradient tensor itself.

    Used by a step, added to by the next backward pass, used by the next step, with nothing in
    between. Zeroing in any place or manner, accumulation, closures and gradients that are never
    used again (a generator's pass through the discriminator) break the chain.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._trails: dict[int, _Trail] = {}
        self._chosen: dict[int, list[torch.Tensor]] = {}
        self._handles: list[Any] = []
        self._times: dict[int, int] = {}
        self._backward: str | None = None
        self._backward_of: dict[int, str | None] = {}

    def backward(self, roots: object, location: str | None) -> None:
        self._backward = location

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        if not self.progress.observes_calls:
            return
        chosen = self._chosen.get(id(optimizer))
        if chosen is None:
            chosen = self._chosen[id(optimizer)] = self._choose(optimizer)
        if any(self._was_reused(p) for p in chosen):
            self._count(optimizer, chosen)
        for parameter in chosen:
            self._use(parameter)

    def rest(self) -> None:
        self._leave()

    def finish(self) -> None:
        self._leave()

    def _choose(self, optimizer: Optimizer) -> list[torch.Tensor]:
        trained = [p for p in parameters_of(optimizer) if p.requires_grad and p.is_leaf]
        chosen = trained[:: max(1, len(trained) // MOST_PARAMETERS)][:MOST_PARAMETERS]
        for parameter in chosen:
            if id(parameter) not in self._trails:
                self._trails[id(parameter)] = _Trail()
                register: Any = parameter.register_post_accumulate_grad_hook
                self._handles.append(register(self._accumulated))
        return chosen

    def _accumulated(self, parameter: torch.Tensor) -> None:
        trail, gradient = self._trails[id(parameter)], parameter.grad
        if trail.gradient is None or gradient is None:
            return
        same = trail.gradient() is gradient and gradient._version == trail.version + 1
        trail.stale = same
        trail.version = gradient._version
        if same:
            self._backward_of.setdefault(id(parameter), self._backward)
        else:
            trail.gradient = None

    def _was_reused(self, parameter: torch.Tensor) -> bool:
        trail, gradient = self._trails[id(parameter)], parameter.grad
        return (
            trail.stale
            and gradient is not None
            and trail.gradient is not None
            and trail.gradient() is gradient
            and not gradient.is_sparse
            and bool(sample(gradient, SAMPLE).any())
        )

    def _use(self, parameter: torch.Tensor) -> None:
        trail, gradient = self._trails[id(parameter)], parameter.grad
        trail.stale = False
        if gradient is None or gradient.is_sparse or not bool(sample(gradient, SAMPLE).any()):
            trail.gradient = None
        else:
            trail.gradient, trail.version = weakref.ref(gradient), gradient._version

    def _count(self, optimizer: Optimizer, chosen: list[torch.Tensor]) -> None:
        times = self._times[id(optimizer)] = self._times.get(id(optimizer), 0) + 1
        if times < ENOUGH:
            return
        reused = [p for p in chosen if self._was_reused(p)]
        self.progress.report(
            MISSING_ZERO_GRAD.finding(
                location=next((self._backward_of.get(id(p)) for p in reused), None),
                evidence=f"at {times} steps {len(reused)} of {len(chosen)} parameters that were "
                f"looked at still held the gradient of the step before",
            )
        )

    def _leave(self) -> None:
        while self._handles:
            self._handles.pop().remove()
