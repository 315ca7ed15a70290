"""Biases that batch norm takes away again, and outputs that lack one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.parameters import BIAS_BEFORE_BATCHNORM, MISSING_OUTPUT_BIAS
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, LossTrace
from pytest_mlregress.bughunt.replaying.loss_calls import (
    LossCall,
    loss_calls,
    loss_calls_of_step,
)
from pytest_mlregress.bughunt.replaying.replays import reached
from pytest_mlregress.bughunt.replaying.residual_terms import residuals
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.loss_functions import Expects
from pytest_mlregress.bughunt.torch_api.operators import (
    CONVOLUTIONS,
    DIVISIONS,
    LOG_SOFTMAX,
    SHAPE,
    SIGMOID,
    SOFTMAX,
    WEIGHT_PRODUCTS,
)

# With so many classes it is no coincidence that each is an id of the text.
_MANY_TOKENS = 8
_PRODUCTS = CONVOLUTIONS | WEIGHT_PRODUCTS


@check(BIAS_BEFORE_BATCHNORM)
def bias_before_batchnorm(context: HuntContext) -> Iterator[Finding]:
    """A bias whose sum is subtracted again by the batch statistics right behind it.

    Two witnesses: the recorded chain convolution/linear → (reshaping) → batch norm that uses
    batch statistics, and a gradient of the bias that is zero up to rounding. An error when asked
    for by name, a warning in a general hunt: the bias wastes parameters, it breaks nothing.
    """
    trace = context.loss_trace
    names = {id(p): name for name, p in trace.isolated.model.named_parameters()}
    for key, sources in _before_batch_norm(trace).items():
        bias = sources[0].argument(2, "bias")
        if key not in names or not bias.requires_grad:
            continue
        name, source = names[key], sources[0]
        everywhere = len(trace.provenance.readers(bias)) == len(sources)
        if not everywhere or not _is_cancelled(trace, name, sources):
            continue
        yield BIAS_BEFORE_BATCHNORM.finding(
            severity="error" if "bias-before-batchnorm" in context.asked else "warning",
            module=name,
            location=trace.isolated.declared_at(name) or source.location,
            evidence=f"largest gradient of the bias {_largest(trace.gradients[name]):.2g}, of what "
            f"it is added to {_largest(trace.output_gradients.get(source.order)):.2g}",
        )


def _before_batch_norm(trace: LossTrace) -> dict[int, list[RecordedCall]]:
    """The layers right before a batch norm that uses batch statistics, by the id of their bias.

    Convolutions and linear layers. One may run several times, as on both views of an image.
    """
    found: dict[int, list[RecordedCall]] = {}
    for call in trace.calls:
        if call.name != "batch_norm" or not _uses_batch_statistics(call):
            continue
        source = trace.provenance.source(inputs(call)[0], call, SHAPE)
        if source is None or source.name not in CONVOLUTIONS | {"linear"}:
            continue
        bias = source.argument(2, "bias")
        if isinstance(bias, nn.Parameter):
            found.setdefault(id(bias), []).append(source)
    return found


def _uses_batch_statistics(call: RecordedCall) -> bool:
    training = call.argument(5, "training", False)
    return bool(training) or call.argument(1, "running_mean") is None


def _is_cancelled(trace: LossTrace, bias: str, sources: list[RecordedCall]) -> bool:
    """Whether the bias's gradient is rounding noise: tiny against what its terms add up to."""
    gradient = trace.gradients[bias]
    incoming = [trace.output_gradients.get(source.order) for source in sources]
    if gradient is None or any(part is None for part in incoming):
        return False
    terms = sum(float(part.abs().sum()) for part in incoming if part is not None)
    return _largest(gradient) <= 1e-4 * terms / gradient.numel() + 1e-12


def _largest(gradient: torch.Tensor | None) -> float:
    return 0.0 if gradient is None else float(gradient.abs().max())


@check(MISSING_OUTPUT_BIAS)
def missing_output_bias(context: HuntContext) -> Iterator[Finding]:
    """The predictions are a product with a weight and nothing is added to them.

    Left alone: heads that share their weight with another layer, heads over a vocabulary that is
    also embedded (language models), weights or features that are normalised (cosine heads), and
    targets that are centred at zero, for which a bias has nothing to do. An error only if the
    targets are far from what can be expressed without one. The targets are those of a whole step:
    a discriminator is told the real and the generated in calls of their own.
    """
    heads: dict[tuple[str | int, Expects], list[_Head]] = {}
    for loss in _losses(context):
        head = _head_of(context, loss)
        if head is not None:
            heads.setdefault((head.key, loss.expects), []).append(head)
    in_step = [head for loss in loss_calls_of_step(context) if (head := _head_of(context, loss))]
    for (key, expects), own in heads.items():
        step = [head for head in in_step if (head.key, head.loss.expects) == (key, expects)]
        shift = _offset(context, [head.loss for head in step or own])
        if shift is None:
            continue
        certain, evidence = shift
        yield MISSING_OUTPUT_BIAS.finding(
            severity="error" if certain else "warning",
            module=own[0].source.module,
            location=_declared_at(context, own[0].weight) or own[0].source.location,
            evidence=evidence,
        )


@dataclass(frozen=True)
class _Head:
    """A loss call whose input is a product with one weight alone.

    Attributes:
        key: what the weight has in common in all runs: its name, else its ``id``.
    """

    loss: LossCall
    source: RecordedCall
    weight: nn.Parameter
    key: str | int


