"""The parameters of an optimizer, and samples of their values."""

from __future__ import annotations

import torch
from torch.optim import Optimizer


def parameters_of(optimizer: Optimizer) -> list[torch.Tensor]:
    """Every parameter of an optimizer, in its order."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def sample(tensor: torch.Tensor, count: int) -> torch.Tensor:
    """Copies of at most `count` elements, spread over the whole tensor, in one dimension."""
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, len(flat) // count)][:count].clone()
