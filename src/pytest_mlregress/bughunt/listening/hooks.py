"""How a guard hears: global hooks, a torch function mode and a few announced functions."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.overrides import TorchFunctionMode

from pytest_mlregress.bughunt.listening.detector import ObservedCall
from pytest_mlregress.bughunt.listening.node_marks import Mark, mark
from pytest_mlregress.bughunt.recording.function_modes import ModuleStack
from pytest_mlregress.bughunt.recording.source_lines import locate, origin
from pytest_mlregress.bughunt.recording.torch_call import NO_NUMBERS
from pytest_mlregress.bughunt.torch_api import _private
from pytest_mlregress.bughunt.torch_api.loss_functions import EXPECTS
from pytest_mlregress.bughunt.torch_api.operators import (
    ATTENTIONS,
    ATTRIBUTE_ACCESS,
    BATCH_NORMS,
    DROPOUTS,
    EQUALITIES,
    LOG_SOFTMAX,
    MATRIX_PRODUCTS,
    SOFTMAX,
    SUBTRACTIONS,
    VIEWS,
    WITH_NUMBERS,
)

NOISES = DROPOUTS | BATCH_NORMS | ATTENTIONS
INTERESTING = (
    MATRIX_PRODUCTS
    | EQUALITIES
    | frozenset(EXPECTS)
    | SOFTMAX
    | LOG_SOFTMAX
    | VIEWS
    | SUBTRACTIONS
    | NOISES
)

CallListener = Callable[[ObservedCall], None]
Follower = Callable[[Any, Any, Any], None]
Guarded = Callable[..., None]
OptimizerHook = Callable[[Optimizer, tuple[Any, ...], dict[str, Any]], None]


class Calls(TorchFunctionMode):
    """Marks the autograd nodes of all calls, and tells of those that a detector may judge."""

    def __init__(self, listener: CallListener, follower: Follower, guarded: Guarded) -> None:
        super().__init__()
        self._listener = listener
        self._follower = follower
        self._guarded = guarded

    def put_on(self) -> None:
        """Hear the calls of this thread from now on."""
        _private.insert(self)

    def take_off(self) -> None:
        """Hear no more, whatever modes the user's code has entered since."""
        _private.remove(self)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        keywords = kwargs or {}
        output = func(*args, **keywords)
        name = getattr(func, "__name__", "")
        if name not in ATTRIBUTE_ACCESS:  # most calls are
            self._guarded(self._observe, name, args, keywords, output, sys._getframe(1))
        return output

    def _observe(
        self,
        name: str,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        output: Any,
        frame: FrameType,
    ) -> None:
        if not torch.is_grad_enabled():
            self._follower(arguments, keywords, output)
        if not _has_graph(output) and name not in INTERESTING:
            return
        location, _ = locate(frame)
        call = ObservedCall(name, arguments, keywords, output, location, _is_direct(frame))
        acts = name not in DROPOUTS or drops(call)
        numbers = call.numbers if name in WITH_NUMBERS else NO_NUMBERS
        mark(output, Mark(name, location, acts, numbers))
        if name in INTERESTING:
            self._listener(call)


def drops(call: ObservedCall) -> bool:
    """Whether a call of dropout sets anything to zero."""
    rate = call.argument(1, "p", 0.5)
    return bool(rate) and call.argument(2, "training", True) is not False


def differs_from_evaluation(call: ObservedCall) -> bool:
    """Whether a call of `NOISES` acts as in training: it drops, or uses the batch's statistics."""
    if call.name in DROPOUTS:
        return drops(call)
    if call.name in ATTENTIONS:
        return bool(call.argument(4, "dropout_p", 0.0))
    return call.argument(1, "running_mean") is not None and bool(call.argument(5, "training"))


def _has_graph(output: Any) -> bool:
    outputs = output if isinstance(output, list | tuple) else (output,)
    return any(isinstance(o, torch.Tensor) and o.requires_grad for o in outputs)


def _is_direct(frame: FrameType) -> bool:
    """Whether the user's code called, maybe through a function of torch, but no library did."""
    current: FrameType | None = frame
    while current is not None and origin(current.f_code.co_filename) == "torch":
        current = current.f_back
    return current is not None and origin(current.f_code.co_filename) == "user"


class ModuleHooks:
    """Global module hooks that can be put on and taken off; torch slows every module by them."""

    def __init__(
        self,
        entered: Callable[[nn.Module, bool], None],
        left: Callable[[nn.Module, Any, Any], None],
        guarded: Guarded,
        running: ModuleStack,
    ) -> None:
        self._entered = entered
        self._left = left
        self._guarded = guarded
        self._handles: list[Any] = []
        self._running = running

    @property
    def on(self) -> bool:
        """Whether the hooks are in place."""
        return bool(self._handles)

    def put_on(self) -> None:
        """Listen from now on; a module that already runs is not seen."""
        if self._handles:
            return
        self._running.clear()
        self._handles = [
            nn.modules.module.register_module_forward_pre_hook(self._enter),
            nn.modules.module.register_module_forward_hook(self._leave, always_call=True),
        ]

    def take_off(self) -> None:
        """Listen no more."""
        while self._handles:
            self._handles.pop().remove()

    def _enter(self, module: nn.Module, arguments: Any) -> None:
        self._guarded(self._entered, module, self._running.enter(module))

    def _leave(self, module: nn.Module, arguments: Any, output: Any) -> None:
        if self._running.leave(module):
            self._guarded(self._left, module, output, arguments)


@contextlib.contextmanager
def optimizer_hooks(before: OptimizerHook, after: OptimizerHook) -> Iterator[None]:
    """Be told before and after every ``step`` of any torch optimizer, with its arguments."""
    handles = [
        register_optimizer_step_pre_hook(before),
        register_optimizer_step_post_hook(after),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
