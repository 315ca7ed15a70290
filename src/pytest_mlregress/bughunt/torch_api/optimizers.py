"""An optimizer for everything, the parameters of any, and samples of their values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> Optimizer:
    """Adam on what requires a gradient, also where that is sparse."""
    optimizer = torch.optim.Adam([p for p in parameters if p.requires_grad], lr=learning_rate)
    optimizer.register_step_pre_hook(_make_dense)
    return optimizer


def _make_dense(optimizer: Optimizer, arguments: Any, keywords: Any) -> None:
    for parameter in parameters_of(optimizer):
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.to_dense()


def parameters_of(optimizer: Optimizer) -> list[torch.Tensor]:
    """Every parameter of an optimizer, in its order."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def sample(tensor: torch.Tensor, count: int) -> torch.Tensor:
    """Copies of at most `count` elements, spread over the whole tensor, in one dimension."""
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, len(flat) // count)][:count].clone()
