"""Gradients of micro-batches: what the optimizer gets against the gradient of the whole batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch

from pytest_mlregress.bughunt.catalogue.gradients import MISSING_ZERO_GRAD
from pytest_mlregress.bughunt.catalogue.losses import LOSS_SUM_VS_MEAN
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.step_log import Applied, Backward
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree
from pytest_mlregress.bughunt.torch_api.sparse_tensors import copy_of_gradient


@check(MISSING_ZERO_GRAD, LOSS_SUM_VS_MEAN, cost="replay", needs=("train_step",))
def accumulated_gradient(context: HuntContext) -> Iterator[Finding]:
    """One step after k backward passes must apply the mean gradient.

    Neither k times it nor that of the last micro-batch alone.

    Applies to steps whose gradient is, up to a factor, one of the two: everything else (SAM,
    adversarial training, several losses) cannot be told.
    """
    trace = context.step_trace
    applied, backwards = _only_step(trace)
    count = len(backwards)
    whole = _gradient(context, context.program.fresh_batch)
    ratio, cosine = _compare(applied, whole)
    if cosine > 0.9999 and abs(ratio / count - 1) < 0.01:
        yield LOSS_SUM_VS_MEAN.finding(
            "micro-batches",
            location=backwards[0].location,
            evidence=f"the applied gradient is {ratio:.3f} times that of the whole batch",
            count=count,
        )
    if cosine > 0.9999:
        return
    last = _gradient(context, lambda: _last_part(context.program.fresh_batch(), count))
    _, cosine = _compare(applied, last)  # clipping may have changed its norm
    if cosine > 0.9999:
        yield MISSING_ZERO_GRAD.finding(
            "between micro-batches",
            location=_zeroing_between(trace, backwards),
            evidence=f"cosine of the applied gradient with the last micro-batch's: {cosine:.6f}",
            count=count,
        )


@check(MISSING_ZERO_GRAD, needs=("train_step",))
def cleared_between_parts(context: HuntContext) -> Iterator[Finding]:
    """In a loop of backward passes, zero_grad clears what the pass before has left.

    No code has read it: whatever the parts are, only the last one is used.

    Gradients that are read between (per-example clipping, climbs, logging) may have served. So
    may those of a pass at another line: a generator's loss leaves gradients in its critic.
    """
    trace = context.step_trace
    lines = [_cleared(trace, phase) for phase in trace.phases]
    if lines and all(lines):
        yield MISSING_ZERO_GRAD.finding(
            "between parts",
            location=lines[0],
            evidence=f"in {trace.count} of {trace.count} calls of train_step, before any "
            "optimizer.step() and without a look at the gradients",
        )


def _cleared(trace: StepTrace, phase: str) -> str | None:
    """Where zero_grad clears a gradient before the same line's next pass and before any step.

    Only if a step follows at all.
    """
    steps = [e for e in trace.recorder.of_kind("step", phase) if e.detail == "before"]
    passes = [
        b
        for b in trace.log.backwards
        if b.phase == phase and not b.by_grad and not _in_a_closure(trace, b)
    ]
    looks = [e.order for e in trace.recorder.of_kind("clip", phase)] + [
        c.order for c in trace.recorder.calls if c.phase == phase and c.name == "grad"
    ]
    for one, two in itertools.pairwise(passes):
        if one.location != two.location or not any(e.order > two.order for e in steps):
            continue
        if any(one.order < e.order < two.order for e in steps):
            continue
        for event in trace.recorder.of_kind("zero_grad", phase):
            between = one.order < event.order < two.order
            unseen = not any(one.order < order < event.order for order in looks)
            if between and unseen and set(one.leaves) <= _parameters_of(event.subject):
                return event.location
    return None


def _in_a_closure(trace: StepTrace, backward: Backward) -> bool:
    """Whether an optimizer's step was running when the pass began."""
    earlier = [e for e in trace.recorder.of_kind("step") if e.order < backward.order]
    return bool(earlier) and earlier[-1].detail == "before"


def _parameters_of(owner: Any) -> set[int]:
    if isinstance(owner, torch.nn.Module):
        return {id(p) for p in owner.parameters()}
    return {id(p) for group in owner.param_groups for p in group["params"]}


def _only_step(trace: StepTrace) -> tuple[Applied, list[Backward]]:
    """The first call's one optimizer step and the backward passes before it, at least two."""
    applied = [a for a in trace.log.applied if a.phase == "step 0"]
    backwards = [b for b in trace.log.backwards if b.phase == "step 0" and not b.by_grad]
    if len(applied) != 1 or len(backwards) < 2:
        raise CannotTell("train_step does not make several backward passes for one step")
    if any(b.order > applied[0].order for b in backwards) or len(trace.optimizers) != 1:
        raise CannotTell("train_step does more than accumulate gradients")
    if len({b.location for b in backwards}) != 1:
        raise CannotTell("the backward passes are those of different losses")
    return applied[0], backwards


def _gradient(context: HuntContext, batch_of: object) -> dict[str, torch.Tensor | None]:
    assert callable(batch_of)
    with context.isolated_run() as isolated:
        try:
            isolated.loss(batch_of()).backward()  # type: ignore[no-untyped-call]
        except BughuntError as error:
            raise CannotTell("loss_fn does not run on a part of the batch") from error
        return {n: copy_of_gradient(p) for n, p in isolated.model.named_parameters()}


def _last_part(batch: PyTree, count: int) -> PyTree:
    """The last of `count` parts of the rows."""
    sizes = {t.shape[0] for t in pytrees.tensors(batch) if t.dim() > 0}
    if len(sizes) != 1:
        raise CannotTell("the tensors of the batch have no common first axis")
    return pytrees.map_tensors(lambda t: t.chunk(count)[-1] if t.dim() else t, batch)


def _compare(applied: Applied, gradients: dict[str, torch.Tensor | None]) -> tuple[float, float]:
    """(ratio of norms, cosine) of the applied gradient and another one."""
    pairs = [
        (given.double().flatten(), other.double().flatten())
        for name, given in applied.gradients.items()
        if given is not None and (other := gradients.get(name)) is not None
    ]
    if not pairs:
        raise CannotTell("no gradient to compare")
    one, two = (torch.cat(part) for part in zip(*pairs, strict=True))
    if not bool(one.any()) or not bool(two.any()):
        raise CannotTell("a gradient is zero")
    return float(one.norm() / two.norm()), float(one @ two / one.norm() / two.norm())


def _zeroing_between(trace: StepTrace, backwards: list[Backward]) -> str | None:
    between = [
        e.location
        for e in trace.recorder.of_kind("zero_grad", "step 0")
        if backwards[0].order < e.order < backwards[-1].order
    ]
    return between[0] if between else backwards[-1].location
