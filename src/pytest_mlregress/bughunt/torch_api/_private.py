"""The only place that touches torch's private or patched parts, with the versions it was read in.

Checked against torch 2.2 to 2.13.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.graph import Node
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

Observer = Callable[[str, Any, Any], None]

# torch.optim wraps every `step` in `Optimizer.profile_hook_step`, whose inner function has this
# name (2.0 to 2.13); calls below it are the optimizer's arithmetic, not the user's.
OPTIMIZER_STEP = "optimizer.wrapper"


@contextlib.contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Tell `observer(kind, subject, detail)` of the calls for which torch offers no hook.

    ``backward`` (subject: the roots), ``optimizer`` (one is constructed), ``zero_grad`` (the
    optimizer or module), ``scheduler`` (the scheduler), ``mode`` (the module; detail: the mode)
    and ``seed`` (name of the generator).
    Everything is patched by attribute and put back; a name that the user imported before
    (``from random import seed``) is not seen.
    """
    with contextlib.ExitStack() as exits:
        for owner, name, kind, subject_of in _observed_functions():
            original = vars(owner)[name]
            tell = functools.partial(observer, kind)
            setattr(owner, name, announcing(original, tell, subject_of))
            exits.callback(setattr, owner, name, original)
        yield


def _observed_functions() -> Iterator[tuple[Any, str, str, Callable[..., tuple[Any, Any]]]]:
    yield torch.autograd, "backward", "backward", lambda tensors, *a, **k: (tensors, None)
    yield torch.autograd, "grad", "backward", lambda outputs, *a, **k: (outputs, "grad")
    yield Optimizer, "zero_grad", "zero_grad", lambda self, *a, **k: (self, None)
    yield Optimizer, "__init__", "optimizer", lambda self, *a, **k: (self, None)
    yield nn.Module, "zero_grad", "zero_grad", lambda self, *a, **k: (self, None)
    yield nn.Module, "train", "mode", lambda self, mode=True: (self, mode)
    for scheduler in scheduler_types():
        yield scheduler, "step", "scheduler", lambda self, *a, **k: (self, None)
    yield torch.random, "manual_seed", "seed", lambda seed: ("torch", seed)
    yield torch, "manual_seed", "seed", lambda seed: ("torch", seed)
    yield random, "seed", "seed", lambda *a, **k: ("python", None)
    yield np.random, "seed", "seed", lambda *a, **k: ("numpy", None)


def scheduler_types() -> set[type]:
    """Every class of schedulers that has a ``step`` of its own."""
    return _with_own_step(LRScheduler) | _with_own_step(ReduceLROnPlateau)


def _with_own_step(scheduler: type) -> set[type]:
    found = {scheduler} if "step" in vars(scheduler) else set()
    children: list[type] = scheduler.__subclasses__()
    return found.union(*map(_with_own_step, children))


def announcing(
    original: Callable[..., Any],
    observer: Callable[[Any, Any], None],
    subject_of: Callable[..., tuple[Any, Any]],
) -> Callable[..., Any]:
    """The same function, that tells `observer(subject, detail)` of each call before it is made."""

    @functools.wraps(original)
    def announced(*arguments: Any, **keywords: Any) -> Any:
        observer(*subject_of(*arguments, **keywords))
        return original(*arguments, **keywords)

    return announced


def in_vmap() -> bool:
    """Whether ``torch.vmap`` is running: its tensors stand for many and have no values to read."""
    functorch = torch._C._functorch
    stack = functorch.get_interpreter_stack() or ()
    return any(level.key() == functorch.TransformType.Vmap for level in stack)


def leaf_of(node: Node) -> torch.Tensor | None:
    """The leaf tensor into which an ``AccumulateGrad`` node adds; None for other nodes."""
    variable = getattr(node, "variable", None)
    return variable if isinstance(variable, torch.Tensor) else None
