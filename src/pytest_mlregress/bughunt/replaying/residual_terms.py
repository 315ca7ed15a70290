"""The differences of what is trained and the batch's data on the way to the loss."""

from __future__ import annotations

import torch
from torch import nn

from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.loss_calls import LossCall, made_by_parameters
from pytest_mlregress.bughunt.replaying.replays import reached, shared
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import SUBTRACTIONS


@shared
def residuals(context: HuntContext) -> list[LossCall]:
    """The differences of something trained and the batch's data on the way to the loss.

    They lie behind the last parameters: what follows has none, so that zero means a perfect
    prediction.
    """
    trace = context.loss_trace
    data = reached(trace.calls, pytrees.tensors(trace.isolated.batch))
    found: list[LossCall] = []
    seen: set[int] = set()
    queue: list[tuple[torch.Tensor, RecordedCall | None]] = [(trace.loss, None)]
    while queue:
        tensor, before = queue.pop(0)
        call = trace.provenance.producer(tensor, before)
        if call is None or call.order in seen:
            continue
        seen.add(call.order)
        if any(isinstance(given, nn.Parameter) for given in inputs(call)):
            continue
        residual = _residual(context, call, data)
        if residual is not None:
            found.append(residual)
        else:
            queue += [(given, call) for given in inputs(call) if given.requires_grad]
    return found


def _residual(context: HuntContext, call: RecordedCall, data: set[int]) -> LossCall | None:
    if call.name not in SUBTRACTIONS:
        return None
    terms = inputs(call)
    trained = [term for term in terms if term.requires_grad]
    known = [term for term in terms if not term.requires_grad and id(term) in data]
    if len(terms) != 2 or len(trained) != 1 or len(known) != 1:
        return None
    provenance = context.loss_trace.provenance
    if made_by_parameters(provenance, known[0], call):
        return None
    return LossCall(call, trained[0], known[0], provenance)
