"""One program as the tools want it: a model, its call's arguments, and a loss of the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


class NotApplicableError(Exception):
    """The tool's interface cannot take this program."""


@dataclass
class Situation:
    """A built program; what its loss function gives to the model, and what the model answers."""

    model: torch.nn.Module
    optimizers: Any
    batch: Any
    arguments: dict[str, Any]
    inputs: Any
    output: Any

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The only optimizer; most tools take one."""
        found = flat(self.optimizers)
        if len(found) != 1:
            raise NotApplicableError(f"{len(found)} optimizers")
        return found[0]

    def loss_of(self, output: Any) -> torch.Tensor:
        """The program's loss, with its first call of the model answered by `output`."""
        loss: torch.Tensor = self.arguments["loss_fn"](Answered(self.model, output), self.batch)
        return loss

    def step(self) -> Any:
        """One of the program's own training steps, or the textbook one."""
        own = self.arguments.get("train_step")
        if own is not None:
            return own(self.model, self.optimizers, self.batch)
        for optimizer in flat(self.optimizers):
            optimizer.zero_grad()
        loss = self.arguments["loss_fn"](self.model, self.batch)
        loss.backward()
        for optimizer in flat(self.optimizers):
            optimizer.step()
        return float(loss)


class Answered:
    """Stands for a model whose next output is known already."""

    def __init__(self, model: torch.nn.Module, output: Any) -> None:
        self._model, self._output = model, [output]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The known output first, the model's own after that."""
        return self._output.pop() if self._output else self._model(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def build(arguments: dict[str, Any], seed: int = 0) -> Situation:
    """Make the model and its optimizers, and record what the loss function feeds the model."""
    torch.manual_seed(seed)
    model = arguments["make_model"]()
    make = arguments.get("make_optimizer") or (lambda m: torch.optim.SGD(m.parameters(), lr=0.01))
    batch = arguments["batch"]
    if callable(batch):
        batch = batch(torch.Generator().manual_seed(seed))
    return Situation(model, make(model), batch, arguments, *recorded(model, arguments, batch))


def recorded(model: torch.nn.Module, arguments: dict[str, Any], batch: Any) -> tuple[Any, Any]:
    """Arguments (a tuple, or a mapping if they have names) and output of the model's first call."""
    calls: list[tuple[Any, Any]] = []
    hook = model.register_forward_hook(
        lambda _, args, kwargs, output: calls.append((kwargs or args, output)), with_kwargs=True
    )
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        with torch.random.fork_rng():
            arguments["loss_fn"](model, batch)
    finally:
        hook.remove()
    model.load_state_dict(state)
    if not calls:
        raise NotApplicableError("the loss function does not call the model itself")
    return calls[0]


def flat(optimizers: Any) -> list[torch.optim.Optimizer]:
    """One, a list or a dict of optimizers as a list."""
    if isinstance(optimizers, dict):
        return list(optimizers.values())
    return list(optimizers) if isinstance(optimizers, list | tuple) else [optimizers]
