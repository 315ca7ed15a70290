"""Records what a training does with torch: every call, module, gradient and optimizer step.

Values, random states and modes of the training stay bit for bit what they are without it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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

from pytest_mlregress.bughunt.torch_api import _private
from pytest_mlregress.divergence.construction import constructions
from pytest_mlregress.divergence.digests import (
    array_digest,
    as_array,
    digest_of,
    optimizer_settings,
)
from pytest_mlregress.divergence.events import Digest, Frame
from pytest_mlregress.divergence.nudging import nudged
from pytest_mlregress.divergence.recorder import MAX_EVALUATION_EVENTS, NOTHING, Recorder
from pytest_mlregress.divergence.torch_names import (
    QUIET,
    RANDOM,
    is_loss_module,
    phase_of_call,
)


@dataclass(slots=True)
class _State:
    """Where a training is.

    Attributes:
        modules: that run now, outermost first.
        forward_seen: whether a call with a gradient has run since the last backward pass.
        module_seen: whether a module has run, with gradients, since the last backward pass.
        after_backward: whether a backward pass has run since the last forward pass.
        has_optimizer: whether the training has made an optimizer of torch.
        names: paths of modules and parameters by ``id``.
        parameters: those with gradients that have been seen, by name.
        nudged: whether no call is to be nudged any more.
    """

    modules: list[nn.Module] = field(default_factory=list)
    forward_seen: bool = False
    module_seen: bool = False
    after_backward: bool = False
    has_optimizer: bool = False
    names: dict[int, str] = field(default_factory=dict)
    parameters: dict[str, weakref.ref[torch.Tensor]] = field(default_factory=dict)
    nudged: bool = True


class TorchCalls(TorchFunctionMode):
    """Records the calls of one thread.

    Args:
        recorder: that writes them.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._state = _State(nudged=recorder.request.nudge_step is None)
        self._made: dict[int, tuple[Frame, ...]] = {}
        self._light = False  # whether of this step the loss alone is recorded
        self._settings: dict[int, str] = {}
        self._roots: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._last: tuple[weakref.ref[torch.Tensor], int, Digest] | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Record while the block runs.

        Yields:
            Once, around the training.
        """
        hooks = nn.modules.module
        with ExitStack() as exits:
            exits.enter_context(constructions(self._recorder.first_party, self._constructed))
            for handle in (
                hooks.register_module_forward_pre_hook(self._enter),
                hooks.register_module_forward_hook(self._leave, always_call=True),
                register_optimizer_step_pre_hook(self._before_step),
                register_optimizer_step_post_hook(self._after_step),
            ):
                exits.callback(handle.remove)
            _private.insert(self)
            exits.callback(_private.remove, self)
            yield

    # ------------------------------------------------------------------- what was constructed

    def _constructed(self, made: Any, frames: tuple[Frame, ...], further: bool) -> None:
        if isinstance(made, Optimizer):
            self._state.has_optimizer = True
        self._made[id(made)] = (*self._made.get(id(made), ()), *frames) if further else frames

    # ------------------------------------------------------------------- calls

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        keywords = kwargs or {}
        name = getattr(func, "__name__", "")
        if self._light and name != "backward" and self._trains:
            return func(*args, **keywords)
        recorder = self._recorder
        if not recorder.on or name in QUIET:
            return func(*args, **keywords)
        frame = sys._getframe(1)
        if name == "backward":
            return self._backward(func, args, keywords, frame)
        # A call in place, such as those of nn.init, belongs to no forward pass.
        graded = not name.endswith("_") and torch.is_grad_enabled() and _any_graded(args, keywords)
        if graded and self._nudges and (moved := nudged(args)) is not None:
            self._state.nudged = True
            recorder.mark_nudged()
            args = moved
        output = func(*args, **keywords)
        if name.endswith("_") and "tensor" in keywords:  # nn.init passes it by name
            args = (keywords["tensor"], *args)
        if graded and self._nudges and (moved := nudged((output,), graded=True)) is not None:
            self._state.nudged = True
            recorder.mark_nudged()
            output = moved[0]
        if graded and isinstance(output, torch.Tensor) and output.grad_fn is not None:
            self._begin_forward(args, frame)
        if self._wanted(name) and not _private.in_vmap():
            self._call(name, args, output, frame)
        return output

    @property
    def _trains(self) -> bool:
        """Whether a call belongs to a training step, and not to an evaluation."""
        return self._state.after_backward or torch.is_grad_enabled()

    @property
    def _nudges(self) -> bool:
        recorder = self._recorder
        return not self._state.nudged and recorder.step == recorder.request.nudge_step

    def _wanted(self, name: str) -> bool:
        recorder = self._recorder
        if recorder.full:
            return True
        if not torch.is_grad_enabled() and not name.endswith("_"):
            recorder.detail(evaluating=True)
        if torch.is_grad_enabled() or recorder.evaluation_events >= MAX_EVALUATION_EVENTS:
            return False
        recorder.evaluation_events += 1
        return True

    def _begin_forward(self, args: tuple[Any, ...], frame: FrameType) -> None:
        state, recorder = self._state, self._recorder
        recorder.detail()
        if state.after_backward and not state.has_optimizer:
            recorder.end_step()  # a training that updates its parameters by itself
        state.after_backward = False
        for value in _tensors(args):
            if value.is_leaf and value.requires_grad and id(value) not in state.names:
                self._name_parameter(value, f"parameter {len(state.parameters)}", frame)
        if not state.forward_seen:
            state.forward_seen = True
            recorder.random_state("RNG draws", frame)
            if not state.modules:
                self._inputs(args, frame)

    def _call(self, name: str, args: tuple[Any, ...], output: Any, frame: FrameType) -> None:
        state = self._state
        digest = self._digest(output)
        if digest is None:
            return
        if name.startswith("__get") or name == "__get__":
            return
        self._recorder.record(
            "op",
            name,
            phase_of_call(name, args, output, frame, self._context()),
            digest,
            module=self._path(state.modules[-1]) if state.modules else "",
            frame=frame,
            made=self._made.get(id(state.modules[-1]), ()) if state.modules else (),
            random=name in RANDOM,
        )

    def _context(self) -> tuple[bool, bool, bool, bool]:
        state = self._state
        return (
            bool(state.modules),
            state.module_seen,
            state.forward_seen,
            state.after_backward or self._recorder.trained,
        )

    def _digest(self, value: Any) -> Digest | None:
        """The digest of what a call returned; None for what is no number."""
        if isinstance(value, torch.Tensor):
            last = self._last
            version = -1 if value.is_inference() else value._version
            if last is not None and last[0]() is value and last[1] == version >= 0:
                return last[2]
            array = as_array(value)
            if array is None:
                return None
            digest = array_digest(array, str(value.dtype).removeprefix("torch."))
            self._last = weakref.ref(value), version, digest
            return digest
        if isinstance(value, list | tuple) and any(isinstance(v, torch.Tensor) for v in value):
            return digest_of(list(value))
        if isinstance(value, float | int) and not isinstance(value, bool):
            return digest_of(value)
        return None

    # ------------------------------------------------------------------- modules

    def _enter(self, module: nn.Module, args: Any) -> None:
        if not self._recorder.on:
            return
        state = self._state
        frame = sys._getframe(1)
        if not state.modules:
            self._name_parts(module, frame)
            if torch.is_grad_enabled() and not state.module_seen and not is_loss_module(module):
                self._recorder.random_state("RNG draws", frame)
                self._inputs(args, frame)
        state.modules.append(module)

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        state = self._state
        while state.modules and state.modules.pop() is not module:
            pass
        if not self._recorder.on:
            return
        graded = torch.is_grad_enabled()
        outermost = not state.modules
        loss = is_loss_module(module)
        if graded and outermost and not loss:
            state.module_seen = True
        if not (self._recorder.full or (outermost and not graded)):
            return
        digest = self._digest(output) or digest_of(output)
        self._recorder.record(
            "module",
            type(module).__name__,
            "evaluation" if not graded else "loss" if loss else "forward",
            digest,
            module=self._path(module),
            frame=sys._getframe(1),
            made=self._made.get(id(module), ()),
        )

    def _path(self, module: nn.Module) -> str:
        return self._state.names.get(id(module)) or type(module).__name__

    def _name_parts(self, root: nn.Module, frame: FrameType) -> None:
        """Name the parts of a model, and record its parameters before the first step."""
        if root in self._roots or id(root) in self._state.names:
            return
        self._roots.add(root)
        names = self._state.names
        first = len(self._roots) == 1
        prefix = "" if first else f"{type(root).__name__}."
        for path, part in root.named_modules():
            names.setdefault(id(part), f"{prefix}{path}" if path else type(root).__name__)
        owners = {id(p): m for m in root.modules() for p in m.parameters(recurse=False)}
        for path, parameter in root.named_parameters():
            if id(parameter) not in names:
                made = self._made.get(id(owners[id(parameter)]), ())
                self._name_parameter(parameter, prefix + path, frame, made)
        self._buffers_of(root, "parameter", "initialisation", frame)

    def _buffers_of(self, root: nn.Module, kind: str, phase: str, frame: FrameType) -> None:
        """Record what a forward pass updates by itself, such as running statistics."""
        for owner in root.modules():
            made = self._made.get(id(owner), ())
            for name, buffer in owner.named_buffers(recurse=False):
                path = f"{self._path(owner)}.{name}"
                digest = digest_of(buffer)
                self._recorder.record(kind, path, phase, digest, frame=frame, made=made)

    def _name_parameter(
        self, tensor: torch.Tensor, name: str, frame: FrameType, made: tuple[Frame, ...] = ()
    ) -> None:
        self._state.names[id(tensor)] = name
        self._state.parameters[name] = weakref.ref(tensor)
        if not self._recorder.trained:
            self._recorder.record(
                "parameter", name, "initialisation", digest_of(tensor), frame=frame, made=made
            )

    def _inputs(self, args: Any, frame: FrameType) -> None:
        """Record what enters the model, with hashes of its rows."""
        if not self._recorder.sampled:
            return
        for number, value in enumerate(v for v in _tensors(args) if not v.requires_grad):
            array = as_array(value)
            if array is not None:
                dtype = str(value.dtype).removeprefix("torch.")
                digest = array_digest(array, dtype, rows=True)
                self._recorder.record("input", str(number), "data", digest, frame=frame)

    # ------------------------------------------------------------------- backward and steps

    def _backward(
        self, func: Callable[..., Any], args: tuple[Any, ...], keywords: Any, frame: FrameType
    ) -> Any:
        state, recorder = self._state, self._recorder
        if args and isinstance(args[0], torch.Tensor):
            recorder.record("loss", "loss", "loss", self._digest(args[0]) or NOTHING, frame=frame)
        result = func(*args, **keywords)
        state.forward_seen = state.module_seen = False
        state.after_backward = True
        if recorder.sampled:
            self._gradients("backward", frame)
        return result

    def _gradients(self, name: str, frame: FrameType) -> None:
        for path, reference in self._state.parameters.items():
            parameter = reference()
            if parameter is not None and parameter.is_leaf and parameter.grad is not None:
                digest = digest_of(parameter.grad)
                self._recorder.record(
                    "gradient", f"{path} ({name})", "backward", digest, frame=frame
                )

    def _before_step(self, optimizer: Optimizer, args: Any, keywords: Any) -> None:
        state, recorder = self._state, self._recorder
        state.has_optimizer = True
        frame = sys._getframe(1)
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if id(parameter) not in state.names:
                    self._name_parameter(parameter, f"parameter {len(state.parameters)}", frame)
        self._settings_of(optimizer, frame)
        if recorder.sampled:
            self._gradients("step", frame)
        if not any(map(callable, (*args[1:], *keywords.values()))):  # a closure trains
            _private.remove(self)  # what the step computes is seen in what it updates

    def _settings_of(self, optimizer: Optimizer, frame: FrameType) -> None:
        """Record the settings of an optimizer where they have moved, which a schedule does."""
        settings = repr(optimizer_settings(optimizer))
        if self._settings.get(id(optimizer)) == settings:
            return
        self._settings[id(optimizer)] = settings
        name, made = type(optimizer).__name__, self._made.get(id(optimizer), ())
        digest = digest_of(settings)
        self._recorder.record("settings", name, "optimizer", digest, frame=frame, made=made)

    def _after_step(self, optimizer: Optimizer, args: Any, keywords: Any) -> None:
        state, recorder = self._state, self._recorder
        _private.insert(self)
        state.after_backward = False
        if recorder.sampled:
            frame = sys._getframe(1)
            made = self._made.get(id(optimizer), ())
            for path, reference in state.parameters.items():
                parameter = reference()
                if parameter is not None:
                    digest = digest_of(parameter)
                    recorder.record("update", path, "optimizer", digest, frame=frame, made=made)
            for root in self._roots:
                self._buffers_of(root, "update", "forward", frame)
        recorder.end_step()
        self._light = not recorder.full


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    for value in values if isinstance(values, list | tuple) else (values,):
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
        elif isinstance(value, dict):
            yield from _tensors(tuple(value.values()))


def _any_graded(args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    with torch._C.DisableTorchFunction():
        return any(v.requires_grad for v in _tensors((args, tuple(keywords.values()))))
