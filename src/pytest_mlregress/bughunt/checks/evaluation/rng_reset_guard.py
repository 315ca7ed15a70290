"""Noise that is the same at every step, because the generator is put back each time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.evaluation import RNG_RESET
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress

ENOUGH = 3


class Reseeding(Detector):
    """The first training run of several steps in a row draws from the same state of the generator.

    Only what is drawn while a module runs with gradients counts: a seed that makes the same data
    again is none of this detector's business. Nor are generators of the user's own.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._begin: torch.Tensor | None = None
        self._location: str | None = None
        self._last: torch.Tensor | None = None
        self._row = 0
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
        if torch.equal(begin, torch.default_generator.get_state()):
            self._row, self._last = 0, None  # nothing is drawn
            return
        same = self._last is not None and torch.equal(begin, self._last)
        self._row, self._last = self._row + 1 if same else 1, begin
        if self._row == ENOUGH and self._location is not None:
            self.progress.report(_finding(self._location))

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        self._judged, self._begin = False, None


def _finding(location: str) -> Finding:
    return RNG_RESET.finding(
        "every step",
        location=location,
        evidence=f"{ENOUGH} steps in a row draw from the same state of torch's generator",
    )
