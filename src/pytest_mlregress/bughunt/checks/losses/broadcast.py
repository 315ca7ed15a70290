"""Losses and metrics that compare every prediction with every target by accident."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pytest_mlregress.bughunt.catalogue.losses import BROADCAST_LOSS, BROADCAST_METRIC
from pytest_mlregress.bughunt.catalogue.rule import Rule
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.program.isolated_run import call as run
from pytest_mlregress.bughunt.recording.function_modes import CallMode
from pytest_mlregress.bughunt.recording.recorder import RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance, inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying import batch_resizing
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.replays import (
    Replay,
    StepReplay,
    noise_tensors,
    other_sizes,
    reached,
    replay,
    resized,
    until_update,
)
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import COMPARISONS, DIFFERENCES, ELEMENTWISE
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

_IN_METRICS = DIFFERENCES | COMPARISONS


@dataclass(frozen=True)
class Crossing:
    """An elementwise call whose operands were both expanded along a batch axis of the other.

    Attributes:
        call: the call.
        prediction: the operand that depends on the model.
        target: the operand that is data alone.
        position: of the target among the call's tensors.
        axis: of the target, along which its examples lie.
    """

    call: RecordedCall
    prediction: torch.Tensor
    target: torch.Tensor
    position: int
    axis: int


@check(BROADCAST_LOSS, cost="replay")
def broadcast_loss(context: HuntContext) -> Iterator[Finding]:
    """A loss subtracts (N,) from (N, 1): an N x N table in which each target meets each prediction.

    Two witnesses. Shapes, with a number of examples that is no other size: one batch axis became
    two. The loss: the targets of this call can be permuted and it does not change, so it
    cannot teach which prediction belongs to which target. Pairwise distances have two operands
    from the model (or none) and critics of mutual information are not invariant: both pass.
    Looked at in ``loss_fn``, and in ``train_step`` at the lines that ``loss_fn`` does not run.
    """
    base, counts = _base(context)
    loss = float(base.loss.detach())
    targets = base.from_data | noise_tensors(base.calls)  # a denoiser's target is the noise
    for count in counts:
        found = list(crossings(base.calls, base.from_model, targets, count, "loss"))
        blind = [
            crossing for crossing in found if _same_when_permuted(context, base, [crossing], count)
        ]
        if (
            found and not blind
        ):  # a quotient needs its targets permuted alike in numerator and denominator
            every = crossings(base.calls, base.from_model, targets, count, "quotient")
            blind = found[:1] if _same_when_permuted(context, base, list(every), count) else []
        for crossing in blind:
            yield _finding(BROADCAST_LOSS, crossing, base.provenance, "loss", loss)
    if context.program.train_step is not None:
        yield from in_the_step(context, {call.location for call in base.calls})


def _same_when_permuted(
    context: HuntContext, base: Replay, crossings: list[Crossing], count: int
) -> bool:
    """Whether the loss does not change when the targets of all these calls are permuted."""
    modes = [
        _PermutedTargets(crossing, _number(base.calls, crossing), count) for crossing in crossings
    ]
    with contextlib.ExitStack() as outer:
        for mode in modes[1:]:
            outer.enter_context(mode)
        other = replay(context, pytrees.fresh(base.batch), mode=modes[0])
    same = _equal(float(base.loss.detach()), float(other.loss.detach()))
    return same and all(mode.permuted for mode in modes)


def in_the_step(context: HuntContext, known: Collection[str | None]) -> Iterator[Finding]:
    """The same for the values from which the first step's backward passes start.

    `known` are lines that need no second look.
    """
    suspects = {
        call.location
        for call in context.step_trace.recorder.calls
        if call.phase == "step 0" and call.location not in known and _widens(call)
    }
    if not suspects:
        return
    base, counts = _base_step(context)
    for count in counts:
        for crossing in crossings(base.calls, base.from_model, base.from_data, count, "loss"):
            if crossing.call.location not in suspects:
                continue
            mode = _PermutedTargets(crossing, _number(base.calls, crossing), count)
            other = until_update(context, pytrees.fresh(base.batch), mode=mode)
            same = len(base.roots) == len(other.roots) > 0 and all(
                map(_equal, base.roots, other.roots)
            )
            if mode.permuted and same:
                yield _finding(BROADCAST_LOSS, crossing, base.provenance, "loss", base.roots[0])


def _widens(call: RecordedCall) -> bool:
    """Whether an elementwise call has two operands and a result larger than both."""
    if call.name.strip("_") not in DIFFERENCES:
        return False
    shapes = [t.shape for t in inputs(call)[:2]]
    if len(shapes) != 2 or len(shapes[0]) == len(shapes[1]):
        return False
    width = max(map(len, shapes))
    padded = [(1,) * (width - len(shape)) + tuple(shape) for shape in shapes]
    size: int = math.prod(map(max, *padded))
    return size > max(math.prod(shape) for shape in shapes)


def _base_step(context: HuntContext) -> tuple[StepReplay, list[int]]:
    """A step on a batch with an odd number of examples, else on the batch as it is."""
    batch = context.program.fresh_batch()
    try:
        examples = batch_resizing.examples_of(batch)
        for count in batch_resizing.candidates(examples.count, other_sizes(context)):
            with contextlib.suppress(CannotTell):
                return until_update(context, examples.resized(pytrees.fresh(batch), count)), [count]
    except CannotTell:
        pass
    return until_update(context, batch), _flat_sizes(batch)


def _base(context: HuntContext) -> tuple[Replay, list[int]]:
    """A replay and the sizes of its batch axes: of its flat tensors, where it has no examples."""
    try:
        run, examples = resized(context)
    except CannotTell:
        run = replay(context, context.program.fresh_batch())
        return run, _flat_sizes(run.batch)
    return run, [examples.count]


@check(BROADCAST_METRIC, cost="replay", needs=("evaluate",))
def broadcast_metric(context: HuntContext) -> Iterator[Finding]:
    """The same in ``evaluate``, where comparisons count too: ``(guess[:, None] == target).mean()``.

    Here the metric does not change when the targets of the call are permuted.
    """
    batches, counts = _validation(context)
    copies = pytrees.fresh(batches)
    value, calls, parameters = _evaluate(context, batches)  # the very tensors, to know them again
    from_model = reached(calls, parameters)
    from_data = reached(calls, pytrees.tensors(batches))
    provenance = Provenance(calls)
    for count in counts:
        found = crossings(calls, from_model, from_data, count, "metric")
        for crossing in {c.call.location: c for c in found}.values():
            mode = _PermutedTargets(crossing, None, count)
            other, _, _ = _evaluate(context, pytrees.fresh(copies), mode)
            if mode.permuted and _equal(value, other):
                yield _finding(BROADCAST_METRIC, crossing, provenance, "metric", value)


def crossings(
    calls: list[RecordedCall], from_model: set[int], from_data: set[int], count: int, kind: str
) -> Iterator[Crossing]:
    """The calls in which a prediction and a target were expanded against each other."""
    names = {"loss": DIFFERENCES, "quotient": DIFFERENCES | {"add"}, "metric": _IN_METRICS}[kind]
    for call in calls:
        if call.name.strip("_") not in names or not isinstance(call.output, torch.Tensor):
            continue
        given = inputs(call)[:2]
        if len(given) != 2:
            continue
        for position in (1, 0):
            target, prediction = given[position], given[1 - position]
            if not _is_target(target, prediction, from_model, from_data):
                continue
            axis = _crossed(prediction.shape, target.shape, count)
            if id(prediction) not in from_model or axis is None:
                continue
            if not _deliberate(calls, call, from_model, count):
                yield Crossing(call, prediction, target, position, axis)


def _is_target(
    target: torch.Tensor, prediction: torch.Tensor, from_model: set[int], from_data: set[int]
) -> bool:
    """Whether an operand is data alone, or made from data by a model that is not trained by it."""
    taught = prediction.requires_grad and not target.requires_grad
    return id(target) in from_data and (id(target) not in from_model or taught)


def _deliberate(
    calls: list[RecordedCall], suspect: RecordedCall, from_model: set[int], count: int
) -> bool:
    """Whether a line crosses batches on purpose: by axes written out on both sides.

    Or because it does the same to two predictions, or to two batches of data, as a kernel does.
    """
    one, other = inputs(suspect)[:2]
    if one.dim() == other.dim():
        return True
    for call in calls:
        given = inputs(call)[:2]
        if call.function is suspect.function and call.location == suspect.location:
            kinds = {(id(t) in from_model, t.requires_grad) for t in given}
            alike = len(given) == 2 and len(kinds) == 1
            if alike and _crossed(given[0].shape, given[1].shape, count) is not None:
                return True
    return False


def _crossed(prediction: torch.Size, target: torch.Size, count: int) -> int | None:
    """The target's batch axis, if it meets an axis of size 1 (or none) of the prediction's.

    And the other way round: so the result has the batch axis twice.
    """
    width = max(len(prediction), len(target))
    one = (1,) * (width - len(prediction)) + tuple(prediction)
    other = (1,) * (width - len(target)) + tuple(target)
    mine = [a for a in range(width) if one[a] == count and other[a] == 1]
    theirs = [a for a in range(width) if other[a] == count and one[a] == 1]
    if len(mine) != 1 or len(theirs) != 1:
        return None
    return theirs[0] - (width - len(target))


class _PermutedTargets(CallMode):
    """Deal out the targets of one call (all at its line, without a number) in another order."""

    def __init__(self, crossing: Crossing, number: int | None, count: int) -> None:
        super().__init__()
        self.crossing = crossing
        self.number = number
        self.order = torch.arange(count).roll(1).flip(0)
        self.seen = -1
        self.permuted = 0

    def on_call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        keywords = kwargs
        if func is self.crossing.call.function:
            self.seen += 1
            if self.number in (None, self.seen):
                args, keywords = self._deal(args, keywords)
        return func(*args, **keywords)

    def _deal(
        self, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        tensors = pytrees.tensors((args, keywords))[:2]
        shapes = [self.crossing.target.shape, self.crossing.prediction.shape]
        position = self.crossing.position
        if [t.shape for t in (tensors[position:] + tensors[:position])] != shapes:
            return args, keywords
        self.permuted += 1
        target = tensors[position]
        permuted = target.index_select(self.crossing.axis, self.order)
        swapped = pytrees.map_tensors(lambda t: permuted if t is target else t, (args, keywords))
        return swapped[0], swapped[1]


def _number(calls: list[RecordedCall], crossing: Crossing) -> int:
    same = [call.order for call in calls if call.function is crossing.call.function]
    return same.index(crossing.call.order)


def _validation(context: HuntContext) -> tuple[list[PyTree], list[int]]:
    """Two validation batches, resized like the batch in `_base`, and the sizes of batch axes."""
    given = context.program.validation_batches()
    if not isinstance(given, list | tuple) or not given:
        raise CannotTell("val_batches is no list of batches")
    batches = pytrees.fresh(list(given[:2]))
    try:
        first = batch_resizing.examples_of(batches[0])
        count = batch_resizing.candidates(first.count, other_sizes(context))[0]
        return [batch_resizing.examples_of(b).resized(b, count) for b in batches], [count]
    except (CannotTell, IndexError):
        return batches, _flat_sizes(batches[0])


def _flat_sizes(batch: PyTree) -> list[int]:
    flat = [t.shape[0] for t in pytrees.tensors(batch) if t.dim() == 1 and len(t) > 2]
    return list(dict.fromkeys(flat))


def _evaluate(
    context: HuntContext, batches: list[PyTree], mode: TorchFunctionMode | None = None
) -> tuple[float, list[RecordedCall], list[torch.Tensor]]:
    """What evaluate returns for some batches, with its calls and the model's parameters."""
    recorder = Recorder(phase="evaluate")
    evaluate = context.program.evaluate
    assert evaluate is not None
    with context.isolated_run(recorder=recorder) as isolated:
        try:
            if mode is None:
                value = call_evaluate(evaluate, isolated.model, batches)
            else:
                with mode:
                    value = call_evaluate(evaluate, isolated.model, batches)
        except BughuntError as error:
            raise CannotTell(f"evaluate does not run on resized batches: {error}") from error
        calls = [call for call in recorder.calls if call.phase == "evaluate"]
        return value, calls, list(isolated.model.parameters())


