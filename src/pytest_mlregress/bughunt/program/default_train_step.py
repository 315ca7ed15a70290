"""The training step of the textbooks, for programs that come without one of their own."""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt.program.user_program import UserProgram
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.optimizers import adam


def with_default_step(program: UserProgram) -> UserProgram:
    """The same program with zero_grad, loss_fn, backward, step; and Adam unless it has its own."""

    def train_step(model: nn.Module, optimizer: Any, batch: Any) -> None:
        optimizers = [o for _, o in pytrees.leaves(optimizer) if isinstance(o, Optimizer)]
        for each in optimizers:
            each.zero_grad()
        loss = program.loss_fn(model, batch)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        for each in optimizers:
            each.step()

    return dataclasses.replace(
        program,
        train_step=train_step,
        make_optimizer=program.make_optimizer or _adam,
    )


def _adam(model: nn.Module) -> Optimizer:
    return adam(model.parameters(), 1e-3)