def _head_of(context: HuntContext, loss: LossCall) -> _Head | None:
    if loss.expects == "probabilities" and loss.name != "binary_cross_entropy":
        return None
    source = _product(loss)
    if source is None or _target_is_made_by_model(loss) or loss.target.is_complex():
        return None
    weight = _bare_weight(context, loss, source)
    if weight is None or _is_language_head(context, loss, weight):
        return None
    return _Head(loss, source, weight, _name_of(context, weight) or id(weight))


def _losses(context: HuntContext) -> list[LossCall]:
    """Differences by hand, and torch's losses.

    Raises:
        CannotTell: there are neither.
    """
    byhand = list(residuals(context))
    try:
        return byhand + loss_calls(context)
    except CannotTell:
        if not byhand:
            raise
        return byhand


def _product(loss: LossCall) -> RecordedCall | None:
    if not loss.input.requires_grad:
        return None
    looked_through = SHAPE | LOG_SOFTMAX | SIGMOID | SOFTMAX
    source = loss.provenance.source(loss.input, loss.call, looked_through)
    return source if source is not None and source.name in _PRODUCTS else None


def _target_is_made_by_model(loss: LossCall) -> bool:
    return loss.target.requires_grad


def _bare_weight(context: HuntContext, loss: LossCall, source: RecordedCall) -> nn.Parameter | None:
    """The weight of a product without bias, if it is a parameter that only this call reads.

    Of a weight under weight normalisation, the direction: its length is free.
    """
    if source.name == "addmm" or isinstance(source.argument(2, "bias"), torch.Tensor):
        return None
    weights = [_parameter_of(loss, t, source) for t in inputs(source)]
    found = [w for w in weights if isinstance(w, nn.Parameter) and w.dim() >= 2]
    if len(found) != 1 or len(weights) != 2:
        return None
    readers = {call.location for call in loss.provenance.readers(found[0])}
    features = next(w for w in weights if w is not found[0])
    maker = loss.provenance.producer(features, source)
    normalised = maker is not None and maker.name in DIVISIONS | {"normalize"}
    return None if len(readers) > 1 or normalised else found[0]


def _parameter_of(loss: LossCall, tensor: torch.Tensor, before: RecordedCall) -> torch.Tensor:
    maker = loss.provenance.source(tensor, before)
    if maker is not None and maker.name == "_weight_norm":
        return inputs(maker)[0]
    return loss.provenance.origin(tensor, before)


def _is_language_head(context: HuntContext, loss: LossCall, weight: nn.Parameter) -> bool:
    """Whether the classes are tokens.

    Some embedding table has as many rows as there are classes, or more and the targets are
    among the ids that it is asked for.
    """
    classes = loss.input.shape[loss.class_axis] if loss.input.dim() else 0
    wanted = {target for target in loss.target.flatten().tolist() if target >= 0}
    for call in context.loss_trace.calls:
        table = call.argument(1, "weight")
        if call.name != "embedding" or not isinstance(table, torch.Tensor):
            continue
        if table.shape[0] == classes:
            return True
        many = table.shape[0] > classes and len(wanted) >= _MANY_TOKENS
        if many and wanted <= set(inputs(call)[0].flatten().tolist()):
            return True
    return False


def _offset(context: HuntContext, losses: list[LossCall]) -> tuple[bool, str] | None:
    """Whether a bias is needed by one output, from all of its loss calls in a step.

    Returns:
        (whether a bias is surely needed, the numbers); None if there is nothing for it to do.
    """
    expects = losses[0].expects
    if expects not in ("values", "binary-logits", "probabilities"):
        classes = losses[0].input.shape[losses[0].class_axis]
        return False, f"{classes} classes, weight only"
    labels = all(_is_made_label(context, loss) for loss in losses)
    target = torch.cat([loss.target.detach().flatten().double() for loss in losses])
    if labels and (expects == "values" or not bool((target != target[0]).any())):
        return None
    if expects == "values":
        if target.numel() < 2:
            return None
        mean, std = float(target.mean()), float(target.std())
        if abs(mean) <= 0.5 * std:
            return None
        return abs(mean) > 3 * std, f"targets have mean {mean:.3g} and standard deviation {std:.3g}"
    rate = float(target.mean())
    rare = min(rate, 1 - rate) < 0.1
    return None if labels and not rare else (rare, f"{rate:.0%} of the targets are positive")


def _is_made_label(context: HuntContext, loss: LossCall) -> bool:
    """Whether all targets are one number that the program made, such as "real" for a GAN."""
    target = loss.target.detach()
    if target.numel() == 0 or bool((target != target.flatten()[0]).any()):
        return False
    trace = context.loss_trace
    if loss.provenance is trace.provenance:
        return id(loss.target) not in reached(trace.calls, pytrees.tensors(trace.isolated.batch))
    origin = loss.provenance.origin(loss.target, loss.call)
    return loss.provenance.producer(origin, loss.call) is not None


def _name_of(context: HuntContext, weight: nn.Parameter) -> str | None:
    """The name of a parameter, of the model of either recording."""
    models = [context.loss_trace.isolated.model]
    if context.program.train_step is not None:
        models.append(context.step_trace.isolated.model)
    named = (pair for model in models for pair in model.named_parameters())
    return next((name for name, parameter in named if parameter is weight), None)


def _declared_at(context: HuntContext, weight: nn.Parameter) -> str | None:
    name = _name_of(context, weight)
    return None if name is None else context.loss_trace.isolated.declared_at(name)