def call_evaluate(evaluate: Callable[..., Any], model: Any, batches: list[PyTree]) -> float:
    """Run evaluate and read the number that it returns."""
    value = run("evaluate", evaluate, model, batches)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise CannotTell(f"evaluate returned a {type(value).__name__}, not a number") from None


def _equal(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return False
    return abs(one - other) <= 1e-5 * max(abs(one), abs(other))


def _finding(
    rule: Rule, crossing: Crossing, provenance: Provenance, what: str, value: float
) -> Finding:
    shapes = tuple(crossing.prediction.shape), tuple(crossing.target.shape)
    origin = _shaped_by(crossing, provenance)
    output = crossing.call.output
    size = "" if output is None or output.dim() < 2 else f" to {tuple(output.shape)}"
    return rule.finding(
        module=origin.module if origin is not None else crossing.call.module,
        location=(origin or crossing.call).location,
        evidence=f"at {crossing.call.location}; the {what} is {value:.6g} whichever target "
        f"belongs to which prediction",
        call=crossing.call.name,
        prediction=shapes[0],
        target=shapes[1],
        size=size,
    )


def _shaped_by(crossing: Crossing, provenance: Provenance) -> RecordedCall | None:
    """The call that took an axis from one operand or gave one to the other; None for data."""
    shorter, longer = sorted((crossing.prediction, crossing.target), key=lambda t: t.dim())
    squeezed = provenance.producer(shorter, crossing.call)
    if squeezed is not None and any(t.dim() > shorter.dim() for t in inputs(squeezed)[:1]):
        return squeezed
    call = provenance.producer(longer, crossing.call)
    while call is not None and call.name.strip("_") in ELEMENTWISE:
        behind = [t for t in inputs(call) if t.shape == longer.shape]
        earlier = provenance.producer(behind[0], call) if behind else None
        if earlier is None:
            break
        call = earlier
    return call
