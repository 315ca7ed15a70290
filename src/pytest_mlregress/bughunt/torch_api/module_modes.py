"""Which modules act differently in training and in evaluation, and how to switch them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

BATCH_NORM_MODULES = nn.modules.batchnorm._BatchNorm


DROPOUT_MODULES = nn.modules.dropout._DropoutNd


def is_mode_sensitive(module: nn.Module) -> bool:
    """Whether train() and eval() make a module compute different things."""
    if isinstance(module, DROPOUT_MODULES):
        return module.p > 0
    if isinstance(module, BATCH_NORM_MODULES):
        return module.track_running_stats
    dropout: Any = getattr(module, "dropout", 0.0)
    if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
        return isinstance(dropout, int | float) and dropout > 0
    return _reads_training(type(module))


def _reads_training(kind: type[nn.Module]) -> bool:
    """Whether a module's own ``forward`` looks at ``self.training``."""
    code = getattr(kind.forward, "__code__", None)
    outside_torch = not kind.__module__.startswith("torch.")
    return code is not None and outside_torch and "training" in code.co_names


@contextlib.contextmanager
def in_mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Put the model into a mode for a while; modes and buffers are those of before afterwards.

    In training mode only modules that the program itself has in training mode count: frozen
    batch norm stays as it is.
    """
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    if not training:
        model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for buffer, value in buffers:
                if buffer.shape == value.shape:
                    buffer.copy_(value)


@contextlib.contextmanager
def modes_held() -> Iterator[None]:
    """Let ``train()`` and ``eval()`` change nothing while the block runs."""
    original = nn.Module.train

    def keep(self: nn.Module, mode: bool = True) -> nn.Module:
        return self

    nn.Module.train = keep  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.train = original  # type: ignore[method-assign]
