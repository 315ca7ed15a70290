"""Refuse a model that is too large before building it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pytest_mlregress.bughunt.errors import BughuntError, UserCodeError
from pytest_mlregress.bughunt.program.isolated_run import call
from pytest_mlregress.bughunt.program.process_state import preserved
from pytest_mlregress.bughunt.program.user_program import UserProgram
from pytest_mlregress.seeding import seed_python_numpy_torch

# Parameters, gradients, two Adam moments, the snapshot of the model, and two of the steps.
COPIES = 7
_FACTORIES = frozenset((torch.empty, torch.zeros, torch.ones, torch.randn, torch.rand, torch.full))
_MEMORY_INFO = Path("/proc/meminfo")


def require_room(program: UserProgram) -> None:
    """Raise `BughuntError` if the model needs more memory than is free, saying how much.

    The model is built once, and stopped at the allocation that would overrun the limit. Where
    the system does not tell how much is free, nothing is refused.
    """
    free = _free_bytes()
    if free is None:
        return
    try:
        with preserved(), _Meter(free // COPIES):
            seed_python_numpy_torch(0)
            call("make_model", program.models.build)
    except UserCodeError as error:
        if not isinstance(error.__cause__, _TooMuchError):
            raise
        needed = _parameter_bytes(program) or error.__cause__.bytes
        raise BughuntError(
            f"the model has {_gigabytes(needed)} of parameters; a hunt needs about "
            f"{_gigabytes(COPIES * needed)} (gradients, optimizer state and snapshots), "
            f"{_gigabytes(free)} are free: hunt on a smaller configuration of the same model"
        ) from None


class _TooMuchError(MemoryError):
    def __init__(self, count: int) -> None:
        super().__init__(f"{_gigabytes(count)} asked for")
        self.bytes = count


class _Meter(TorchFunctionMode):
    """Adds up what factory functions are asked for and stops before the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.total = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        keywords = kwargs or {}
        if func in _FACTORIES and torch.device(keywords.get("device") or "cpu").type == "cpu":
            size = torch.empty(0, dtype=keywords.get("dtype")).element_size()  # it may be `bool`
            self.total += _numel(args, keywords) * size
            if self.total > self.limit:
                raise _TooMuchError(self.total)
        return func(*args, **keywords)


def _numel(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> int:
    """Elements that a factory function was asked for; its size is one sequence or several ints."""
    size = keywords.get("size", arguments)
    if size and isinstance(size[0], list | tuple):
        size = size[0]
    return math.prod(n for n in size if isinstance(n, int))


def _parameter_bytes(program: UserProgram) -> int | None:
    try:
        with preserved(), torch.device("meta"):
            model = program.make_model()
    except Exception:  # a model that computes with its weights cannot be built without memory
        return None
    return sum(p.numel() * p.element_size() for p in model.parameters())


def _free_bytes() -> int | None:
    if not _MEMORY_INFO.exists():
        return None
    for line in _MEMORY_INFO.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
