"""What in an objective keeps a model that works from fitting its batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import Node

from pytest_mlregress.bughunt.recording.recorder import Event, RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.step_log import Backward
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance, inputs
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.autograd_graph import custom_nodes
from pytest_mlregress.bughunt.torch_api.operators import (
    CLAMPS,
    DIVISIONS,
    EXPONENTIALS,
    EXTREMES,
    INDEXING,
    ORDER_INDICES,
    SUBTRACTIONS,
)

_REVERSED = -0.99
"""The cosine between a gradient and what a function makes of it, from which on it is reversed."""


def reason_not_to_fit(context: HuntContext, *, own_step: bool) -> str | None:
    """Why a correct model may not fit its batch; None where nothing speaks against it.

    Args:
        context: the program.
        own_step: whether ``train_step`` is trained, rather than ``loss_fn``.
    """
    trace = context.loss_trace
    reason = _selection(trace.loss, trace.provenance) or _reversal(context, own_step=False)
    if reason is not None or not own_step:
        return reason
    steps = context.step_trace
    for event in steps.recorder.of_kind("backward", "step 0"):
        for root in pytrees.tensors(event.subject):
            if (reason := _selection(root, steps.provenance)) is not None:
                return reason
    return _several_losses(context) or _reversal(context, own_step=True)


def _selection(loss: torch.Tensor, provenance: Provenance) -> str | None:
    """That the loss looks at some of the outputs only, or is flat beyond a bound."""
    for call in _behind_loss(loss, provenance):
        if _is_extreme(call) and not _is_own_offset(call, provenance):
            return (
                f"{call.name} at {call.location} picks some of the outputs for the loss: a correct "
                f"model need not fit the others"
            )
    return clipped_difference(loss, provenance)


def clipped_difference(tensor: torch.Tensor, provenance: Provenance) -> str | None:
    """That a difference is clipped between the last weights of the model and a tensor, in words."""
    for call in _behind_loss(tensor, provenance):
        if _is_clipped_difference(call, provenance):
            return (
                f"{call.name} at {call.location} clips a difference or ratio on its way to the "
                f"loss, which has no gradient beyond the bounds"
            )
    return None


def _behind_loss(loss: torch.Tensor, provenance: Provenance) -> Iterator[RecordedCall]:
    """The calls between the last weights of the model and the loss, which gradients go through."""
    seen: set[int] = set()
    queue: list[tuple[torch.Tensor, RecordedCall | None]] = [(loss, None)]
    while queue:
        tensor, before = queue.pop(0)
        call = provenance.producer(tensor, before)
        if call is None or call.order in seen:
            continue
        seen.add(call.order)
        given = inputs(call)
        if any(isinstance(one, nn.Parameter) and one.numel() > 1 for one in given):
            continue
        yield call
        queue += [(one, call) for one in given if one.requires_grad]
        if call.name in INDEXING:  # what says where to look has no gradient
            makers = [provenance.producer(one, call) for one in given if not one.requires_grad]
            yield from (maker for maker in makers if maker and _orders_outputs(maker))


def _is_extreme(call: RecordedCall) -> bool:
    return call.name in EXTREMES | ORDER_INDICES or "max_pool" in call.name


def _orders_outputs(call: RecordedCall) -> bool:
    return _is_extreme(call) and any(one.requires_grad for one in inputs(call))


def _is_own_offset(call: RecordedCall, provenance: Provenance) -> bool:
    """Whether a maximum is only taken off what it is the maximum of, as in a stable softmax."""
    whole = {id(one) for one in inputs(call)}
    readers = [reader for one in pytrees.tensors(call.output) for reader in provenance.readers(one)]
    return bool(readers) and all(
        reader.name in SUBTRACTIONS | DIVISIONS and any(id(one) in whole for one in inputs(reader))
        for reader in readers
    )


def _is_clipped_difference(call: RecordedCall, provenance: Provenance) -> bool:
    """Whether a clamp on both sides holds a difference or a ratio, as clipped losses do."""
    low, high = call.argument(1, "min"), call.argument(2, "max")
    if call.name not in CLAMPS or low is None or high is None:
        return False
    maker = provenance.producer(inputs(call)[0], call)
    return maker is not None and maker.name in SUBTRACTIONS | DIVISIONS | EXPONENTIALS


def _several_losses(context: HuntContext) -> str | None:
    """That one step runs backward from losses of different parts of the model."""
    trace = context.step_trace
    mine = {id(p) for p in trace.isolated.model.parameters()}
    passes = [b for b in trace.log.backwards if b.phase == "step 0" and not b.by_grad]
    updates = [a.order for a in trace.log.applied if a.phase == "step 0"]

    def differ(one: Backward, other: Backward) -> bool:
        apart = one.location != other.location or any(
            one.order < order < other.order for order in updates
        )
        return apart and one.leaves.keys() & mine != other.leaves.keys() & mine

    for index, one in enumerate(passes):
        for other in passes[index + 1 :]:
            if differ(one, other):
                return (
                    f"train_step runs backward from losses of different parts of the model (at "
                    f"{one.location} and {other.location}): what loss_fn measures is not what all "
                    f"minimise"
                )
    return None


def _reversal(context: HuntContext, *, own_step: bool) -> str | None:
    """That some function passes on the opposite of the gradient that it gets."""
    listener = _ReversalListener()
    recorder = Recorder(on_call=listener.on_call, on_event=listener.on_event)
    with context.isolated_run(recorder=recorder) as isolated:
        if own_step:
            isolated.step()
        else:
            loss = isolated.loss()
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
    if listener.found is None:
        return None
    return (
        f"{listener.found} reverses the gradient: one part of the model raises what another lowers"
    )


class _ReversalListener:
    """Looks at every function of the user's own and at every tensor hook.

    Attributes:
        found: what reverses a gradient, in words; None where nothing does.
    """

    def __init__(self) -> None:
        self.found: str | None = None

    def on_call(self, call: RecordedCall) -> None:
        """Try a hook that a tensor is given."""
        hook = call.argument(1, "hook")
        if call.name != "register_hook" or not callable(hook):
            return
        probe = torch.ones_like(inputs(call)[0])
        try:
            made = hook(probe.clone())
        except Exception:  # a hook that cannot be tried says nothing
            return
        if isinstance(made, torch.Tensor) and _is_opposite(probe, made):
            self.found = self.found or f"the hook registered at {call.location}"

    def on_event(self, event: Event) -> None:
        """Listen to the functions behind a backward pass that is about to run."""
        if event.kind == "backward":
            for node in custom_nodes(pytrees.tensors(event.subject)):
                node.register_hook(self._comparing(node))

    def _comparing(self, node: Node) -> Callable[..., None]:
        name = type(node).__name__.removesuffix("Backward")

        def compare(made: tuple[Any, ...], given: tuple[Any, ...]) -> None:
            pairs = ((one, other) for one in given for other in made)
            if any(_is_opposite(one, other) for one, other in pairs):
                self.found = self.found or f"the function {name}"

        return compare


def _is_opposite(given: torch.Tensor | None, made: torch.Tensor | None) -> bool:
    if given is None or made is None or given.shape != made.shape:
        return False
    one, other = given.detach().double().flatten(), made.detach().double().flatten()
    scale = float(one.norm() * other.norm())
    return scale > 0 and float(one @ other) / scale < _REVERSED
