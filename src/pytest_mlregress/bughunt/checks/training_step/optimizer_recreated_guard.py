"""Optimizers that are constructed again for every step and so lose their state."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import torch
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.training_step import OPTIMIZER_RECREATED
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of, sample

ENOUGH = 4
SAMPLE = 16


@dataclass(slots=True)
class _Succession:
    """Optimizers of one parameter, each of which has made a single step."""

    parameter: weakref.ref[torch.Tensor]
    optimizer: weakref.ref[Optimizer]
    after: torch.Tensor
    length: int = 1
    constructed: str | None = None


class Renewal(Detector):
    """Several optimizers in a row that own one parameter, keep a state and make one step each.

    One that steps twice ends the row, and so does a parameter that is put back to where it was
    before (adaptation to each example, meta-learning): there a new optimizer is intended.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._rows: dict[int, _Succession] = {}
        self._constructed: dict[int, str | None] = {}

    def constructed(self, optimizer: Optimizer, location: str | None) -> None:
        if self.progress.steps and len(self._constructed) < 8 * ENOUGH:
            self._constructed[id(optimizer)] = location

    def before_step(self, optimizer: Optimizer) -> None:
        parameter = _watched(optimizer)
        row = None if parameter is None else self._rows.get(id(parameter))
        if row is None or parameter is None or row.parameter() is not parameter:
            return
        if not torch.equal(sample(parameter, SAMPLE), row.after):
            del self._rows[id(parameter)]

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        if self.progress.counts.get(id(optimizer), 0) > 1:
            self._end(optimizer)
        elif self.progress.observes_calls and _keeps_state(optimizer):
            self._continue(optimizer, location)

    def _end(self, optimizer: Optimizer) -> None:
        for key in [k for k, row in self._rows.items() if row.optimizer() is optimizer]:
            del self._rows[key]

    def _continue(self, optimizer: Optimizer, location: str | None) -> None:
        parameter = _watched(optimizer)
        if parameter is None:
            return
        row = self._rows.get(id(parameter))
        now = sample(parameter, SAMPLE)
        if row is None or row.parameter() is not parameter:
            row = self._rows[id(parameter)] = _Succession(
                weakref.ref(parameter), weakref.ref(optimizer), now
            )
        else:
            row.length += 1
        row.optimizer, row.after = weakref.ref(optimizer), now
        row.constructed = self._constructed.get(id(optimizer), row.constructed)
        if row.length == ENOUGH:
            self.progress.report(_finding(row, optimizer, location))


def _keeps_state(optimizer: Optimizer) -> bool:
    return any(bool(state) for state in optimizer.state.values())


def _watched(optimizer: Optimizer) -> torch.Tensor | None:
    """The first parameter that the step could move."""
    return next((p for p in parameters_of(optimizer) if p.grad is not None), None)


def _finding(row: _Succession, optimizer: Optimizer, location: str | None) -> Finding:
    return OPTIMIZER_RECREATED.finding(
        "every step",
        location=row.constructed or location,
        evidence=f"{row.length} {type(optimizer).__name__} objects in a row for the same "
        f"parameters, one step each",
    )
