"""Which line of the user's code a call came from."""

from __future__ import annotations

import functools
import inspect
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType
from typing import Literal, TypeVar

import torch

Origin = Literal["own", "torch", "library", "user"]

_OWN = str(Path(__file__).parents[1])  # the whole of bughunt
_TORCH = str(Path(torch.__file__).parent)
_LIBRARIES = tuple(
    {path for key, path in sysconfig.get_paths().items() if key in ("stdlib", "purelib", "platlib")}
)
_boundaries: set[CodeType] = set()


Function = TypeVar("Function")


def boundary(function: Function) -> Function:
    """Mark the function of ours that calls the user's code: stacks are read up to it."""
    _boundaries.add(function.__code__)  # type: ignore[attr-defined]
    return function


@functools.cache
def origin(filename: str) -> Origin:
    """Whose code a file holds: ours, torch's, another library's or the user's."""
    if filename.startswith(_OWN):
        return "own"
    if filename.startswith(_TORCH):
        return "torch"
    if filename.startswith(("<frozen", "<eval_with_key", "<__array_function__")):
        return "library"
    if "site-packages" in filename or "dist-packages" in filename:
        return "library"
    return "library" if filename.startswith(_LIBRARIES) else "user"


@functools.cache
def _stem(filename: str) -> str:
    return Path(filename).stem


def caller(frame: FrameType | None = None) -> str | None:
    """``file:line`` of the innermost user frame on the stack, up to the boundary.

    Without a user frame, the innermost frame of a library other than torch; without that, None.
    """
    return locate(frame or sys._getframe(1))[0]


def locate(frame: FrameType | None) -> tuple[str | None, tuple[str, ...]]:
    """`caller`, and the torch functions between it and `frame`, innermost first.

    A torch function is named by its file and its own name: ``clip_grad.clip_grad_norm_``.
    """
    fallback = None
    torch_names: list[str] = []
    while frame is not None and frame.f_code not in _boundaries:
        kind = origin(frame.f_code.co_filename)
        if kind == "user":
            return f"{frame.f_code.co_filename}:{frame.f_lineno}", tuple(torch_names)
        if kind == "torch":
            torch_names.append(f"{_stem(frame.f_code.co_filename)}.{frame.f_code.co_name}")
        elif kind == "library" and fallback is None:
            fallback = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return fallback, tuple(torch_names)


def outermost(frame: FrameType | None) -> str | None:
    """``file:line`` of the outermost user frame on the stack, up to the boundary."""
    found = None
    while frame is not None and frame.f_code not in _boundaries:
        if origin(frame.f_code.co_filename) == "user":
            found = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return found


def of_function(function: object) -> str | None:
    """``file:line`` where a Python function begins; None for callables without code."""
    code = getattr(inspect.unwrap(function), "__code__", None)  # type: ignore[arg-type]
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else None


def deepest_user_line(error: BaseException) -> str | None:
    """``file:line`` of the innermost user frame in an exception's traceback."""
    found = None
    step = error.__traceback__
    while step is not None:
        if origin(step.tb_frame.f_code.co_filename) == "user":
            found = f"{step.tb_frame.f_code.co_filename}:{step.tb_lineno}"
        step = step.tb_next
    return found
