"""Replays of ``loss_fn`` on batches that differ in one thing, made comparable row by row.

The model is in eval mode and batch norm uses its running statistics even where ``loss_fn`` puts
the model into training mode: what examples share through batch norm is no leak.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import nn
from torch.distributions import Distribution
from torch.overrides import TorchFunctionMode

from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.program.isolated_run import IsolatedRun
from pytest_mlregress.bughunt.recording.function_modes import CallMode, ModuleStack
from pytest_mlregress.bughunt.recording.recorder import Event, RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.step_log import StepLog
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance, inputs
from pytest_mlregress.bughunt.replaying import batch_resizing
from pytest_mlregress.bughunt.replaying.batch_resizing import Examples
from pytest_mlregress.bughunt.replaying.cpu_clock import Stopwatch
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import _private, pytrees
from pytest_mlregress.bughunt.torch_api.module_modes import modes_held
from pytest_mlregress.bughunt.torch_api.operators import DRAWS, SIZE_ONLY
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree
from pytest_mlregress.seeding import seed_python_numpy_torch

T = TypeVar("T")


def shared(make: Callable[[HuntContext], T]) -> Callable[[HuntContext], T]:
    """Decorate a function of the context: made once, its `CannotTell` too, for all checks."""

    def once(context: HuntContext) -> T:
        made = context.shared
        if make not in made:
            try:
                made[make] = make(context)
            except CannotTell as reason:
                made[make] = reason.with_traceback(None)  # its frames hold whole models
        if isinstance(made[make], CannotTell):
            raise type(made[make])(str(made[make]))
        result: T = made[make]
        return result

    return once


@dataclass(frozen=True)
class Replay:
    """One recorded ``loss_fn(model, batch)`` with batch norm at rest.

    Attributes:
        batch: what it was called with.
        calls: the torch calls, with their tensors.
        outputs: the floating-point tensors that the model, or each module called from outside of
            any other, returned.
        loss: the scalar.
        model: that of the closed run.
    """

    batch: PyTree
    calls: list[RecordedCall]
    outputs: list[torch.Tensor]
    loss: torch.Tensor
    model: nn.Module

    @cached_property
    def provenance(self) -> Provenance:
        """Which call made which tensor."""
        return Provenance(self.calls)

    @cached_property
    def from_data(self) -> set[int]:
        """Ids of the tensors that depend on the batch."""
        return reached(self.calls, pytrees.tensors(self.batch))

    @cached_property
    def from_model(self) -> set[int]:
        """Ids of the tensors that depend on parameters."""
        return reached(self.calls, list(self.model.parameters()))


def replay(
    context: HuntContext,
    batch: PyTree,
    *,
    mode: TorchFunctionMode | None = None,
    double: bool = False,
    first: PyTree = None,
) -> Replay:
    """Run ``loss_fn`` in an isolated run on `batch`.

    Args:
        context: whose program it is.
        batch: what it is called with.
        mode: under which it runs.
        double: whether the model is in double precision.
        first: a batch on which it runs before, so that what depends on the first data is there.
            The model then stays in eval mode, whatever ``loss_fn`` does about it.

    Raises:
        CannotTell: the program does not run on it.
    """
    stopwatch = Stopwatch()
    recorder = Recorder(phase="loss")
    with context.isolated_run(recorder=recorder) as isolated:
        isolated.model.eval()
        if double:
            isolated.model.double()
        with contextlib.ExitStack() as exits:
            exits.enter_context(FrozenBatchNorm())
            if first is not None:
                exits.enter_context(modes_held())
                _first_pass(isolated, first)
            if mode is not None:
                exits.enter_context(mode)
            outputs = exits.enter_context(outer_outputs(isolated.model))
            try:
                loss = isolated.loss(batch)
            except BughuntError as error:
                raise CannotTell(f"the program does not run on a changed batch: {error}") from error
        calls = [call for call in recorder.calls if call.phase == "loss"]
    seconds = stopwatch.seconds
    context.replay_seconds = min(seconds, context.replay_seconds or seconds)
    return Replay(batch, calls, outputs, loss, isolated.model)


def _first_pass(isolated: IsolatedRun, batch: PyTree) -> None:
    """Let the program see a batch; generators are then as if it had not."""
    isolated.phase("first")
    try:
        isolated.loss(batch)
    except BughuntError as error:
        raise CannotTell(f"the program does not run on a changed batch: {error}") from error
    seed_python_numpy_torch(isolated.seed)
    isolated.phase("loss")


@dataclass(frozen=True)
class StepReplay:
    """One ``train_step`` with batch norm at rest, up to its first update.

    Attributes:
        batch: what it was called with.
        calls: the torch calls, with their tensors.
        roots: the values from which its backward passes started.
        model: that of the closed run.
    """

    batch: PyTree
    calls: list[RecordedCall]
    roots: list[float]
    model: nn.Module

    @cached_property
    def provenance(self) -> Provenance:
        """Which call made which tensor."""
        return Provenance(self.calls)

    @cached_property
    def from_data(self) -> set[int]:
        """Ids of the tensors that depend on the batch."""
        return reached(self.calls, pytrees.tensors(self.batch))

    @cached_property
    def from_model(self) -> set[int]:
        """Ids of the tensors that depend on parameters."""
        return reached(self.calls, list(self.model.parameters()))


def until_update(
    context: HuntContext, batch: PyTree, *, mode: TorchFunctionMode | None = None
) -> StepReplay:
    """Run ``train_step`` in an isolated run on `batch` until an optimizer is about to step.

    What comes after the update says something else: the model has learned from the batch.

    Raises:
        CannotTell: the program does not run on it.
    """
    log = StepLog()
    recorder = Recorder(phase="step", on_event=_Until(log))
    with context.isolated_run(recorder=recorder) as isolated:
        with contextlib.ExitStack() as exits:
            exits.enter_context(contextlib.suppress(_Updating))
            exits.enter_context(FrozenBatchNorm())
            if mode is not None:
                exits.enter_context(mode)
            try:
                isolated.step(batch)
            except BughuntError as error:
                reason = f"train_step does not run on a changed batch: {error}"
                raise CannotTell(reason) from error
        calls = [call for call in recorder.calls if call.phase == "step"]
    return StepReplay(batch, calls, [b.value for b in log.backwards], isolated.model)


class _Updating(BaseException):
    """Ends a step; no ``except Exception`` of the user's may keep it alive."""


