"""What happened while the user's code ran: every torch call, module call and step, in order."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import torch
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from pytest_mlregress.bughunt.recording.function_modes import CallMode, ModuleStack
from pytest_mlregress.bughunt.recording.source_lines import locate, outermost
from pytest_mlregress.bughunt.recording.torch_call import TorchCall
from pytest_mlregress.bughunt.torch_api import _private, pytrees
from pytest_mlregress.bughunt.torch_api.announced_calls import AnnouncedCall, Observer, announced

Kind = Literal[
    "forward",
    "backward",
    "optimizer",
    "step",
    "zero_grad",
    "clip",
    "scheduler",
    "mode",
    "seed",
]

RUNS: Final = "pytest_mlregress_runs"
"""In the metadata of an autograd node: the runs of modules whose output it made."""

_ANNOUNCED: Final[dict[AnnouncedCall, Kind]] = {
    "backward": "backward",
    "grad": "backward",
    "optimizer": "optimizer",
    "zero_grad": "zero_grad",
    "scheduler": "scheduler",
    "every_mode": "mode",
    "seed": "seed",
    "other_seed": "seed",
    "generator_state": "seed",
}


@dataclass(frozen=True, slots=True)
class RecordedCall(TorchCall):
    """A call that a recorder keeps.

    In traces that do not keep tensors None stands for each tensor that is not a leaf.

    Attributes:
        order: its place among the calls and events of the recorder.
        function: what was called.
        phase: of the recorder at that moment.
        module: dotted name of the innermost module of the model that was running, ``""`` for the
            model itself and None outside of it.
        training: that module's mode; outside of the model that of whatever module was running.
        innermost: the innermost module that was running, of the model or not; None outside of all.
    """

    order: int
    function: Callable[..., Any]
    phase: str
    module: str | None
    training: bool | None
    innermost: nn.Module | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something other than a torch call.

    ========== ============================== =============================
    kind       subject                        detail
    ========== ============================== =============================
    forward    module                         `ModuleCall`
    backward   roots (kept with tensors only) ``"grad"`` for autograd.grad
    optimizer  optimizer being constructed    line of the outermost user frame
    step       optimizer                      ``"before"`` or ``"after"``
    zero_grad  optimizer or module
    clip       None
    scheduler  scheduler
    mode       module                         the mode that it is put into
    seed       name of the generator          the seed, or torch's new state
    ========== ============================== =============================
    """

    order: int
    kind: Kind
    subject: Any
    location: str | None
    phase: str
    detail: Any = None


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """The detail of a ``forward`` event.

    Attributes:
        training: the module's mode.
        grad: whether gradients were on.
        run: the `order` of the outermost module's event of which this is a part.
    """

    training: bool
    grad: bool
    run: int


