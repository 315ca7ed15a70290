"""The only place of the guards that touches torch's private or patched parts.

Read in torch 2.2 to 2.13. Everything that is patched is patched by attribute and put back.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, Protocol, cast

import torch
from torch import nn, overrides
from torch.autograd.graph import Node
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode
from torch.utils._device import DeviceContext

from pytest_mlregress.bughunt.torch_api._private import announcing, scheduler_types

Observer = Callable[[Any, Any], None]


@contextlib.contextmanager
def observed(observers: Mapping[str, Observer]) -> Iterator[None]:
    """Tell the observer of a kind, `observer(subject, detail)`, of calls that have no hook.

    The kinds: ``backward`` (subject: the roots), ``zero_grad`` (the optimizer or module),
    ``scheduler`` (the scheduler), ``optimizer`` (one that is constructed), ``unscale`` (the
    optimizer whose gradients a scaler, enabled or not by `detail`, divides by its scale),
    ``get_scale`` (the scaler), ``seed`` (torch's generator gets the seed, or is put to the state,
    `detail`), ``mode`` (the module whose mode changes to `detail`, not as part of its parent),
    ``compile`` (torch.compile is about to take over).
    """
    with contextlib.ExitStack() as exits:
        for owner, name, kind, subject_of in _observed_functions():
            original = vars(owner)[name]
            setattr(owner, name, announcing(original, observers[kind], subject_of))
            exits.callback(setattr, owner, name, original)
        exits.enter_context(_modes_announced(observers["mode"]))
        exits.enter_context(_compiled_code_announced(observers["compile"]))
        yield


def _observed_functions() -> Iterator[tuple[Any, str, str, Callable[..., tuple[Any, Any]]]]:
    yield torch.autograd, "backward", "backward", lambda tensors, *a, **k: (tensors, None)
    yield Optimizer, "zero_grad", "zero_grad", lambda self, *a, **k: (self, None)
    yield nn.Module, "zero_grad", "zero_grad", lambda self, *a, **k: (self, None)
    for scheduler in scheduler_types():
        yield scheduler, "step", "scheduler", lambda self, *a, **k: (self, None)
    yield Optimizer, "__init__", "optimizer", lambda self, *a, **k: (self, None)
    scaler = getattr(torch.amp, "GradScaler", torch.cuda.amp.GradScaler)
    yield scaler, "unscale_", "unscale", lambda self, optimizer: (optimizer, self.is_enabled())
    yield scaler, "get_scale", "get_scale", lambda self: (self, None)
    for owner in (torch, torch.random):
        yield owner, "manual_seed", "seed", lambda seed: (None, seed)
        yield owner, "set_rng_state", "seed", lambda new_state: (None, new_state)
    yield torch, "compile", "compile", lambda *a, **k: (None, None)


@contextlib.contextmanager
def _modes_announced(observer: Observer) -> Iterator[None]:
    """``train`` calls itself for every child; only the outermost is announced, if it changes."""
    original = nn.Module.train
    own_code = original.__code__

    @functools.wraps(original)
    def announced(self: nn.Module, mode: bool = True) -> nn.Module:
        if self.training != mode and sys._getframe(1).f_code is not own_code:
            observer(self, mode)
        return original(self, mode)

    nn.Module.train = announced  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.train = original  # type: ignore[method-assign]


class ContextListener(Protocol):
    """Who wants to know when gradients are switched off.

    Attributes:
        boring: names of the files whose doings are of no interest.
        current: the context whose end is waited for.
    """

    boring: set[str]
    current: Any

    def enter(self, context: Any, frame: FrameType) -> None:
        """A context is about to be entered, by the code of `frame`."""

    def leave(self) -> None:
        """The current context is about to be left."""


@contextlib.contextmanager
def quiet_contexts(listener: ContextListener) -> Iterator[None]:
    """Tell when ``torch.no_grad`` or ``torch.inference_mode`` is entered or left.

    torch itself enters them several times in every training step, so this is made to cost next
    to nothing for boring files and for contexts that are not the current one. Of a decorated
    function the frame that calls it counts.
    """
    with contextlib.ExitStack() as exits:
        for context in (torch.no_grad, torch.inference_mode):
            enter: Any = context.__enter__
            leave: Any = context.__exit__
            for name, new in (
                ("__enter__", _telling_enter(enter, listener)),
                ("__exit__", _telling_exit(leave, listener)),
            ):
                exits.callback(setattr, context, name, vars(context)[name])
                setattr(context, name, new)
        yield


def _telling_enter(original: Any, listener: ContextListener) -> Any:
    @functools.wraps(original)
    def enter(self: Any) -> Any:
        frame: Any = sys._getframe(1)
        if frame.f_code.co_name == "decorate_context":
            frame = frame.f_back
        if frame.f_code.co_filename not in listener.boring:
            listener.enter(self, frame)
        return original(self)

    return enter


def _telling_exit(original: Any, listener: ContextListener) -> Any:
    @functools.wraps(original)
    def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
        if self is listener.current:
            listener.leave()
        return original(self, kind, error, traceback)

    return leave


@contextlib.contextmanager
def _compiled_code_announced(observer: Observer) -> Iterator[None]:
    """Also code that was compiled before: its wrapper sets this callback first (2.2 to 2.13)."""
    module: Any = sys.modules.get("torch._dynamo.eval_frame")
    name = "_maybe_set_eval_frame"
    if module is None or not hasattr(module, name):
        yield
        return
    original = getattr(module, name)

    def announced(callback: Any) -> Any:
        if callable(callback):
            observer(None, None)
        return original(callback)

    setattr(module, name, announced)
    try:
        yield
    finally:
        setattr(module, name, original)


def node_of(tensor: torch.Tensor) -> Node | None:
    """The autograd node of a tensor; None for views of which torch refuses to make one."""
    try:
        return tensor.grad_fn if tensor.requires_grad else None
    except RuntimeError:  # a view made without gradients, whose base was changed with gradients
        return None


def metadata(node: Node) -> dict[str, Any]:
    """The dictionary that lives as long as an autograd node; a property, typed as a method."""
    found: Any = node.metadata
    return cast("dict[str, Any]", found)


def saved(node: Node, name: str) -> Any:
    """What a node has saved, ``_saved_other``; None where it has nothing or it is gone."""
    try:
        return getattr(node, name, None)
    except RuntimeError:  # freed by an earlier backward pass, or changed in place since
        return None


def clips(frame: FrameType) -> bool:
    """Whether the frame that switches gradients off is that of a function that clips them.

    ``torch.nn.utils.clip_grad_norm_`` and its like run below ``_no_grad_wrapper`` (2.4 to 2.13).
    """
    return frame.f_code.co_name == "_no_grad_wrapper" and may_clip(frame.f_code.co_filename)


def may_clip(filename: str) -> bool:
    """Whether a file is that of the functions that clip gradients."""
    return "clip_grad" in filename


def is_active(mode: TorchFunctionMode) -> bool:
    """Whether a mode is on this thread's stack."""
    return mode in overrides._get_current_function_mode_stack()  # type: ignore[no-untyped-call]


def insert(mode: TorchFunctionMode) -> None:
    """Put a mode on this thread's stack, below those of the user's.

    On top of them it would be taken off in their place when their block ends. Only the mode of
    ``torch.set_default_device`` must stay the lowest (it asserts so, 2.6 to 2.13).
    """
    if is_active(mode):
        return
    stack = overrides._get_current_function_mode_stack()  # type: ignore[no-untyped-call]
    lowest = sum(isinstance(other, DeviceContext) for other in stack[:1])
    for _ in stack[lowest:]:
        overrides._pop_mode()  # type: ignore[no-untyped-call]
    for other in (mode, *stack[lowest:]):
        overrides._push_mode(other)  # type: ignore[no-untyped-call]


def remove(mode: TorchFunctionMode) -> None:
    """Take a mode off this thread's stack, wherever in it; the others keep their order."""
    if not is_active(mode):
        return
    above = []
    while (top := overrides._pop_mode()) is not mode:  # type: ignore[no-untyped-call]
        above.append(top)
    for other in reversed(above):
        overrides._push_mode(other)  # type: ignore[no-untyped-call]
