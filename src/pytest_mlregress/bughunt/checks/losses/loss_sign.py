"""Losses that are maximised, and steps that go uphill."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Iterator

import torch

from pytest_mlregress.bughunt.catalogue.losses import WRONG_LOSS_SIGN
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, LossTrace
from pytest_mlregress.bughunt.torch_api import probabilities, pytrees
from pytest_mlregress.bughunt.torch_api.loss_functions import EXPECTS
from pytest_mlregress.bughunt.torch_api.operators import NEGATIONS, POWERS, SUBTRACTIONS
from pytest_mlregress.bughunt.torch_api.sparse_tensors import copy_of_gradient


@check(WRONG_LOSS_SIGN)
def wrong_loss_sign(context: HuntContext) -> Iterator[Finding]:
    """Every term that compares predictions with data enters the loss with a negative sign.

    Terms: torch's loss functions with data as target (constant targets, as in adversarial games,
    are no data), squared or absolute differences from data, log-probabilities picked by an index.
    One positive term is enough to pass: a negative one may be an adversary or an entropy. So are
    weights in the batch that are negative themselves (advantages, costs as rewards).
    """
    trace = context.loss_trace
    terms = [(call, sign) for call in trace.calls if (sign := _sign(trace, call)) is not None]
    if terms and all(sign < 0 for _, sign in terms) and not _weighted_negatively(context):
        call = terms[0][0]
        yield WRONG_LOSS_SIGN.finding(
            module=call.module,
            location=_last_line(trace) or call.location,
            evidence=f"loss = {float(trace.loss.detach()):.4g}; the derivative by each of "
            f"{len(terms)} terms has the sign that increases the error",
            call=call.name,
        )


@check(WRONG_LOSS_SIGN, cost="replay", needs=("train_step",))
def goes_uphill(context: HuntContext) -> Iterator[Finding]:
    """The first step that moves anything moves along the gradient of loss_fn, not against it."""
    trace = context.step_trace
    if len(trace.optimizers) != 1:
        raise CannotTell("several optimizers: whose loss loss_fn is cannot be told")
    pair = next(
        (
            (one.parameters, other.parameters)
            for one, other in itertools.pairwise(trace.states)
            if any(not torch.equal(p, other.parameters[n]) for n, p in one.parameters.items())
        ),
        None,
    )
    if pair is None or pair[0] is not trace.states[0].parameters:
        raise CannotTell("the first step moves nothing")
    cosine = _cosine(
        (pair[1][name] - pair[0][name], gradient)
        for name, gradient in _first_gradients(context).items()
        if name in pair[1] and pair[1][name].shape == gradient.shape
    )
    if cosine > 0.5:
        yield WRONG_LOSS_SIGN.finding(
            "ascent",
            location=trace.log.backwards[0].location if trace.log.backwards else None,
            evidence=f"cosine of the first move with the gradient: {cosine:.3f}",
        )


def _weighted_negatively(context: HuntContext) -> bool:
    """Whether the loss is that of negative numbers of the batch, to which it is proportional."""
    batch = context.program.fresh_batch()
    loss = float(context.loss_trace.loss.detach())
    for path, leaf in pytrees.leaves(batch):
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point() or not leaf.numel():
            continue
        if bool((leaf > 0).any()) or not bool((leaf < 0).any()):
            continue
        with context.isolated_run() as isolated, contextlib.suppress(BughuntError), torch.no_grad():
            negated = pytrees.replace(pytrees.fresh(batch), path, -leaf.detach())
            if abs(float(isolated.loss(negated)) + loss) <= 1e-4 * abs(loss):
                return True
    return False


def _first_gradients(context: HuntContext) -> dict[str, torch.Tensor]:
    """The gradients of ``loss_fn`` at the start, on the batch of the first step."""
    if context.program.train_batches is None or context.program.draws_batches:
        known = context.loss_trace.gradients
        return {name: gradient for name, gradient in known.items() if gradient is not None}
    with context.isolated_run() as isolated:
        isolated.loss(next(iter(context.program.training_batches(1)))).backward()  # type: ignore[no-untyped-call]
        copies = {n: copy_of_gradient(p) for n, p in isolated.model.named_parameters()}
        return {name: gradient for name, gradient in copies.items() if gradient is not None}


def _cosine(pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """The cosine of the angle between two vectors that are given in parts."""
    product = one_square = other_square = 0.0
    for pair in pairs:
        one, other = (torch.view_as_real(t) if t.is_complex() else t for t in pair)
        product += float((one * other).sum(dtype=torch.float64))
        one_square += float(one.norm(dtype=torch.float64)) ** 2
        other_square += float(other.norm(dtype=torch.float64)) ** 2
    if one_square == 0 or other_square == 0:
        raise CannotTell("nothing to compare")
    return product / math.sqrt(one_square) / math.sqrt(other_square)


def _sign(trace: LossTrace, call: RecordedCall) -> float | None:
    """+1 or -1: how the loss depends on one term of error; None for calls that are none."""
    gradient = trace.output_gradients.get(call.order)
    if gradient is None or not bool(gradient.any()):
        return None
    if call.name in EXPECTS:
        return _uniform(gradient) if _has_data_target(call) else None
    if call.name in POWERS:
        return _uniform(gradient) if _is_error(trace, call) else None
    if call.name in ("gather", "__getitem__") and _picks_log_probability(call):
        sign = _uniform(gradient)
        return None if sign is None else -sign
    return None


def _uniform(gradient: torch.Tensor) -> float | None:
    """The one sign of all entries that are not zero; None for a mixture."""
    kept = gradient[gradient != 0]
    if bool((kept > 0).all()):
        return 1.0
    return -1.0 if bool((kept < 0).all()) else None


def _has_data_target(call: RecordedCall) -> bool:
    tensors = inputs(call)
    if len(tensors) < 2 or tensors[1].requires_grad or not tensors[0].requires_grad:
        return False
    target = tensors[1].detach()
    return target.numel() > 1 and bool((target != target.flatten()[0]).any())


def _is_error(trace: LossTrace, call: RecordedCall) -> bool:
    """Whether a square is that of a difference between something trained and the batch's data."""
    if call.name in ("pow", "__pow__") and call.argument(1, "exponent") != 2:
        return False
    source = trace.provenance.producer(inputs(call)[0], call)
    if source is None or source.name not in SUBTRACTIONS:
        return False
    operands = inputs(source)
    if len(operands) != 2 or operands[0].requires_grad == operands[1].requires_grad:
        return False
    data = trace.provenance.origin(next(t for t in operands if not t.requires_grad), source)
    batch = {t.untyped_storage().data_ptr() for t in pytrees.tensors(trace.isolated.batch)}
    return data.untyped_storage().data_ptr() in batch


def _picks_log_probability(call: RecordedCall) -> bool:
    values, axis = inputs(call)[0], call.argument(1, "dim")
    if call.name == "__getitem__":  # log_p[torch.arange(n), labels]
        chosen = axis[-1] if isinstance(axis, tuple) and len(axis) == values.dim() else None
        axis = -1 if isinstance(chosen, torch.Tensor) and chosen.dtype == torch.int64 else None
    return (
        isinstance(axis, int)
        and values.requires_grad
        and values.shape[axis] > 1
        and abs(probabilities.log_mass(values, axis)) < 1e-3
    )


def _last_line(trace: LossTrace) -> str | None:
    """Where the sign went wrong: the negation nearest to the loss, or the last operation."""
    behind = list(trace.provenance.behind(trace.loss))
    negations = [call for call in behind[:8] if call.name in NEGATIONS]
    nearest = (negations or behind)[:1]
    return nearest[0].location if nearest else None
