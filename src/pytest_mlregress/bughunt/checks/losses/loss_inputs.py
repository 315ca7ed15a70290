"""Losses that are given the wrong kind of number: probabilities for logits and the like."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.losses import (
    DOUBLE_SOFTMAX,
    DROPOUT_ON_LOGITS,
    LOGITS_INTO_NLL,
    PROBABILITIES_INTO_NLL,
    RELU_ON_LOGITS,
    SIGMOID_INTO_BCE_WITH_LOGITS,
    SOFTMAX_INTO_CROSS_ENTROPY,
    SWAPPED_LOSS_ARGUMENTS,
    WRONG_SOFTMAX_DIM,
)
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.attention import is_softmax
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance, inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.loss_calls import LossCall, loss_calls
from pytest_mlregress.bughunt.replaying.output_range import attainable_range
from pytest_mlregress.bughunt.torch_api import probabilities
from pytest_mlregress.bughunt.torch_api.loss_functions import EXPECTS
from pytest_mlregress.bughunt.torch_api.operators import (
    ASYMMETRIC_LOSSES,
    CLAMPS,
    DROPOUTS,
    LOG_SOFTMAX,
    RECTIFIERS,
    SCALINGS,
    SHAPE,
    SIGMOID,
    SOFTMAX,
)


@check(SOFTMAX_INTO_CROSS_ENTROPY)
def softmax_into_cross_entropy(context: HuntContext) -> Iterator[Finding]:
    """The input of cross_entropy already sums to one along the classes, and is trained.

    Judged by value, so that hand-made exp / sum and clamped probabilities count too; targets are
    free (distillation, mixup).
    """
    for loss in loss_calls(context):
        if loss.name != "cross_entropy" or not loss.input.requires_grad:
            continue
        by_softmax = is_softmax(loss.provenance, _source(loss))
        if not by_softmax and not probabilities.are_probabilities(loss.input, loss.class_axis):
            continue
        sums = loss.input.detach().sum(loss.class_axis)
        yield SOFTMAX_INTO_CROSS_ENTROPY.finding(
            module=_module(loss),
            location=_line(context, loss),
            evidence=f"the input of shape {tuple(loss.input.shape)} lies in [0, 1] and sums to "
            f"{float(sums.min()):.4f} … {float(sums.max()):.4f} along the classes",
        )


@check(DOUBLE_SOFTMAX)
def double_softmax(context: HuntContext) -> Iterator[Finding]:
    """A softmax of what is a softmax already, along the same axis.

    Also log_softmax and x - logsumexp(x); a temperature may stand between. Without gradient, of
    a teacher's targets only.
    """
    calls = context.loss_trace.calls
    provenance = context.loss_trace.provenance
    targets = {id(provenance.origin(t, c)) for c in calls if c.name in EXPECTS for t in inputs(c)}
    for call in calls:
        if not inputs(call):
            continue
        given = inputs(call)[0]
        axis = call.argument(1, "dim")
        if call.name not in SOFTMAX | LOG_SOFTMAX and not _normalises(provenance, call, given):
            continue
        source = _softmax_under_temperature(provenance, given, call)
        if source is None or not isinstance(axis, int):
            continue
        used = given.requires_grad or id(call.output) in targets
        unscaled = given.detach() / given.detach().sum(axis).mean()
        if used and probabilities.are_probabilities(unscaled, axis):
            yield DOUBLE_SOFTMAX.finding(
                module=call.module,
                location=(call if call.module == source.module else source).location,
                evidence=f"the input of shape {tuple(given.shape)} sums to 1 along axis {axis}; "
                f"the first softmax is at {source.location}",
                call=call.name,
            )


def _softmax_under_temperature(
    provenance: Provenance, given: torch.Tensor, before: RecordedCall
) -> RecordedCall | None:
    """The softmax behind a tensor, through reshaping and at most one scaling by a number."""
    source = provenance.source(given, before)
    if source is not None and source.name in SCALINGS and len(inputs(source)) == 1:
        source = provenance.source(inputs(source)[0], source)
    return source if is_softmax(provenance, source) else None


def _normalises(provenance: Provenance, call: RecordedCall, given: torch.Tensor) -> bool:
    """Whether a logsumexp is subtracted from what it was taken of, as distributions do."""
    return call.name == "logsumexp" and any(
        reader.name in ("sub", "__sub__") and inputs(reader)[0] is given
        for reader in provenance.readers(call.output)
    )


@check(SIGMOID_INTO_BCE_WITH_LOGITS)
def sigmoid_into_bce_with_logits(context: HuntContext) -> Iterator[Finding]:
    """The input of a with-logits loss was squashed: by a sigmoid, or it cannot leave [0, 1]."""
    for loss in loss_calls(context):
        if loss.expects != "binary-logits" or not loss.input.requires_grad:
            continue
        source = loss.provenance.source(loss.input, loss.call)
        by_sigmoid = source is not None and source.name in SIGMOID
        if not by_sigmoid and not _cannot_leave_unit_interval(context, loss):
            continue
        values = loss.input.detach()
        yield SIGMOID_INTO_BCE_WITH_LOGITS.finding(
            module=_module(loss),
            location=_line(context, loss)
            if by_sigmoid or _module(loss) is not None
            else loss.call.location,
            evidence=f"the input lies in [{float(values.min()):.3f}, {float(values.max()):.3f}]"
            + (" and comes from a sigmoid" if by_sigmoid else " whatever the last layer says"),
            loss=loss.name,
            squashing="sigmoid" if by_sigmoid else "squashing",
        )


@check(PROBABILITIES_INTO_NLL, LOGITS_INTO_NLL, WRONG_SOFTMAX_DIM)
def wrong_input_of_nll(context: HuntContext) -> Iterator[Finding]:
    """nll_loss, kl_div and ctc_loss need log-probabilities: logsumexp along the classes is 0."""
    for loss in loss_calls(context):
        if loss.expects != "log-probabilities" or not loss.input.requires_grad:
            continue
        axis = loss.class_axis
        if loss.input.shape[axis] < 2:
            continue
        if loss.name == "kl_div" and _normalised_somewhere(loss.input):
            continue
        source = loss.provenance.source(loss.input, loss.call)
        mass = probabilities.log_mass(loss.input, axis)
        evidence = f"logsumexp along axis {axis} is {mass:.3f}, it must be 0"
        if probabilities.are_probabilities(loss.input, axis):
            yield PROBABILITIES_INTO_NLL.finding(
                module=_module(loss),
                location=_line(context, loss),
                evidence=evidence,
                loss=loss.name,
            )
        elif source is not None and source.name in SOFTMAX | LOG_SOFTMAX and abs(mass) > 0.05:
            yield WRONG_SOFTMAX_DIM.finding(
                "loss",
                module=source.module,
                location=source.location,
                evidence=evidence,
                source=source.name,
                loss=loss.name,
                classes=loss.input.shape[axis],
            )
        elif mass > 0.05:
            yield LOGITS_INTO_NLL.finding(
                module=_module(loss), location=loss.call.location, evidence=evidence, loss=loss.name
            )


@check(DROPOUT_ON_LOGITS)
def dropout_on_logits(context: HuntContext) -> Iterator[Finding]:
    """Dropout is the last thing that happens to a loss input: predictions are zeroed at random."""
    for loss in loss_calls(context):
        source = _last_act(loss)
        if source is None or source.name not in DROPOUTS or not _drops(source):
            continue
        yield DROPOUT_ON_LOGITS.finding(
            module=source.module,
            location=line_of(context, source),
            evidence=f"{float((loss.input.detach() == 0).double().mean()):.0%} of them are 0",
            loss=loss.name,
        )


@check(RELU_ON_LOGITS)
def relu_on_logits(context: HuntContext) -> Iterator[Finding]:
    """Logits, or predictions of targets that can be negative, are cut at zero."""
    for loss in loss_calls(context):
        source = _last_act(loss)
        if source is None or not _rectifies(source, loss.input) or loss.expects == "probabilities":
            continue
        if loss.name == "poisson_nll_loss":
            continue
        if loss.expects == "values" and not bool((loss.target.detach() < 0).any()):
            continue
        yield RELU_ON_LOGITS.finding(
            module=source.module,
            location=line_of(context, source),
            evidence=f"{float((loss.input.detach() == 0).double().mean()):.0%} of the "
            f"predictions are exactly 0 and get no gradient",
            source=source.name,
            loss=loss.name,
        )


@check(SWAPPED_LOSS_ARGUMENTS)
def swapped_loss_arguments(context: HuntContext) -> Iterator[Finding]:
    """The target is trained and the input is data, in a loss where the order matters."""
    for loss in loss_calls(context):
        if loss.input.requires_grad or not loss.target.requires_grad:
            continue
        if loss.name not in ASYMMETRIC_LOSSES:
            continue
        yield SWAPPED_LOSS_ARGUMENTS.finding(
            severity="error" if _surely_swapped(loss) else "warning",
            location=loss.call.location,
            evidence="the second argument requires grad, the first one does not",
            loss=loss.name,
        )


def _surely_swapped(loss: LossCall) -> bool:
    """Whether the values prove the swap; the reverse KL of proper arguments may be meant."""
    axis = loss.class_axis
    if loss.name == "poisson_nll_loss":
        return True
    if loss.name == "kl_div":
        return probabilities.log_mass(loss.input, axis) > 0.05
    if loss.name == "cross_entropy":
        proper = probabilities.are_probabilities(loss.target, axis)
        return not proper or probabilities.are_probabilities(loss.input, axis)
    if loss.name == "binary_cross_entropy":
        return bool(((loss.input == 0) | (loss.input == 1)).all())
    if loss.name == "binary_cross_entropy_with_logits":
        binary = bool(((loss.input == 0) | (loss.input == 1)).all())
        return binary or not probabilities.lie_within(loss.target, 0, 1)
    return False


def _cannot_leave_unit_interval(context: HuntContext, loss: LossCall) -> bool:
    if not probabilities.lie_within(loss.input, 0, 1) or loss.call.phase != "loss":
        return False
    try:
        low, high = attainable_range(context, loss)
    except CannotTell:
        return False
    return low >= 0 and high <= 1


def _last_act(loss: LossCall) -> RecordedCall | None:
    """What last happened to a trained loss input; a normalising log_softmax is looked through."""
    if not loss.input.requires_grad:
        return None
    return loss.provenance.source(loss.input, loss.call, SHAPE | LOG_SOFTMAX)


def _drops(call: RecordedCall) -> bool:
    return _probability(call) > 0 and call.argument(2, "training", True) is not False


def _probability(call: RecordedCall) -> float:
    given = call.argument(1, "p", 0.5)
    return float(given) if isinstance(given, int | float) else 0.5


def _rectifies(call: RecordedCall, values: torch.Tensor) -> bool:
    if call.name in CLAMPS | {"maximum"}:
        low = call.argument(1, "min")
        return low == 0 and call.argument(2, "max") is None
    if call.name in RECTIFIERS:
        return bool((values.detach() >= 0).all())
    return _acts_as_rectifier(call)


def _acts_as_rectifier(call: RecordedCall) -> bool:
    """Whether a call gave on what was positive and made zeros of the rest, whatever its name."""
    made = call.output
    if not isinstance(made, torch.Tensor):
        return False
    operands = [t.detach() for t in inputs(call) if t.is_floating_point()]
    return any(
        values.shape == made.shape
        and values.numel() >= 12
        and min(int((values < 0).sum()), int((values > 0).sum())) >= 2
        and torch.equal(made.detach(), values.clamp(min=0))
        for values in operands
    )


def _normalised_somewhere(values: torch.Tensor) -> bool:
    """Whether some axis holds log-probabilities: kl_div does not say which are its classes."""
    return any(
        size > 1 and abs(probabilities.log_mass(values, axis)) <= 0.05
        for axis, size in enumerate(values.shape)
    )


def _source(loss: LossCall) -> RecordedCall | None:
    provenance: Provenance = loss.provenance
    return provenance.source(loss.input, loss.call)


def _line(context: HuntContext, loss: LossCall) -> str | None:
    source = _source(loss)
    return loss.call.location if source is None else line_of(context, source)


def line_of(context: HuntContext, call: RecordedCall) -> str | None:
    """Where a call was written: for a layer of an ``nn.Sequential``, where that was constructed.

    Such a layer has no line of its own in any ``forward``.
    """
    isolated = context.loss_trace.isolated
    if call.module and isinstance(_parent(isolated.model, call.module), nn.Sequential):
        return isolated.built_at(isolated.model.get_submodule(call.module)) or call.location
    return call.location


def _parent(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name.rpartition(".")[0])


def _module(loss: LossCall) -> str | None:
    source = _source(loss)
    return source.module if source is not None else None
