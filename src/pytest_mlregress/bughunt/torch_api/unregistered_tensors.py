"""Tensors that a module holds outside of its registries: in lists, dicts and plain attributes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pytest_mlregress.bughunt.torch_api.autograd_graph import walk

_REGISTRIES = ("_parameters", "_buffers", "_modules")


def hidden_tensors(model: nn.Module) -> dict[int, tuple[str, nn.Module | None]]:
    """``id(tensor) -> (dotted name, unregistered module that holds it)`` of hidden leaves.

    Names read like the code that reaches them: ``blocks[2].weight``.
    """
    found: dict[int, tuple[str, nn.Module | None]] = {}
    registered = {id(module) for module in model.modules()}
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute not in _REGISTRIES:
                path = f"{name}.{attribute}" if name else attribute
                _search(path, value, found, registered, depth=0)
    return found


def held_nodes(model: nn.Module) -> int:
    """How many nodes lie in the graphs of the tensors that modules hold in plain attributes."""
    roots = [
        value
        for module in model.modules()
        for attribute, value in vars(module).items()
        if attribute not in _REGISTRIES
        and isinstance(value, torch.Tensor)
        and value.grad_fn is not None
    ]
    return walk(roots).nodes if roots else 0


def _search(
    path: str,
    value: Any,
    found: dict[int, tuple[str, nn.Module | None]],
    registered: set[int],
    depth: int,
) -> None:
    if isinstance(value, torch.Tensor):
        found.setdefault(id(value), (path, None))
    elif isinstance(value, nn.Module):
        if id(value) not in registered:
            for name, parameter in value.named_parameters():
                found.setdefault(id(parameter), (f"{path}.{name}", value))
    elif isinstance(value, dict) and depth < 3:
        for key, child in value.items():
            _search(f"{path}[{key!r}]", child, found, registered, depth + 1)
    elif isinstance(value, list | tuple) and depth < 3:
        for index, child in enumerate(value):
            _search(f"{path}[{index}]", child, found, registered, depth + 1)
