"""Gradients that are not finite, explode, vanish, or stop at dead units."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.gradients import (
    EXPLODING_GRADIENT,
    NAN_GRADIENT,
    VANISHING_GRADIENT,
)
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import REGRESSION_LOSSES
from pytest_mlregress.bughunt.torch_api.sparse_tensors import is_finite, stored

VANISHED_AT_START, VANISHED_AFTER = 1e-7, 1e-6
EXPLODED = 1e4


@check(NAN_GRADIENT)
def nan_gradient(context: HuntContext) -> Iterator[Finding]:
    """What an optimizer applies, or the first loss and its gradients, is not finite.

    Scaled losses whose overflowing steps are skipped never reach the optimizer and pass.
    """
    loss = context.loss_trace
    if not math.isfinite(float(loss.loss.detach())):
        yield _not_finite(context, "the loss", f"loss = {float(loss.loss.detach())}", None)
        return
    bad = [n for n, g in loss.gradients.items() if g is not None and not bool(g.isfinite().all())]
    if bad and context.program.train_step is None:
        yield _not_finite(context, "the gradient", f"{len(bad)} parameters", bad[0])
    if context.program.train_step is None:
        return
    for applied in context.step_trace.log.applied:
        names = [
            name
            for name, gradient in applied.gradients.items()
            if gradient is not None and not bool(gradient.isfinite().all())
        ]
        if names:
            where = f"{len(names)} of {len(applied.gradients)} gradients in {applied.phase}"
            yield _not_finite(context, "a gradient that the optimizer applies", where, names[0])
            return
    yield from _lost_parameters(context)


def _lost_parameters(context: HuntContext) -> Iterator[Finding]:
    """A parameter that was finite and is no longer, whichever code wrote it.

    A closure's optimizer computes its gradients where no hook sees them.
    """
    states = context.step_trace.states
    for index, state in enumerate(states[1:], start=1):
        lost = [
            name
            for name, values in state.parameters.items()
            if not bool(values.isfinite().all())
            and name in states[0].parameters
            and bool(states[0].parameters[name].isfinite().all())
        ]
        if lost:
            where = f"{len(lost)} of {len(state.parameters)} after {index} steps"
            yield _not_finite(context, "what training makes of a parameter", where, lost[0])
            return


def _not_finite(context: HuntContext, what: str, evidence: str, parameter: str | None) -> Finding:
    culprit = _first_not_finite(context)
    return NAN_GRADIENT.finding(
        module=parameter or (culprit.module if culprit else None),
        location=culprit.location if culprit else None,
        evidence=evidence,
        what=what,
        origin=f"; it begins at {culprit.name}" if culprit else "",
    )


def _first_not_finite(context: HuntContext) -> RecordedCall | None:
    """The call where the numbers of the first loss go wrong, forward or backward."""
    trace = context.loss_trace
    for call in trace.calls:
        given = [t for t in inputs(call) if t.is_floating_point()]
        made = [t for t in pytrees.tensors(call.output) if t.is_floating_point()]
        if any(bool(stored(t)[-1].isnan().any()) for t in made) and all(map(is_finite, given)):
            return call
    bad = {order for order, g in trace.output_gradients.items() if not is_finite(g)}
    for call in reversed(trace.calls):
        behind = [trace.provenance.producer(t, call) for t in inputs(call)]
        arrived = trace.output_gradients.get(call.order)
        if call.order in bad or arrived is None:
            continue
        if any(maker is not None and maker.order in bad for maker in behind):
            return call
    overflow = [
        call
        for call in trace.calls
        if any(
            t.is_floating_point() and bool(stored(t)[-1].isinf().any())
            for t in pytrees.tensors(call.output)
        )
    ]
    return overflow[0] if overflow else None


@check(EXPLODING_GRADIENT)
def exploding_gradient(context: HuntContext) -> Iterator[Finding]:
    """The gradient is huge against the loss: one ordinary step would throw the model away.

    Relative to the loss, so that sums over pixels pass. A threshold, hence a warning.
    """
    trace = context.loss_trace
    gradients = {n: g for n, g in trace.gradients.items() if g is not None}
    total = math.sqrt(sum(float(g.double().square().sum()) for g in gradients.values()))
    loss = abs(float(trace.loss.detach()))
    if not math.isfinite(total) or not math.isfinite(loss):
        return
    if total > EXPLODED * (1 + loss) or (total > 1e3 and _is_absurd(context, loss)):
        name = max(gradients, key=lambda n: float(gradients[n].double().norm()))
        yield EXPLODING_GRADIENT.finding(
            module=name,
            location=trace.isolated.initialised_at(name),
            evidence=f"norm {total:.3g} at a loss of {loss:.3g}",
        )


def _is_absurd(context: HuntContext, loss: float) -> bool:
    """Whether the first predictions are wildly off.

    A mean cross entropy far beyond that of guessing (the logarithm of classes), or predicted
    values a hundred times the size of their targets.
    """
    if _predicts_out_of_scale(context):
        return True
    calls = [c for c in context.loss_trace.calls if c.name == "cross_entropy"]
    if not calls or calls[-1].argument(5, "reduction", "mean") != "mean":
        return False
    classes = inputs(calls[-1])[0].shape[1] if inputs(calls[-1])[0].dim() > 1 else 2
    return loss > 100 * math.log(max(classes, 2))


def _predicts_out_of_scale(context: HuntContext) -> bool:
    for call in context.loss_trace.calls:
        given = inputs(call)[:2]
        if call.name in REGRESSION_LOSSES and len(given) == 2 and given[0].shape == given[1].shape:
            predicted, target = (float(t.detach().double().square().mean()) for t in given)
            if target > 0 and predicted > 100**2 * target:
                return True
    return False


@check(VANISHING_GRADIENT)
def vanishing_gradient(context: HuntContext) -> Iterator[Finding]:
    """The first quarter of the layers gets next to no gradient, at the start and after training.

    Only weight matrices count, by the order in which they run, and both moments must agree:
    LayerScale and zero-initialised gates let the gradient through after a few steps.
    """
    trace = context.training_trace
    order = _layers_in_order(trace)
    if len(order) < 4:
        raise CannotTell("fewer than four layers")
    if len(trace.log.applied) < 3:
        raise CannotTell("fewer than three optimizer steps")
    start, after = trace.log.applied[0].gradients, trace.log.applied[-1].gradients
    quarter = order[: len(order) // 4]
    ratios = [_ratio(gradients, quarter) for gradients in (start, after)]
    if ratios[0] < VANISHED_AT_START and ratios[1] < VANISHED_AFTER:
        yield VANISHING_GRADIENT.finding(
            module=quarter[0],
            location=trace.isolated.initialised_at(quarter[0]),
            evidence=f"largest gradient of the first {len(quarter)} of {len(order)} layers is "
            f"{ratios[0]:.1e} of the largest at the start, {ratios[1]:.1e} after "
            f"{trace.count} steps",
        )


def _layers_in_order(trace: StepTrace) -> list[str]:
    """Weight matrices of the linear and convolution layers in the order in which they first run."""
    names: dict[str, None] = {}
    for event in trace.recorder.of_kind("forward", "step 0"):
        name = trace.recorder.name_of(event.subject)
        layer = isinstance(event.subject, nn.Linear | nn.modules.conv._ConvNd)
        if layer and name is not None and event.subject.weight.requires_grad:
            names[f"{name}.weight" if name else "weight"] = None
    return [n for n in names if n in trace.log.applied[0].gradients] if trace.log.applied else []


def _ratio(gradients: dict[str, torch.Tensor | None], quarter: list[str]) -> float:
    """Largest gradient of some layers against the largest of all parameters."""
    sizes = {n: float(g.abs().max()) for n, g in gradients.items() if g is not None and g.numel()}
    top = max(sizes.values(), default=0.0)
    if top == 0 or not math.isfinite(top):
        return 1.0
    return max((sizes.get(name, 0.0) for name in quarter), default=0.0) / top
