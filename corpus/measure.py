"""What a program does: the numbers by which two runs, or a bug and its fixed program, are compared."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from .registry import Program


def outcome(program: Program, steps: int = 3, seed: int = 0) -> dict[str, Any]:
    """Train some steps from a fixed seed; parameters, losses and the metric, exactly."""
    with torch.random.fork_rng():
        return train(program.build(), steps, seed)


def train(arguments: dict[str, Any], steps: int, seed: int) -> dict[str, Any]:
    """The loss before and after, the metric after each step, the final state and modes."""
    torch.manual_seed(seed)
    model = arguments["make_model"]()
    optimizer = arguments.get("make_optimizer", default_optimizer)(model)
    step = arguments.get("train_step") or default_step(arguments["loss_fn"])
    batches = itertools.cycle(list(arguments.get("train_batches") or [one_batch(arguments)]))
    losses = [first_loss(arguments, model)]
    metrics = []
    for batch in itertools.islice(batches, steps):
        step(model, optimizer, batch)
        if "evaluate" in arguments:
            metrics.append(arguments["evaluate"](model, held_out(arguments)))
    losses.append(first_loss(arguments, model))
    state = {name: tensor.detach().tolist() for name, tensor in model.state_dict().items()}
    return {"losses": losses, "state": state, "metrics": metrics, "mode": modes(model)}


def one_batch(arguments: dict[str, Any], seed: int = 0) -> Any:
    """The program's batch, drawn if it is a function."""
    batch = arguments["batch"]
    return batch(torch.Generator().manual_seed(seed)) if callable(batch) else batch


def held_out(arguments: dict[str, Any]) -> list[Any]:
    """Batches to evaluate on."""
    return list(arguments.get("val_batches") or [one_batch(arguments)])


def first_loss(arguments: dict[str, Any], model: torch.nn.Module) -> float:
    """The loss on the program's own batch; buffers and the RNG are left as they were."""
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.random.fork_rng():  # with gradients, which a penalty on them needs
        torch.manual_seed(1)
        loss = float(arguments["loss_fn"](model, one_batch(arguments)).detach())
    model.load_state_dict(state)
    return loss


def modes(model: torch.nn.Module) -> dict[str, bool]:
    """Whether each module is left in training mode."""
    return {name: module.training for name, module in model.named_modules()}


def default_optimizer(model: torch.nn.Module) -> torch.optim.Optimizer:
    """Plain SGD, for programs without an optimizer of their own."""
    return torch.optim.SGD(model.parameters(), lr=0.01)


def default_step(loss_fn: Any) -> Any:
    """The textbook step, for programs without one."""

    def step(model: Any, optimizer: Any, batch: Any) -> float:
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        loss.backward()
        optimizer.step()
        return float(loss)

    return step
