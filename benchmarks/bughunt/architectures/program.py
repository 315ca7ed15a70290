"""What the libraries' builders hand to the hunt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

Batch = dict[str, torch.Tensor]
Parts = tuple[Callable[[], nn.Module], Callable[[torch.Generator], Batch]]


class NotBuiltError(Exception):
    """A model that cannot be had in a tiny version here, with the reason."""


@dataclass(frozen=True)
class Program:
    """One architecture with its task.

    Attributes:
        name: ``family:task``.
        build: gives a function that makes the model and one that draws a batch; raises
            `NotBuiltError`.
        loss_fn: ``loss_fn(model, batch)``.
    """

    name: str
    build: Callable[[], Parts]
    loss_fn: Callable[[nn.Module, Batch], torch.Tensor]