@dataclass(frozen=True)
class _Until:
    log: StepLog

    def __call__(self, event: Event) -> None:
        if event.kind == "step":
            raise _Updating
        self.log(event)


class FrozenBatchNorm(CallMode):
    """Make every ``F.batch_norm`` that has running statistics use them and leave them alone."""

    def on_call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Let batch norm use its running statistics in place of the batch's."""
        keywords = dict(kwargs)
        if func is nn.functional.batch_norm and len(args) > 2 and args[1] is not None:
            if len(args) > 5:
                args = (*args[:5], False, *args[6:])
            elif "training" in keywords:
                keywords["training"] = False
        return func(*args, **keywords)


@contextlib.contextmanager
def outer_outputs(model: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Collect the floating-point tensors that outermost module calls return."""
    found: list[torch.Tensor] = []
    running = ModuleStack()

    def enter(module: nn.Module, arguments: Any) -> None:
        running.enter(module)

    def leave(module: nn.Module, arguments: Any, output: Any) -> None:
        if running.leave(module) and not _private.in_vmap():
            found.extend(t for t in tensors_of(output) if t.is_floating_point() and t.dim())

    handles = []
    for module in model.modules():
        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(leave))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def tensors_of(output: Any) -> list[torch.Tensor]:
    """The tensors of a module's output, the parameters of distributions included."""
    found: list[torch.Tensor] = []
    for _, leaf in pytrees.leaves(output):
        if isinstance(leaf, torch.Tensor):
            found.append(leaf)
        elif isinstance(leaf, Distribution):
            found += [v for v in vars(leaf).values() if isinstance(v, torch.Tensor)]
    return found


def noise_tensors(calls: list[RecordedCall]) -> set[int]:
    """Ids of the tensors of noise that calls drew, and of all that was made from them."""
    noise = [
        tensor
        for call in calls
        if call.name.removesuffix("_like") in DRAWS or call.name == "normal_"
        for tensor in pytrees.tensors(call.output)
    ]
    return reached(calls, noise)


def reached(calls: list[RecordedCall], sources: Sequence[torch.Tensor]) -> set[int]:
    """Ids of the sources and of every tensor that calls made from them."""
    tainted = {id(tensor) for tensor in sources}
    for call in calls:
        read = inputs(call)[1:] if call.name in SIZE_ONLY else inputs(call)
        if any(id(tensor) in tainted for tensor in read):
            tainted.update(id(tensor) for tensor in pytrees.tensors(call.output))
            if call.name == "__setitem__":
                tainted.add(id(call.arguments[0]))
    return tainted


@shared
def base_batch(context: HuntContext) -> tuple[PyTree, Examples]:
    """The batch of seed 0 and where its examples lie."""
    batch = context.program.fresh_batch()
    return batch, batch_resizing.examples_of(batch)


@shared
def resized(context: HuntContext) -> tuple[Replay, Examples]:
    """A replay with a number of examples that is no other size of the program.

    Raises:
        CannotTell: the batch has no single number of examples, or the program needs just this one.
    """
    batch, examples = base_batch(context)
    context.afford(fastest_replay_seconds(context))
    for count in batch_resizing.candidates(examples.count, other_sizes(context)):
        with contextlib.suppress(CannotTell):
            made = replay(context, examples.resized(pytrees.fresh(batch), count))
            return made, Examples(count, examples.axes)
    raise CannotTell(f"the program runs with batches of {examples.count} examples only")


def fastest_replay_seconds(context: HuntContext) -> float:
    """Seconds of the fastest replay so far; 0 before the first one.

    The first run of a program says little: it may have paid for torch's own start.
    """
    return context.replay_seconds or 0.0


def other_sizes(context: HuntContext) -> set[int]:
    """Every size above 1 of an axis in the loss trace and in the model."""
    trace = context.loss_trace
    sizes = {
        size
        for call in trace.calls
        for tensor in (*inputs(call), *pytrees.tensors(call.output))
        for size in tensor.shape
    }
    sizes |= {size for p in trace.isolated.model.parameters() for size in p.shape}
    return sizes - {0, 1}
