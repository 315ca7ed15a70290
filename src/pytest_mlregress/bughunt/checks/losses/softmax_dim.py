"""Softmax along an axis that is not the one summed over afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pytest_mlregress.bughunt.catalogue.losses import WRONG_SOFTMAX_DIM
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.attention import (
    contracted,
    is_attention,
    softmax_behind,
)
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance, inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api.operators import (
    ADDITIONS,
    DROPOUTS,
    LOG_SOFTMAX,
    MATRIX_PRODUCTS,
    MULTIPLICATIONS,
    SHAPE,
    SOFTMAX,
)


@check(WRONG_SOFTMAX_DIM)
def wrong_softmax_dim(context: HuntContext) -> Iterator[Finding]:
    """Attention weights that do not sum to one along the axis over which values are averaged.

    Judged by number at the product that uses them. Only scores that are themselves a product of
    two activations count: soft assignments (NetVLAD, pooling of graphs, capsules) are normalised
    over another axis on purpose and come from a layer. Or scores that are masked along the axis
    that is averaged and nowhere along the softmax: it cannot see such a mask.
    """
    trace = context.loss_trace
    yield from _picked_along_another_axis(trace.calls, trace.provenance)
    yield from _weighed_along_another_axis(trace.calls, trace.provenance)
    yield from _of_one(trace.calls)
    for call in trace.calls:
        if call.name not in MATRIX_PRODUCTS:
            continue
        for weights, axis in contracted(call):
            source = softmax_behind(trace.provenance, weights, call)
            if source is None:
                continue
            attends = is_attention(trace.provenance, source)
            if not attends and not _masked_elsewhere(trace.provenance, source, weights, axis):
                continue
            undropped = _undropped(trace.provenance, weights, call)
            if undropped is None or undropped.numel() != source.output.numel():
                continue  # a part of the weights: sinks, global and local keys, blocks
            sums = undropped.detach().sum(axis)
            if bool(((sums - 1).abs() < 0.05).all()):
                continue
            yield WRONG_SOFTMAX_DIM.finding(
                module=source.module,
                location=source.location,
                evidence=f"{source.name} of shape {tuple(weights.shape)} sums to "
                f"{float(sums.min()):.3f} … {float(sums.max()):.3f} along the averaged axis",
            )


def _masked_elsewhere(
    provenance: Provenance, softmax: RecordedCall, weights: torch.Tensor, axis: int
) -> bool:
    """Whether scores are masked along `axis` by a mask that has a single entry along the softmax's.

    Such a mask adds the same to all that the softmax compares: it has no effect.
    """
    if softmax.name not in SOFTMAX or softmax.output.shape != weights.shape:
        return False
    along = softmax.argument(1, "dim")
    masking = provenance.source(inputs(softmax)[0], softmax)
    if not isinstance(along, int) or masking is None:
        return False
    if masking.name not in ADDITIONS | {"masked_fill", "masked_fill_"}:
        return False
    given = inputs(masking)
    if len(given) != 2 or given[1].requires_grad or given[0].shape != weights.shape:
        return False
    mask = given[1].detach()
    mask = mask.reshape((1,) * (weights.dim() - mask.dim()) + tuple(mask.shape))
    hides = mask.bool() if masking.name.startswith("masked_fill") else mask < -1e3
    one_entry = mask.shape[along] == 1 and along % weights.dim() != axis % weights.dim()
    varies = mask.shape[axis] > 1 and bool((hides.any(axis) & ~hides.all(axis)).any())
    return one_entry and varies


def _undropped(
    provenance: Provenance, weights: torch.Tensor, call: RecordedCall
) -> torch.Tensor | None:
    """The weights as they were before dropout, in their present shape; None if that is lost."""
    reshaping: list[RecordedCall] = []
    maker = provenance.producer(weights, call)
    while maker is not None and maker.name in SHAPE and len(inputs(maker)) == 1:
        reshaping.append(maker)
        maker = provenance.producer(inputs(maker)[0], maker)
    if maker is None or maker.name not in DROPOUTS:
        return weights
    tensor = inputs(maker)[0].detach()
    for step in reversed(reshaping):
        if not step.arguments or not isinstance(step.arguments[0], torch.Tensor):
            return None
        tensor = step.function(tensor, *step.arguments[1:], **step.keywords)
        if not isinstance(tensor, torch.Tensor):
            return None
    return tensor


def _picked_along_another_axis(
    calls: list[RecordedCall], provenance: Provenance
) -> Iterator[Finding]:
    """Log-probabilities that are picked along an axis which they were not normalised over."""
    for call in calls:
        if call.name != "gather" or not inputs(call)[0].requires_grad:
            continue
        values, axis = inputs(call)[0], call.argument(1, "dim")
        source = provenance.producer(values, call)
        if source is None or source.name not in LOG_SOFTMAX | SOFTMAX:
            continue
        along = source.argument(1, "dim")
        if not isinstance(along, int) or not isinstance(axis, int):
            continue
        if along % values.dim() != axis % values.dim():
            yield WRONG_SOFTMAX_DIM.finding(
                "picked",
                module=source.module,
                location=source.location,
                evidence=f"shape {tuple(values.shape)}",
                source=source.name,
                along=along,
                axis=axis,
            )


def _weighed_along_another_axis(
    calls: list[RecordedCall], provenance: Provenance
) -> Iterator[Finding]:
    """Log-probabilities times a target distribution that sums to one along another axis only."""
    for call in calls:
        given = inputs(call)
        if call.name not in MULTIPLICATIONS or len(given) != 2:
            continue
        for values, target in (given, given[::-1]):
            source = provenance.producer(values, call)
            if not values.requires_grad or target.requires_grad or source is None:
                continue
            along = source.argument(1, "dim")
            if source.name not in LOG_SOFTMAX or not isinstance(along, int):
                continue
            if values.shape != target.shape or not target.is_floating_point():
                continue
            axes = _axes_of_distribution(target.detach())
            if axes and along % values.dim() not in axes:
                yield WRONG_SOFTMAX_DIM.finding(
                    "weighed",
                    module=source.module,
                    location=source.location,
                    evidence=f"shape {tuple(values.shape)}; the targets sum to 1 along axis "
                    f"{axes[0]} and to {float(target.sum(along).min()):.3g} … "
                    f"{float(target.sum(along).max()):.3g} along axis {along}",
                    source=source.name,
                    along=along,
                    axis=axes[0],
                )


def _axes_of_distribution(target: torch.Tensor) -> list[int]:
    """The axes of more than one entry along which a tensor is a distribution everywhere."""
    if not target.numel() or bool((target < 0).any()):
        return []
    return [
        axis
        for axis in range(target.dim())
        if target.shape[axis] > 1 and bool(((target.sum(axis) - 1).abs() < 1e-3).all())
    ]


def _of_one(calls: list[RecordedCall]) -> Iterator[Finding]:
    """A softmax over a single entry is always 1 and has no gradient."""
    for call in calls:
        if call.name not in SOFTMAX | LOG_SOFTMAX or not inputs(call):
            continue
        given, axis = inputs(call)[0], call.argument(1, "dim")
        if not given.requires_grad or not isinstance(axis, int) or given.numel() < 2:
            continue
        if given.shape[axis] == 1:
            yield WRONG_SOFTMAX_DIM.finding(
                "one entry",
                module=call.module,
                location=call.location,
                evidence=f"shape {tuple(given.shape)}, dim={axis}",
                call=call.name,
            )
