"""Optimizer steps after which the parameters are what they were."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pytest_mlregress.bughunt.catalogue.training_step import LOST_UPDATE
from pytest_mlregress.bughunt.checks.training_step.learning_rate import TINY_RATE
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace

_HALF = (torch.float16, torch.bfloat16)


@check(LOST_UPDATE, needs=("train_step",))
def lost_update(context: HuntContext) -> Iterator[Finding]:
    """Gradients arrive, the learning rate is positive, and parameters keep their very bits.

    Looked at around the whole train_step, so that values put back by hand count too.
    """
    trace = context.step_trace
    if not trace.log.applied:
        yield from _never_stepped(trace)
        return
    if _steps_on_another_model(trace):
        yield _trains_another(context, trace)
        return
    lost, total = _unmoved_entries(trace)
    rates = [rate for a in trace.log.applied for rate in a.learning_rates]
    if total and lost == total and min(rates, default=0.0) > TINY_RATE:
        yield _lost(trace, f"all {total} entries with a gradient are bit-equal after every step")
        return
    for name in trace.states[0].parameters:
        if trace.states[0].parameters[name].dtype in _HALF and min(rates, default=0.0) > 0:
            lost, total = _unmoved_entries(trace, name)
            if total >= 4 and lost > total / 2:
                dtype = trace.states[0].parameters[name].dtype
                yield _lost(
                    trace,
                    f"{lost} of {total} updates of {name} ({dtype}) are below its resolution",
                    name,
                )
                return


def _unmoved_entries(trace: StepTrace, only: str | None = None) -> tuple[int, int]:
    """(entries that kept their bits, entries with a gradient), summed over the steps."""
    lost = total = 0
    for index, phase in enumerate(trace.phases):
        before, after = trace.states[index].parameters, trace.states[index + 1].parameters
        for applied in (a for a in trace.log.applied if a.phase == phase):
            for name, gradient in applied.gradients.items():
                if gradient is None or name not in before or only not in (None, name):
                    continue
                if name not in after or before[name].shape != gradient.shape:
                    continue
                given = gradient != 0
                total += int(given.sum())
                lost += int((given & (before[name] == after[name])).sum())
    return lost, total


def _never_stepped(trace: StepTrace) -> Iterator[Finding]:
    """Every call computes gradients and clears them, and none of them is applied."""
    first, last = trace.states[0].parameters, trace.states[trace.count].parameters
    if any(not torch.equal(first[name], last[name]) for name in first):
        raise CannotTell("train_step updates the parameters without a torch optimizer")
    cleared = all(trace.recorder.of_kind("zero_grad", phase) for phase in trace.phases)
    if trace.log.backwards and cleared:
        backward = trace.log.backwards[0]
        yield LOST_UPDATE.finding(
            "no step",
            location=backward.location,
            evidence=f"{len(trace.log.backwards)} backward passes and no step in {trace.count} "
            f"calls of train_step",
        )


def _steps_on_another_model(trace: StepTrace) -> bool:
    """Backward passes ran, and no parameter of the model got a gradient or moved."""
    first, last = trace.states[0].parameters, trace.states[trace.count].parameters
    moved = any(not torch.equal(first[name], last[name]) for name in first if name in last)
    passes = [b for b in trace.log.backwards if not b.by_grad]
    return bool(passes) and not trace.reaches_the_model and not moved


def _trains_another(context: HuntContext, trace: StepTrace) -> Finding:
    if all(gradient is None for gradient in context.loss_trace.gradients.values()):
        raise CannotTell("the loss reaches no parameter: detached-graph")
    passes = [backward for backward in trace.log.backwards if not backward.by_grad]
    reached = {key for backward in passes for key in backward.leaves}
    if reached & {id(parameter) for parameter in trace.isolated.model.parameters()}:
        variant = "gone"
    else:
        variant = "other tensors" if reached else "cut"
    return LOST_UPDATE.finding(
        variant,
        location=passes[0].location,
        evidence=f"no step of the optimizer had a gradient of the model in {trace.count} calls of "
        f"train_step; one backward pass of loss_fn gives it gradients",
    )


def _lost(trace: StepTrace, evidence: str, name: str | None = None) -> Finding:
    return LOST_UPDATE.finding(
        module=name,
        location=_last_writer(trace) or trace.log.applied[0].location,
        evidence=evidence,
    )


def _last_writer(trace: StepTrace) -> str | None:
    """The last in-place write to a parameter after the optimizer's step."""
    after = trace.log.applied[0].order
    lines = [
        call.location
        for call in trace.recorder.calls
        if call.phase == "step 0"
        and call.order > after
        and call.name in ("copy_", "data.__set__", "fill_", "zero_")
        and call.arguments
        and isinstance(call.arguments[0], torch.nn.Parameter)
    ]
    return lines[-1] if lines else None
