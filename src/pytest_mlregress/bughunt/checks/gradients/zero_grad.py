"""Gradients that leak into a later step, and gradients that are thrown away before use."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from pytest_mlregress.bughunt.catalogue.gradients import MISSING_ZERO_GRAD
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import Event, Recorder
from pytest_mlregress.bughunt.recording.step_log import Applied
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace

_ALONG = 0.999


@check(MISSING_ZERO_GRAD, cost="replay", needs=("train_step",), common=True)
def missing_zero_grad(context: HuntContext) -> Iterator[Finding]:
    """Replay the training with consumed gradients removed: the parameters must not differ.

    A gradient that ``optimizer.step`` has used has done its work. If taking it away right then
    changes later parameters, it was added to the next gradient. Accumulation over calls, zeroing
    at the end, closures (L-BFGS), SAM and GANs all pass, because only used gradients are removed.
    Where none was ever left when the next backward pass or step began, there is nothing to replay.
    """
    trace = context.step_trace
    by_hand = list(_used_by_hand(context))
    yield from by_hand
    if not trace.recorder.of_kind("step"):
        if by_hand:
            return
        raise CannotTell("train_step never called a torch optimizer's step")
    yield from _zeroed_before_use(trace)
    if not trace.log.stale:
        return
    context.afford(2 * (trace.count + 1) * trace.seconds)
    first, stale = context.second_run.last, _without_consumed(context, trace.count)
    if _difference(first, trace.states[trace.count].parameters) > 0:
        raise CannotTell("two equal replays of train_step end in different parameters")
    moved = _difference(first, stale)
    if moved > 0:
        yield MISSING_ZERO_GRAD.finding(
            location=_where_added(trace),
            evidence=f"without the used gradients the parameters after {trace.count} steps "
            f"differ by up to {moved:.3g}",
        )


def _used_by_hand(context: HuntContext) -> Iterator[Finding]:
    """Between two backward passes the parameters move along their gradient, without an optimizer.

    The second pass adds to that gradient: a climb (SAM) or a step by hand has used it.
    """
    order = [
        event.kind
        for event in context.step_trace.recorder.events
        if event.kind in ("backward", "step") and event.phase in context.step_trace.phases[:2]
    ]
    if ("backward", "backward") not in itertools.pairwise(order):
        return
    context.afford(3 * context.step_trace.seconds)
    watch = _Moves()
    with context.isolated_run(recorder=Recorder(keep_tensors=False, on_event=watch)) as isolated:
        watch.parameters = list(isolated.model.parameters())
        for index, batch in enumerate(context.program.training_batches(2)):
            isolated.phase(f"step {index}")
            isolated.step(batch)
    if watch.found is not None:
        location, cosine = watch.found
        yield MISSING_ZERO_GRAD.finding(
            "used by hand",
            location=location,
            evidence=f"cosine of the move before this backward pass with the gradients that it "
            f"finds: {cosine:.6f}",
        )


@dataclass
class _Moves:
    """Listens for a backward pass that finds gradients along which the parameters have moved."""

    parameters: list[torch.nn.Parameter] = field(default_factory=list)
    before: list[torch.Tensor] | None = None
    found: tuple[str | None, float] | None = None

    def __call__(self, event: Event) -> None:
        if event.kind == "step":
            self.before = None
        if event.kind != "backward":
            return
        if self.before is not None and self.found is None:
            cosine = self._cosine(self.before)
            if abs(cosine) > _ALONG:
                self.found = event.location, cosine
        self.before = [p.detach().clone() for p in self.parameters]

    def _cosine(self, before: list[torch.Tensor]) -> float:
        product = moved = size = 0.0
        for old, parameter in zip(before, self.parameters, strict=True):
            if parameter.grad is None or parameter.shape != old.shape:
                continue
            move, gradient = (parameter.detach() - old).double(), parameter.grad.double()
            product += float((move * gradient).sum())
            moved += float(move.square().sum())
            size += float(gradient.square().sum())
        return product / math.sqrt(moved * size) if moved and size else 0.0


def _zeroed_before_use(trace: StepTrace) -> Iterator[Finding]:
    """Every step of an optimizer finds only zeros, though a backward pass reached its parameters.

    Known by the zero_grad between the two.
    """
    for optimizer in trace.optimizers:
        applied = [a for a in trace.log.applied if a.optimizer is optimizer]
        zeroings = [_zeroing_before(trace, a) for a in applied]
        if applied and all(zeroings) and not any(map(_has_gradient, applied)):
            zeroing = zeroings[0]
            assert zeroing is not None
            yield MISSING_ZERO_GRAD.finding(
                "before step",
                location=zeroing.location,
                evidence=f"all gradients are zero at {len(applied)} of {len(applied)} steps",
            )


def _zeroing_before(trace: StepTrace, applied: Applied) -> Event | None:
    """The zero_grad that a backward pass precedes and no other follows before this step."""
    earlier = [
        e
        for e in trace.recorder.events
        if e.phase == applied.phase
        and e.order < applied.order
        and e.kind in ("backward", "zero_grad")
    ]
    last_backward = max((e.order for e in earlier if e.kind == "backward"), default=None)
    if last_backward is None:
        return None
    return next((e for e in earlier if e.kind == "zero_grad" and e.order > last_backward), None)


def _has_gradient(applied: Applied) -> bool:
    return any(g is not None and bool(g.any()) for g in applied.gradients.values())


def _where_added(trace: StepTrace) -> str | None:
    """The first backward pass that finds used gradients: it follows a step."""
    steps = [e.order for e in trace.recorder.of_kind("step") if e.detail == "after"]
    later = [e for e in trace.recorder.of_kind("backward") if e.order > steps[0]]
    return later[0].location if later else None


def _without_consumed(context: HuntContext, count: int) -> dict[str, torch.Tensor]:
    recorder = Recorder(keep_tensors=False, on_event=_forget_consumed)
    with context.isolated_run(recorder=recorder) as isolated:
        for batch in context.program.training_batches(count):
            isolated.step(batch)
        return isolated.parameters()


def _forget_consumed(event: Event) -> None:
    if event.kind != "step" or event.detail != "after":
        return
    for group in event.subject.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad = torch.zeros_like(parameter.grad)


def _difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    gaps = [(one[name] - other[name]).abs().max().item() for name in one if one[name].numel()]
    return max(gaps, default=0.0)
