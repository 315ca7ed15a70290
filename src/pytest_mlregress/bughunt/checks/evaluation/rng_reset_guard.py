"""Noise that is the same at every step, because the generator is put back each time."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.evaluation import RNG_RESET
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress

ENOUGH = 3


@dataclass(frozen=True)
class _Row:
    """Steps in a row of one optimizer whose noise was drawn from one state of the generator."""

    optimizer: weakref.ref[Optimizer]
    state: torch.Tensor
    count: int = 1


class Reseeding(Detector):
    """The first training run of several steps in a row draws from the same state of the generator.

    Only what is drawn while a module runs with gradients counts: a seed that makes the same data
    again is none of this detector's business. Nor are generators of the user's own. The steps are
    those of one optimizer: several models may be trained from one seed, or with the same noise.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._begin: torch.Tensor | None = None
        self._location: str | None = None
        self._drawn_from: torch.Tensor | None = None
        self._rows: dict[int, _Row] = {}
        self._judged = False

    def entered(self, module: nn.Module, outermost: bool) -> None:
        if (
            outermost
            and self.progress.observes_calls
            and not self._judged
            and torch.is_grad_enabled()
        ):
            self._begin = torch.default_generator.get_state()

    def seeded(self, state: torch.Tensor, location: str | None) -> None:
        self._location = location
        if self.progress.running and torch.is_grad_enabled():
            self._begin = state

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        begin, self._begin = self._begin, None
        if self._judged or begin is None or not self.progress.observes_calls:
            return
        self._judged = True
        drawn = not torch.equal(begin, torch.default_generator.get_state())
        self._drawn_from = begin if drawn else None

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        state, judged = self._drawn_from, self._judged
        self._judged, self._begin, self._drawn_from = False, None, None
        if not judged:
            return
        row = self._rows.pop(id(optimizer), None)
        if state is None:
            return
        same = row is not None and row.optimizer() is optimizer and torch.equal(row.state, state)
        count = row.count + 1 if row is not None and same else 1
        self._rows[id(optimizer)] = _Row(weakref.ref(optimizer), state, count)
        if count == ENOUGH and self._location is not None:
            self.progress.report(_finding(self._location))


def _finding(location: str) -> Finding:
    return RNG_RESET.finding(
        "every step",
        location=location,
        evidence=f"{ENOUGH} steps in a row draw from the same state of torch's generator",
    )
