"""Calls of torch for which it has no hook, announced to observers before they are made.

Everything is patched by attribute and put back; a name that the user imported before
(``from random import seed``) is not seen. Checked against torch 2.2 to 2.13.
"""

from __future__ import annotations

import contextlib
import functools
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

Observer = Callable[[Any, Any], None]
AnnouncedCall = Literal[
    "backward",
    "grad",
    "zero_grad",
    "optimizer",
    "scheduler",
    "unscale",
    "get_scale",
    "seed",
    "generator_state",
    "other_seed",
    "every_mode",
    "changed_mode",
    "compile",
]


@contextlib.contextmanager
def announced(observers: Mapping[AnnouncedCall, Observer]) -> Iterator[None]:
    """Tell the observer of a kind of call, `observer(subject, detail)`, while the block runs.

    The kinds, and what an observer is given:

    - ``backward``, ``grad``: the roots; "grad" as the detail for ``torch.autograd.grad``
    - ``zero_grad``: the optimizer or module
    - ``optimizer``: one that is about to be constructed
    - ``scheduler``: one that is about to step
    - ``unscale``: the optimizer whose gradients a scaler divides; whether the scaler is enabled
    - ``get_scale``: the scaler
    - ``seed``: "torch" and the seed; ``other_seed``: "python" or "numpy" and it
    - ``generator_state``: "torch" and the state that its generator is put to
    - ``every_mode``: a module and its new mode, also as part of its parent's
    - ``changed_mode``: the outermost module of a call of ``train`` that changes its mode
    - ``compile``: ``torch.compile``, or code that it compiled before, is about to run

    Args:
        observers: by kind; kinds without one are not patched.
    """
    with contextlib.ExitStack() as exits:
        for owner, name, kind, subject_of in _functions():
            if kind in observers:
                original = vars(owner)[name]
                setattr(owner, name, _announcing(original, observers[kind], subject_of))
                exits.callback(setattr, owner, name, original)
        if "changed_mode" in observers:
            exits.enter_context(_changed_modes(observers["changed_mode"]))
        if "compile" in observers:
            exits.enter_context(_compiled_code(observers["compile"]))
        yield


def _functions() -> Iterator[tuple[Any, str, AnnouncedCall, Callable[..., tuple[Any, Any]]]]:
    yield torch.autograd, "backward", "backward", lambda tensors, *a, **k: (tensors, None)
    yield torch.autograd, "grad", "grad", lambda outputs, *a, **k: (outputs, "grad")
    yield Optimizer, "zero_grad", "zero_grad", lambda self, *a, **k: (self, None)
    yield Optimizer, "__init__", "optimizer", lambda self, *a, **k: (self, None)
    yield nn.Module, "zero_grad", "zero_grad", lambda self, *a, **k: (self, None)
    yield nn.Module, "train", "every_mode", lambda self, mode=True: (self, mode)
    for scheduler in _with_own_step(LRScheduler) | _with_own_step(ReduceLROnPlateau):
        yield scheduler, "step", "scheduler", lambda self, *a, **k: (self, None)
    scaler = getattr(torch.amp, "GradScaler", torch.cuda.amp.GradScaler)
    yield scaler, "unscale_", "unscale", lambda self, optimizer: (optimizer, self.is_enabled())
    yield scaler, "get_scale", "get_scale", lambda self: (self, None)
    for owner in (torch.random, torch):
        yield owner, "manual_seed", "seed", lambda seed: ("torch", seed)
        yield owner, "set_rng_state", "generator_state", lambda new_state: ("torch", new_state)
    yield random, "seed", "other_seed", lambda a=None, *_, **__: ("python", a)
    yield np.random, "seed", "other_seed", lambda seed=None: ("numpy", seed)
    yield torch, "compile", "compile", lambda *a, **k: (None, None)


def _with_own_step(scheduler: type) -> set[type]:
    """Every class of schedulers below one that has a ``step`` of its own."""
    found = {scheduler} if "step" in vars(scheduler) else set()
    children: list[type] = scheduler.__subclasses__()
    return found.union(*map(_with_own_step, children))


def _announcing(
    original: Callable[..., Any],
    observer: Observer,
    subject_of: Callable[..., tuple[Any, Any]],
) -> Callable[..., Any]:
    @functools.wraps(original)
    def announcing(*arguments: Any, **keywords: Any) -> Any:
        observer(*subject_of(*arguments, **keywords))
        return original(*arguments, **keywords)

    return announcing


@contextlib.contextmanager
def _changed_modes(observer: Observer) -> Iterator[None]:
    """``train`` calls itself for every child; only the outermost is announced, if it changes."""
    original = nn.Module.train
    own_code = original.__code__

    @functools.wraps(original)
    def announcing(self: nn.Module, mode: bool = True) -> nn.Module:
        if self.training != mode and sys._getframe(1).f_code is not own_code:
            observer(self, mode)
        return original(self, mode)

    nn.Module.train = announcing  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.train = original  # type: ignore[method-assign]


@contextlib.contextmanager
def _compiled_code(observer: Observer) -> Iterator[None]:
    """Code that was compiled before: its wrapper sets this callback first (2.2 to 2.13)."""
    module: Any = sys.modules.get("torch._dynamo.eval_frame")
    name = "_maybe_set_eval_frame"
    if module is None or not hasattr(module, name):
        yield
        return
    original = getattr(module, name)

    def announcing(callback: Any) -> Any:
        if callable(callback):
            observer(None, None)
        return original(callback)

    setattr(module, name, announcing)
    try:
        yield
    finally:
        setattr(module, name, original)
