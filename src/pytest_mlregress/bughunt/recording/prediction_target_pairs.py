"""Where predictions meet targets: loss functions, differences and picked log-probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.torch_api.loss_functions import EXPECTS
from pytest_mlregress.bughunt.torch_api.operators import CLASS_LOSSES, SUBTRACTIONS


@dataclass(frozen=True)
class PredictionTargetPair:
    """A call with an operand that depends on the model and one that is data alone.

    Attributes:
        call: the call.
        prediction: with one row for each entry of `target` along axis 0: (entries, anything).
        target: the data, as it was given.
    """

    call: RecordedCall
    prediction: torch.Tensor
    target: torch.Tensor


def find_pairs(
    calls: list[RecordedCall], from_model: set[int], from_data: set[int]
) -> list[PredictionTargetPair]:
    """Every pair in the calls, in order; those whose shapes do not pair up are left out."""
    found: list[PredictionTargetPair] = []
    for call in calls:
        pair = _operands(call, from_model, from_data)
        if pair is None:
            continue
        rows = _rows(call, *pair)
        if rows is not None:
            found.append(PredictionTargetPair(call, rows, pair[1].detach()))
    return found


def _operands(
    call: RecordedCall, from_model: set[int], from_data: set[int]
) -> tuple[torch.Tensor, torch.Tensor] | None:
    given = inputs(call)
    if call.name in EXPECTS or call.name.strip("_") in SUBTRACTIONS:
        pair = given[:2]
    elif call.name == "gather" and len(given) == 2:
        pair = given
    else:
        return None
    if len(pair) < 2:
        return None
    one, other = pair
    for prediction, target in ((one, other), (other, one)):
        data = id(target) in from_data and id(target) not in from_model
        if data and id(prediction) in from_model:
            return prediction, target
    return None


def _rows(
    call: RecordedCall, prediction: torch.Tensor, target: torch.Tensor
) -> torch.Tensor | None:
    values = prediction.detach()
    if values.shape == target.shape:
        return values.reshape(-1, 1)
    if call.name in CLASS_LOSSES and values.dim() > 1 and values.dim() == target.dim() + 1:
        rows = values.movedim(1, -1)
        return rows.reshape(-1, rows.shape[-1]) if rows.shape[:-1] == target.shape else None
    if call.name == "gather" and values.shape[:-1] == target.shape[:-1] and target.shape[-1] == 1:
        return values.reshape(-1, values.shape[-1])
    return None
