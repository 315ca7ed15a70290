"""Where models come from, and whether each is a new one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


class ModelSource:
    """``make_model``, watched: does it build a new one, or hand out what it handed out before?

    Attributes:
        shares: whether two models had a module or memory in common; None before the second.
    """

    def __init__(self, make_model: Callable[[], nn.Module]) -> None:
        self._make_model = make_model
        self._first: nn.Module | None = None
        self.shares: bool | None = None

    def build(self) -> nn.Module:
        """The next model; the first is kept until it has been compared with the second."""
        model = self._make_model()
        if not isinstance(model, nn.Module) or self.shares is not None:
            return model
        if self._first is None:
            self._first = model
        else:
            self.shares = _have_in_common(self._first, model)
            self._first = None
        return model


def _have_in_common(one: nn.Module, other: nn.Module) -> bool:
    """Whether two living models share a module or the memory of a parameter or buffer."""
    if not {id(m) for m in one.modules()}.isdisjoint(id(m) for m in other.modules()):
        return True
    try:
        return not _memory(one).isdisjoint(_memory(other))
    except (NotImplementedError, RuntimeError, ValueError):  # no storage: sparse, uninitialised
        return True


def _memory(model: nn.Module) -> set[int]:
    tensors: list[torch.Tensor] = [*model.parameters(), *model.buffers()]
    return {tensor.untyped_storage().data_ptr() for tensor in tensors} - {0}
