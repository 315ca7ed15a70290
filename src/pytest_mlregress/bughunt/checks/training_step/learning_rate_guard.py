"""Learning rates that are too small to change anything, or become so within a few steps."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import torch
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.training_step import LOST_UPDATE, SCHEDULER_MISORDER
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of, sample

ENOUGH = 10
SOON = 64
"""A schedule that ends within this number of steps was not made for the training."""
COLLAPSE = 1e-6
SAMPLE = 16
MOST_PARAMETERS = 32
MOST_LOOKS = 4


@dataclass(slots=True)
class _Start:
    """An optimizer before its first step."""

    optimizer: weakref.ref[Optimizer]
    rate: float
    values: list[torch.Tensor]
    tiny: int = 0
    """Looks in a row at which the rate had collapsed."""
    looks: int = 0


class Rates(Detector):
    """Parameters that most updates leave bit for bit as they are, and schedules that collapse.

    Judged when at least `ENOUGH` steps were made: of the entries whose gradient is not zero most
    must be what they were at the start, while the learning rate is positive and not rising any
    more, as in a warm-up.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._starts: dict[int, _Start] = {}
        self._schedules: dict[int, str | None] = {}

    def scheduled(self, scheduler: object, location: str | None) -> None:
        optimizer = getattr(scheduler, "optimizer", None)
        self._schedules.setdefault(id(optimizer), location)

    def before_step(self, optimizer: Optimizer) -> None:
        known = self._starts.get(id(optimizer))
        if self.progress.observes_calls and (known is None or known.optimizer() is not optimizer):
            values = [sample(p, SAMPLE) for p in _looked_at(optimizer)]
            self._starts[id(optimizer)] = _Start(weakref.ref(optimizer), _rate(optimizer), values)

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        start = self._starts.get(id(optimizer))
        count = self.progress.counts.get(id(optimizer), 0)
        if start is None or start.optimizer() is not optimizer or count < ENOUGH:
            return
        self._judge_schedule(optimizer, start, count)
        rate = _rate(optimizer)
        if 0 < rate <= start.rate and start.looks < MOST_LOOKS:
            start.looks += 1
            finding = _lost(optimizer, start, count, location)
            if finding is not None:
                self.progress.report(finding)

    def _judge_schedule(self, optimizer: Optimizer, start: _Start, count: int) -> None:
        rate = _rate(optimizer)
        start.tiny = start.tiny + 1 if rate < COLLAPSE * start.rate else 0
        if start.tiny == 2 and count <= SOON:
            self.progress.report(
                SCHEDULER_MISORDER.finding(
                    "collapsed",
                    location=self._schedules.get(id(optimizer)),
                    evidence=f"{start.rate:.3g} at the first step, {rate:.3g} at step {count}",
                    steps=count,
                )
            )


def _rate(optimizer: Optimizer) -> float:
    return max((float(group.get("lr", 1.0)) for group in optimizer.param_groups), default=0.0)


def _looked_at(optimizer: Optimizer) -> list[torch.Tensor]:
    owned = parameters_of(optimizer)
    return owned[:: max(1, len(owned) // MOST_PARAMETERS)][:MOST_PARAMETERS]


def _lost(optimizer: Optimizer, start: _Start, count: int, location: str | None) -> Finding | None:
    pushed = same = 0
    for parameter, before in zip(_looked_at(optimizer), start.values, strict=False):
        if parameter.grad is None or parameter.grad.is_sparse:
            continue
        pushes = sample(parameter.grad, SAMPLE) != 0
        pushed += int(pushes.sum())
        same += int((pushes & (sample(parameter, SAMPLE) == before)).sum())
    if not pushed or same <= pushed / 2:
        return None
    dtype = parameters_of(optimizer)[0].dtype
    return LOST_UPDATE.finding(
        "rounded away",
        location=location,
        evidence=f"{same} of {pushed} entries with a gradient are as before the first of {count} "
        f"steps; learning rate {_rate(optimizer):.3g}",
        dtype=dtype,
    )
