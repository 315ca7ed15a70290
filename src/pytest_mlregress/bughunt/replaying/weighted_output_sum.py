"""A stand-in for a loss: a number that any misplaced element of the output moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from pytest_mlregress.bughunt.errors import BughuntError
from pytest_mlregress.bughunt.replaying.replays import tensors_of


def uneven_sum(model: nn.Module, batch: Any) -> torch.Tensor:
    """The sum of the model's outputs on the batch, each element with a weight of its own.

    The batch is what the model takes: a tensor, a tuple of arguments or a dict of keywords.
    Raises BughuntError where the model returns no floating-point tensor.
    """
    output = _forward(model, batch)
    total = torch.zeros(())
    for tensor in tensors_of(output):
        if tensor.is_floating_point():
            weights = torch.linspace(0.5, 1.5, tensor.numel()).view(tensor.shape).to(tensor)
            total = total + (tensor * weights).sum()
    if not total.requires_grad and not any(t.is_floating_point() for t in tensors_of(output)):
        raise BughuntError("the model returns no floating-point tensor: pass loss_fn")
    return total


def _forward(model: nn.Module, batch: Any) -> Any:
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(*batch) if isinstance(batch, list | tuple) else model(batch)
