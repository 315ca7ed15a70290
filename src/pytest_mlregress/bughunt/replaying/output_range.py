"""Which values a loss input can take at all, found by making the last layer extreme."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.recording.recorder import Recorder
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.loss_calls import LossCall

_EXTREME = 1e4
_MORE_EXTREME = 1e8


def attainable_range(
    context: HuntContext, loss: LossCall, extreme: float = _EXTREME
) -> tuple[float, float]:
    """Smallest and largest of `extreme_input`.

    Raises:
        CannotTell: no parameter of the model is near, or the program fails with such values.
    """
    values = extreme_input(context, loss, extreme)
    return float(values.min()), float(values.max())


def extreme_input(context: HuntContext, loss: LossCall, extreme: float = _EXTREME) -> torch.Tensor:
    """The loss input when the parameters nearest to it are huge and random.

    A bounded range is a property of the function between the last layer and the loss, not of the
    numbers that happen to be there now (a zero-initialised head says 0 everywhere). `extreme` is
    the standard deviation of those parameters; below 0, their signs are flipped.

    Raises:
        CannotTell: no parameter of the model is near, or the program fails with such values.
    """
    nearest = _nearest_parameters(context, loss)
    if not nearest:
        raise CannotTell("no parameter of the model leads to the loss input")
    alike = [call.order for call in context.loss_trace.calls if call.name == loss.name]
    position = alike.index(loss.call.order)
    argument = next(i for i, t in enumerate(inputs(loss.call)) if t is loss.input)
    recorder = Recorder(phase="loss")
    with context.isolated_run(recorder=recorder) as isolated:
        with torch.no_grad():
            for name, parameter in isolated.model.named_parameters():
                if name in nearest:
                    parameter.normal_().mul_(extreme)
        try:
            isolated.loss()
        except BughuntError as error:
            raise CannotTell("the program fails with a huge last layer") from error
        seen = [call for call in recorder.calls if call.name == loss.name]
        if len(seen) != len(alike):
            raise CannotTell("the program takes another way with a huge last layer")
        return inputs(seen[position])[argument].detach()


def bounds(context: HuntContext, loss: LossCall) -> tuple[float, float]:
    """The bounds of what a loss input can be; infinite where it grows with the last layer.

    Raises:
        CannotTell: no parameter of the model is near, or the program fails with such values.
    """
    low, high = _both_signs(context, loss, _EXTREME)
    lower, higher = _both_signs(context, loss, _MORE_EXTREME)
    return (
        low if abs(lower - low) <= 1e-3 * max(abs(low), 1.0) else -math.inf,
        high if abs(higher - high) <= 1e-3 * max(abs(high), 1.0) else math.inf,
    )


def saturated_spread(
    context: HuntContext, loss: LossCall, suffices: Callable[[float], bool]
) -> float:
    """Distance between the two values that a loss input takes when the last layer is huge.

    Whatever squashes its numbers one by one takes nothing else then; a formula whose values lie
    in between, or go beyond, is not judged.

    Args:
        context: of the hunt.
        loss: with the input in question.
        suffices: whether a distance is so large that the input need not be judged.

    Returns:
        The distance; infinity where the input is not squashed or its distance suffices.

    Raises:
        CannotTell: no parameter of the model is near, or the program fails with such values.
    """
    if _is_scaled_from_outside(context, loss):
        return math.inf
    runs = []
    for extreme in (_EXTREME, -_EXTREME):
        values = extreme_input(context, loss, extreme).double()
        if values.numel() < 4 or not bool(values.isfinite().all()):
            return math.inf
        if suffices(float(values.max() - values.min())):
            return math.inf
        runs.append(values.flatten())
    values = torch.cat(runs)
    low, high = float(values.min()), float(values.max())
    spread = high - low
    margin = 0.01 * spread
    at_low, at_high = (values <= low + margin).double(), (values >= high - margin).double()
    saturated = float((at_low + at_high).mean()) > 0.95 and spread > 0
    both = min(float(at_low.mean()), float(at_high.mean())) > 0.02
    now = loss.input.detach()
    inside = float(now.min()) >= low - margin and float(now.max()) <= high + margin
    return spread if saturated and both and inside else math.inf


def _is_scaled_from_outside(context: HuntContext, loss: LossCall) -> bool:
    """Whether something is trained on the way that the model does not register."""
    mine = {id(p) for p in context.loss_trace.isolated.model.parameters()}
    for call in loss.provenance.behind(loss.input, loss.call):
        leaves = [t for t in inputs(call) if t.requires_grad and t.grad_fn is None]
        if any(id(t) not in mine for t in leaves):
            return True
        if leaves:
            return False
    return False


def _both_signs(context: HuntContext, loss: LossCall, extreme: float) -> tuple[float, float]:
    """The range over parameters and their negatives: one draw may push everything one way."""
    one, other = (attainable_range(context, loss, sign * extreme) for sign in (1, -1))
    return min(one[0], other[0]), max(one[1], other[1])


def _nearest_parameters(context: HuntContext, loss: LossCall) -> set[str]:
    """Names of the model's parameters in the last call before the loss that had any."""
    names = {id(p): name for name, p in context.loss_trace.isolated.model.named_parameters()}
    for call in loss.provenance.behind(loss.input, loss.call):
        found = {
            names[id(t)] for t in inputs(call) if isinstance(t, nn.Parameter) and id(t) in names
        }
        if found:
            return found
    return set()