@dataclass
class Recorder:
    """Listens to torch while user code runs; `calls` and `events` share one counter `order`.

    Args:
        keep_tensors: whether `RecordedCall` holds its tensors (and with them the autograd graph).
        on_event: called with each event right when it happens, e.g. to snapshot gradients.
        on_call: called with each call right when it has returned.
        on_output: the same, and with the output, for recordings that do not keep it.
    """

    keep_tensors: bool = True
    on_event: Callable[[Event], None] | None = None
    on_call: Callable[[RecordedCall], None] | None = None
    on_output: Callable[[RecordedCall, Any], None] | None = None
    phase: str = ""
    calls: list[RecordedCall] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    _order: int = 0
    _names: dict[int, str] = field(default_factory=dict)
    _running: ModuleStack = field(default_factory=ModuleStack)
    _run: int = 0

    @contextlib.contextmanager
    def listening(self, model: nn.Module) -> Iterator[Recorder]:
        """Listen until the block ends; every hook and patch is gone afterwards."""
        self._names = {id(module): name for name, module in model.named_modules()}
        with contextlib.ExitStack() as exits:
            for handle in (
                nn.modules.module.register_module_forward_pre_hook(self._enter_module),
                nn.modules.module.register_module_forward_hook(
                    self._leave_module, always_call=True
                ),
                register_optimizer_step_pre_hook(self._before_step),
                register_optimizer_step_post_hook(self._after_step),
            ):
                exits.callback(handle.remove)
            exits.enter_context(announced(self._observers()))
            exits.enter_context(_Mode(self))
            yield self

    def of_kind(self, kind: Kind, phase: str | None = None) -> list[Event]:
        """The events of one kind, in order; of one phase only, if given."""
        return [e for e in self.events if e.kind == kind and phase in (None, e.phase)]

    def name_of(self, module: nn.Module) -> str | None:
        """Dotted name of a module of the model; None for any other module."""
        return self._names.get(id(module))

    def add_event(self, kind: Kind, subject: Any, detail: Any = None) -> None:
        """Record an event at the line where the user's code is now."""
        if _private.in_vmap():
            return
        location, _ = locate(sys._getframe(1))
        if kind == "optimizer":
            detail = outermost(sys._getframe(1))
        self._order += 1
        event = Event(self._order, kind, subject, location, self.phase, detail)
        if self.on_event is not None:
            self.on_event(event)
        if kind == "backward" and not self.keep_tensors:
            event = dataclasses.replace(event, subject=None)
        self.events.append(event)

    def add_call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        output: Any,
    ) -> None:
        """Record a torch call at the line where the user's code is now."""
        if _private.in_vmap():
            return
        location, torch_names = locate(sys._getframe(1))
        if any(name.startswith("clip_grad.clip_grad_") for name in torch_names):
            if not (self.events and self.events[-1].kind == "clip"):
                self.add_event("clip", None)
            return
        if _private.OPTIMIZER_STEP in torch_names:
            return
        self._order += 1
        module = next((m for m in reversed(self._running) if id(m) in self._names), None)
        innermost = self._running[-1] if self._running else None
        running = module or innermost
        keep = self.keep_tensors
        call = RecordedCall(
            order=self._order,
            name=_name_of(function),
            function=function,
            arguments=arguments if keep else tuple(map(_without_graph, arguments)),
            keywords=keywords
            if keep
            else {key: _without_graph(value) for key, value in keywords.items()},
            output=output if keep else None,
            location=location,
            phase=self.phase,
            module=None if module is None else self._names[id(module)],
            training=None if running is None else running.training,
            innermost=innermost,
        )
        self.calls.append(call)
        if self.on_call is not None:
            self.on_call(call)
        if self.on_output is not None:
            self.on_output(call, output)

    def _enter_module(self, module: nn.Module, arguments: Any) -> None:
        if self._running.enter(module):
            self._run = self._order + 1
        detail = ModuleCall(module.training, torch.is_grad_enabled(), self._run)
        self.add_event("forward", module, detail)

    def _leave_module(self, module: nn.Module, arguments: Any, output: Any) -> None:
        self._running.leave(module)
        if not _private.in_vmap():
            for tensor in pytrees.tensors(output):
                if (node := _private.node_of(tensor)) is not None:
                    _private.metadata(node).setdefault(RUNS, set()).add(self._run)

    def _before_step(self, optimizer: Any, arguments: Any, keywords: Any) -> None:
        self.add_event("step", optimizer, "before")

    def _after_step(self, optimizer: Any, arguments: Any, keywords: Any) -> None:
        self.add_event("step", optimizer, "after")

    def _observers(self) -> dict[AnnouncedCall, Observer]:
        return {call: partial(self.add_event, kind) for call, kind in _ANNOUNCED.items()}


def _name_of(function: Callable[..., Any]) -> str:
    """The plain name; of a property (``tensor.T``, ``tensor.grad = …``) that of the property."""
    name = getattr(function, "__name__", str(function))
    if name in ("__get__", "__set__", "__delete__"):
        attribute = getattr(getattr(function, "__self__", None), "__name__", "")
        return str(attribute) if name == "__get__" else f"{attribute}.{name}"
    return name


def _without_graph(argument: Any) -> Any:
    if isinstance(argument, torch.Tensor):
        return argument if isinstance(argument, nn.Parameter) else None
    return argument if isinstance(argument, bool | int | float | str | torch.dtype) else None


class _Mode(CallMode):
    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def on_call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        keywords = kwargs
        output = func(*args, **keywords)
        self.recorder.add_call(func, args, keywords, output)
        return output
