"""Modes under which a second run gets some values from the first one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.recording.function_modes import CallMode
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import (
    DRAWS,
    NORMAL_DRAWS,
    RANKINGS,
    RECURRENT,
    ROUNDINGS,
    SIZE_ONLY,
)


class FixedValues(CallMode):
    """The first run under the mode keeps chosen values, and those after `rewind` are given them."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[torch.Tensor] = []
        self._count = 0
        self._follows = False

    def rewind(self) -> None:
        """Let the next run follow the first one."""
        self._count, self._follows = 0, True

    def fixed(self, made: torch.Tensor) -> torch.Tensor:
        """A value of this run, or that of the first run in its place."""
        if not self._follows:
            self._kept.append(made)
        elif self._count >= len(self._kept):
            raise CannotTell("what the program computes depends on the content of the batch")
        value = self._kept[self._count] if self._follows else made
        self._count += 1
        return value.detach().clone()  # in both runs: their calls are compared one by one


class FixedChoices(FixedValues):
    """Make the integers and truth values that a program takes from floats those of a first run.

    What then still differs between two runs has come by arithmetic, not by hashing, sorting or
    routing.
    """

    def on_call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Replace what was chosen by what the first run chose."""
        output = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        given = pytrees.tensors((args, kwargs))
        if not any(tensor.is_floating_point() for tensor in given) or name in SIZE_ONLY:
            return output
        if name in RANKINGS and isinstance(output, tuple) and len(output) == 2:
            indices = self.fixed(output[1])
            position = 2 if name in ("topk", "kthvalue") else 1
            axis = args[position] if len(args) > position else -1
            axis = kwargs.get("dim", kwargs.get("axis", axis))
            pair: Any = type(output)
            return pair((_ranked(given[0], indices, axis), indices))
        in_place = name.endswith("_") and not name.endswith("__")  # `==` arrives as `__eq__`
        if not isinstance(output, torch.Tensor) or in_place:
            return output
        whole = not (output.is_floating_point() or output.is_complex())
        return self.fixed(output) if whole or name.strip("_") in ROUNDINGS else output


class FixedSummaries(FixedChoices):
    """The same with what summarises a whole sequence for a decoder: states and latent variables.

    Final states of recurrent layers, and random samples around a mean, as variational autoencoders
    draw them. Both without an axis of one of the `lengths` of the sequence.
    """

    def __init__(self, lengths: set[int]) -> None:
        super().__init__()
        self._lengths = lengths
        self._noise: dict[int, tuple[torch.Tensor, int]] = {}

    def rewind(self) -> None:
        """Let the next run follow the first one."""
        super().rewind()
        self._noise.clear()

    def on_call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Replace states and samples by those of the first run."""
        output = super().on_call(func, args, kwargs)
        name = getattr(func, "__name__", "")
        if name in RECURRENT and isinstance(output, tuple):
            return (output[0], *map(self.fixed, output[1:]))
        if not isinstance(output, torch.Tensor):
            return output
        if name.removesuffix("_like") in DRAWS or name in NORMAL_DRAWS:
            self._noise[id(output)] = output, 0
            return output
        given = pytrees.tensors((args, kwargs))
        depth = min((self._noise[id(t)][1] for t in given if id(t) in self._noise), default=2)
        if depth > 1 or not self._lengths.isdisjoint(output.shape):
            return output  # only what scales and shifts the noise itself is a sample
        output = self.fixed(output)
        self._noise[id(output)] = output, depth + 1
        return output


def _ranked(values: torch.Tensor, indices: torch.Tensor, axis: int) -> torch.Tensor:
    """The values at indices that ``sort``, ``topk``, ``max`` and their like return."""
    if indices.dim() == values.dim():
        return torch.take_along_dim(values, indices, axis)
    return torch.take_along_dim(values, indices.unsqueeze(axis), axis).squeeze(axis)
