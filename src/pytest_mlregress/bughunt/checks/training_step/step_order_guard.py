"""The order of zero_grad, backward, clipping, optimizer and scheduler in the first steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.gradients import MISSING_ZERO_GRAD
from pytest_mlregress.bughunt.catalogue.training_step import (
    CLIP_MISORDER,
    SCHEDULER_MISORDER,
    STEP_BEFORE_BACKWARD,
)
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.torch_api.optimizers import parameters_of

ENOUGH = 2
Kind = Literal["backward", "clip", "step", "schedule", "zero", "unscale"]


@dataclass(frozen=True, slots=True)
class _Moment:
    kind: Kind
    subject: int
    location: str | None
    empty: bool = False
    """Of a step: no gradient at all."""


class Order(Detector):
    """Steps, zeroing, clipping and schedules in the wrong order.

    Steps without a gradient, gradients zeroed or clipped at the wrong time or clipped while
    they are scaled, schedules that run ahead.

    Each must repeat itself; a scheduler must precede the first step of its optimizer.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._moments: list[_Moment] = []
        self._scale_is_known = False

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        self._add("backward", 0, location)

    def clipped(self, location: str | None) -> None:
        if not self._moments or self._moments[-1].kind != "clip":
            self._add("clip", 0, location)

    def zeroed(self, owner: Any, location: str | None) -> None:
        self._add("zero", id(owner), location)

    def unscaled(self, optimizer: Optimizer, location: str | None) -> None:
        self._add("unscale", id(optimizer), location)

    def scale_read(self) -> None:
        self._scale_is_known = True

    def scheduled(self, scheduler: Any, location: str | None) -> None:
        optimizer = getattr(scheduler, "optimizer", None)
        if getattr(scheduler, "_step_count", 1) >= 1:  # its constructor makes the step number 0
            self._add("schedule", id(optimizer), location)

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        if not self.progress.initial:
            return
        empty = not any(
            p.grad is not None and (p.grad.is_sparse or bool(p.grad.any()))
            for p in parameters_of(optimizer)
        )
        self._add("step", id(optimizer), location, empty)
        self._judge(optimizer)

    def _add(self, kind: Kind, subject: int, location: str | None, empty: bool = False) -> None:
        if self.progress.initial:
            self._moments.append(_Moment(kind, subject, location, empty))

    def _judge(self, optimizer: Optimizer) -> None:
        mine = [m for m in self._moments if m.kind != "step" or m.subject == id(optimizer)]
        cycles = _cycles(mine)
        if len(cycles) < ENOUGH:
            return
        for judge in (_zeroed_before_use, _stepped_first, _clipped_in_vain, _scheduled_first):
            finding = judge(cycles, id(optimizer))
            if finding is not None:
                self.progress.report(finding)
        scaled = _clipped_scaled(cycles)
        if (
            scaled is not None
            and not self._scale_is_known
            and self.progress.counts.keys() == {id(optimizer)}
        ):
            self.progress.report(scaled)


def _cycles(moments: list[_Moment]) -> list[list[_Moment]]:
    """The moments cut after each step."""
    cycles: list[list[_Moment]] = [[]]
    for moment in moments:
        cycles[-1].append(moment)
        if moment.kind == "step":
            cycles.append([])
    return cycles[:-1]


def _zeroed_before_use(cycles: list[list[_Moment]], optimizer: int) -> Finding | None:
    zeroings = []
    for cycle in cycles:
        kinds = [m.kind for m in cycle]
        if not cycle[-1].empty or "backward" not in kinds:
            return None
        last = len(kinds) - 1 - kinds[::-1].index("backward")
        zeroings += [m for m in cycle[last:] if m.kind == "zero"][:1]
    if len(zeroings) < len(cycles):
        return None
    return MISSING_ZERO_GRAD.finding(
        "before step",
        location=zeroings[0].location,
        evidence=f"no gradient is left at {len(cycles)} of {len(cycles)} steps",
    )


def _stepped_first(cycles: list[list[_Moment]], optimizer: int) -> Finding | None:
    """The first step comes before any backward pass, with no gradient to apply."""
    first = cycles[0]
    if any(m.kind == "backward" for m in first) or not first[-1].empty:
        return None
    if not all(any(m.kind == "backward" for m in cycle) for cycle in cycles[1:]):
        return None
    return STEP_BEFORE_BACKWARD.finding(
        location=first[-1].location,
        evidence="the first step finds no gradient; a backward pass follows it",
    )


def _clipped_in_vain(cycles: list[list[_Moment]], optimizer: int) -> Finding | None:
    """In every step gradients are clipped, but not between the last backward and the step."""
    clips = []
    for cycle in cycles[1:]:
        kinds = [m.kind for m in cycle]
        if "clip" not in kinds or "backward" not in kinds:
            return None
        last = len(kinds) - 1 - kinds[::-1].index("backward")
        if "clip" in kinds[last:]:
            return None
        clips += [m for m in cycle if m.kind == "clip"]
    if len(clips) < ENOUGH:
        return None
    return CLIP_MISORDER.finding(
        location=clips[0].location, evidence=" → ".join(m.kind for m in cycles[-1])
    )


def _clipped_scaled(cycles: list[list[_Moment]]) -> Finding | None:
    """In every step gradients are clipped while they are still multiplied by the loss scale."""
    clips = []
    for cycle in cycles:
        kinds = [m.kind for m in cycle]
        if "backward" not in kinds:
            return None
        last = len(kinds) - 1 - kinds[::-1].index("backward")
        after = kinds[last:]
        if "clip" not in after or "unscale" not in after:
            return None
        if after.index("unscale") < after.index("clip"):
            return None
        clips.append(cycle[last + after.index("clip")])
    if len(clips) < ENOUGH:
        return None
    return CLIP_MISORDER.finding(
        "scaled", location=clips[0].location, evidence=" → ".join(m.kind for m in cycles[-1])
    )


def _scheduled_first(cycles: list[list[_Moment]], optimizer: int) -> Finding | None:
    """The scheduler is ahead of its optimizer.

    No backward pass precedes it, or the one whose step follows it directly (a step that loss
    scaling skips is followed by another backward).
    """
    first = cycles[0]
    early = [i for i, m in enumerate(first) if m.kind == "schedule" and m.subject == optimizer]
    if not early:
        return None
    before = [m.kind for m in first[: early[0]]]
    after = [m.kind for m in first[early[0] :]]
    if "backward" in before and "backward" in after:
        return None
    return SCHEDULER_MISORDER.finding(
        location=first[early[0]].location, evidence=" → ".join(m.kind for m in first)
    )
