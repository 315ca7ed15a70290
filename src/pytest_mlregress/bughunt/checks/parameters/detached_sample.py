"""Random draws with a trained location and scale whose gradient is thrown away."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.parameters import DETACHED_GRAPH
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, LossTrace
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import (
    ADDITIONS,
    DETACHMENTS,
    MULTIPLICATIONS,
    NORMAL_DRAWS,
    SHAPE,
    SUBTRACTIONS,
)

_SUMS = ADDITIONS | SUBTRACTIONS | {"addcmul"}


@check(DETACHED_GRAPH)
def sample_cut(context: HuntContext) -> Iterator[Finding]:
    """Location + scale * noise, both trained, is detached and goes on into the loss.

    The one use of writing a draw like that is its gradient. Also ``torch.normal(location, scale)``
    and ``Normal(…).sample()``, which draw without one. A draw that meets its own density later
    (policy gradients, score functions) needs no gradient and passes, and so does one of which
    something undetached is used as well (a second loss on what another has trained).
    """
    trace = context.loss_trace
    for cut, sources in _cuts(trace):
        if _meets_its_density(trace, cut, sources) or not _reaches_the_loss(trace, cut):
            continue
        yield DETACHED_GRAPH.finding(
            "random draw",
            module=cut.module,
            location=cut.location,
            evidence=f"{cut.name} of shape {tuple(pytrees.tensors(cut.output)[0].shape)} flows "
            "into the loss and requires no gradient",
        )
        return


def _cuts(trace: LossTrace) -> Iterator[tuple[RecordedCall, list[torch.Tensor]]]:
    """The calls that give on a draw without gradient, with the trained tensors behind it."""
    noise: set[int] = set()
    for call in trace.calls:
        given, made = inputs(call), pytrees.tensors(call.output)
        if call.name == "normal" and not any(t.requires_grad for t in made):
            origins = [trace.provenance.origin(t, call) for t in given]  # expanded without grad
            if len(origins) == 2 and all(map(_is_trained, origins)):
                yield call, origins
        if call.name in NORMAL_DRAWS or (call.name in SHAPE and given and id(given[0]) in noise):
            noise.update(map(id, made))
        if call.name in DETACHMENTS and given and given[0].requires_grad:
            noise_tensors = trace.provenance.source(given[0], call)
            trained = (
                [] if noise_tensors is None else _location_with_scale(trace, noise_tensors, noise)
            )
            others = [r for r in trace.provenance.readers(given[0]) if r is not call]
            if trained and not others:
                yield call, trained


def _location_with_scale(
    trace: LossTrace, noise_tensors: RecordedCall, noise: set[int]
) -> list[torch.Tensor]:
    """The location and the scale, if a call adds a trained tensor to a trained one times noise."""
    terms = inputs(noise_tensors)
    if noise_tensors.name not in _SUMS or not all(map(_is_trained, terms[:2])):
        return []
    for location, product in (terms[:2], terms[1::-1]):
        made = trace.provenance.source(product, noise_tensors)
        if made is None or made.name not in MULTIPLICATIONS:
            continue
        factors = inputs(made)
        if any(id(t) in noise for t in factors) and any(map(_is_trained, factors)):
            return [location, *(t for t in factors if _is_trained(t))]
    return []


def _is_trained(tensor: torch.Tensor) -> bool:
    """Whether a tensor was computed from parameters with a gradient; a parameter itself is not."""
    return tensor.requires_grad and not isinstance(tensor, nn.Parameter)


def _meets_its_density(trace: LossTrace, cut: RecordedCall, sources: list[torch.Tensor]) -> bool:
    """Whether any later call, before sums to a scalar, takes both the draw and what made it."""
    noise_tensors = {id(t) for t in pytrees.tensors(cut.output)}
    behind = {id(t) for t in sources}
    for call in trace.calls:
        given = inputs(call)
        one, other = any(id(t) in noise_tensors for t in given), any(id(t) in behind for t in given)
        made = [t for t in pytrees.tensors(call.output) if t.is_floating_point()]
        if call.order > cut.order and one and other and any(t.dim() > 0 for t in made):
            return True
        if call.order > cut.order and one:
            noise_tensors.update(map(id, made))
        if other and call is not cut and not one:
            behind.update(id(t) for t in made if t.requires_grad)
    return False


def _reaches_the_loss(trace: LossTrace, cut: RecordedCall) -> bool:
    return any(call is cut for call in trace.provenance.behind(trace.loss))
