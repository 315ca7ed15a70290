"""A view or reshape where a permute was meant."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pytest_mlregress.bughunt.catalogue.reshaping import VIEW_INSTEAD_OF_PERMUTE
from pytest_mlregress.bughunt.checks.reshaping.relative_shift import is_skew
from pytest_mlregress.bughunt.checks.reshaping.row_major import (
    Moved,
    Reordered,
    Shape,
    moved_axes,
    reordered_axes,
    swapped_axes,
)
from pytest_mlregress.bughunt.checks.reshaping.tilings import Tiled, tilings
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding, Severity
from pytest_mlregress.bughunt.recording.function_modes import CallMode
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying import batch_resizing
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.replays import (
    Replay,
    base_batch,
    fastest_replay_seconds,
    other_sizes,
    replay,
    resized,
    shared,
)
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import JOINS, REARRANGEMENTS, RESHAPES, SPLITS
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

Meant = Moved | Tiled | Reordered


# Of the tensors that one replay keeps.
_MOST_BYTES = 2**28


@dataclass(frozen=True)
class Suspect:
    """A recorded reshape with the axis that it seems to move, or the tiles that it seems to cut."""

    call: RecordedCall
    moved: Meant


@check(VIEW_INSTEAD_OF_PERMUTE, cost="replay")
def view_instead_of_permute(context: HuntContext) -> Iterator[Finding]:
    """A reshape regroups elements across an axis that goes on to be used as if it had moved.

    Three witnesses, all needed. The shapes, in a replay whose numbers of examples and positions
    differ from every other size, so that equal sizes mean the same axis: boundaries of the output
    fall inside rows of the input. The elements: one place along the axis draws from several. The
    loss: with the permutation in place of the reshape it is another one. Relative shifts
    (skewing) regroup on purpose: they pad before or undo the regrouping after slicing.
    """
    reported: dict[str | None, Finding] = {}
    for run, severity, suspects in _suspicions(context):
        found = [s for s in suspects if not is_skew(run, s.call)]
        for location in dict.fromkeys(s.call.location for s in found):
            here = [s for s in found if s.call.location == location]
            if location in reported and reported[location].severity == "error":
                continue
            losses = _matters(context, run, found, here)
            if losses is not None:
                reported[location] = _finding(here[0], losses, severity)
    yield from reported.values()


def _suspicions(context: HuntContext) -> Iterator[tuple[Replay, Severity, list[Suspect]]]:
    """Replays, the severity of what they show, and their suspects.

    First the one without equal sizes. Then that with the user's own lengths, for the sake of
    tiles: at an even length the boundaries of a pixel shuffle fit, at an odd one they do not. Last
    the swaps whose boundaries fit, which are no more than a warning.
    """
    run, severity = unmistakable(context)
    known = other_sizes(context)
    yield run, severity, _suspects(run, known)
    lengths = set(_inner_lengths(run))
    swaps = _swaps(run, lengths)
    with contextlib.suppress(CannotTell):
        own, _ = resized(context)
        if own is not run:
            yield own, "error", [s for s in _suspects(own, known) if isinstance(s.moved, Tiled)]
            lines = {s.call.location for s in _swaps(own, set(_inner_lengths(own)))}
            swaps = [s for s in swaps if s.call.location in lines]
    yield run, "warning", swaps


@shared
def unmistakable(context: HuntContext) -> tuple[Replay, Severity]:
    """A replay in which no size is that of another axis, as far as the program can be resized.

    Without another number of examples, sizes may agree by chance: no more than a warning.
    """
    try:
        run, examples = resized(context)
    except CannotTell:
        return replay(context, context.program.fresh_batch()), "warning"
    base, base_examples = base_batch(context)
    batch = run.batch
    for size in batch_resizing.inner_sizes(base, base_examples)[:3]:
        for new in batch_resizing.lengths(size, other_sizes(context) | {examples.count}):
            with contextlib.suppress(CannotTell):
                context.afford(fastest_replay_seconds(context))
                run = replay(
                    context, batch_resizing.with_length(pytrees.fresh(batch), examples, size, new)
                )
                batch = run.batch
                break
    return run, "error"


def _suspects(run: Replay, known: set[int]) -> list[Suspect]:
    """Reshapes of data, and of parameters with an axis whose size is none of the `known` ones.

    Such an axis follows a length that the replay has varied, as a table of relative positions
    does.
    """
    found: list[Suspect] = []
    for call in run.calls:
        if call.name not in RESHAPES or not isinstance(call.output, torch.Tensor):
            continue
        given = inputs(call)
        if not given:
            continue
        varied = set(given[0].shape) - known - {0, 1} and id(given[0]) in run.from_model
        if id(given[0]) not in run.from_data and not varied:
            continue
        after = tuple(call.output.shape)
        moved = moved_axes(tuple(given[0].shape), after)
        if not moved:
            before = _before_merging(run, given[0], call)
            moved = moved_axes(before, after) if before else []
        shapes = tuple(given[0].shape), after
        meant: list[Meant] = [*moved, *tilings(*shapes), *reordered_axes(*shapes)]
        if meant:
            found.append(Suspect(call, meant[0]))
    return found


def _inner_lengths(run: Replay) -> Iterator[int]:
    """The lengths of the batch's tensors beside that of the examples: positions, channels."""
    for tensor in pytrees.tensors(run.batch):
        yield from (size for size in tensor.shape[1:] if size > 1)


def _swaps(run: Replay, lengths: set[int]) -> list[Suspect]:
    """Reshapes that seem to move an axis on boundaries that fit, by chance or for a mistake.

    Height and width, or a length of the batch: heads and features of one position may be regrouped
    at will.
    """
    found: list[Suspect] = []
    for call in run.calls:
        if call.name in RESHAPES and isinstance(call.output, torch.Tensor):
            given = inputs(call)[:1]
            if given and id(given[0]) in run.from_data:
                moved = [
                    one
                    for one in swapped_axes(tuple(given[0].shape), tuple(call.output.shape))
                    if one.width == 2 or one.size in lengths
                ]
                found += [Suspect(call, moved[0])] if moved else []
    return found


def _before_merging(run: Replay, tensor: torch.Tensor, call: RecordedCall) -> Shape | None:
    """The shape of a tensor with its first axis as it was before an earlier reshape merged it.

    Between, rows of that axis may have been worked on (layers on batch and time merged), but not
    reordered.
    """
    rows = tensor.shape[0] if tensor.dim() else 0
    producer = run.provenance.producer(tensor, call)
    while producer is not None:
        split = _undone_split(run, producer)
        if split is not None:
            if inputs(split)[0].shape[0] != rows:
                return None
            producer = run.provenance.producer(inputs(split)[0], split)
            continue
        parts = _joined_parts(producer)
        if parts > 1 and rows % parts == 0:
            return parts, rows // parts, *tensor.shape[1:]
        if producer.name in REARRANGEMENTS:
            return None
        behind = [t for t in inputs(producer) if id(t) in run.from_data]
        if not behind:
            return None
        if producer.name in RESHAPES and behind[0].shape[:1] != (rows,):
            lead = _leading(tuple(behind[0].shape), rows)
            return (*lead, *tensor.shape[1:]) if lead else None
        if not behind[0].dim() or behind[0].shape[0] != rows:
            return None
        producer = run.provenance.producer(behind[0], producer)
    return None


def _undone_split(run: Replay, join: RecordedCall) -> RecordedCall | None:
    """The first call that cut a tensor along its first axis into the parts that a call joins.

    All of them in their order, so that the rows are those of the tensor again; each part may have
    been worked on row by row. None where that is not so.
    """
    if join.name not in JOINS or join.argument(1, "dim", 0) != 0:
        return None
    pieces = [_piece(run, part, join) for part in inputs(join)]
    cuts = [cut for cut in pieces if cut is not None]
    if len(cuts) < len(pieces) or len(cuts) < 2:
        return None
    call, first = cuts[0]
    whole = inputs(call)[0]
    if whole.layout != torch.strided:
        return None
    end = whole.storage_offset()
    for cut, piece in cuts:
        follows = piece.storage_offset() == end and piece.stride() == first.stride()
        if inputs(cut)[0] is not whole or not follows:
            return None
        end += len(piece) * whole.stride(0)
    complete = end == whole.storage_offset() + len(whole) * whole.stride(0)
    return call if complete and first.stride() == whole.stride() else None


def _piece(
    run: Replay, tensor: torch.Tensor, reader: RecordedCall
) -> tuple[RecordedCall, torch.Tensor] | None:
    """The call that cut the rows of a tensor from another one, and what it cut."""
    producer = run.provenance.producer(tensor, reader)
    while producer is not None:
        if producer.name in SPLITS:
            return producer, tensor
        behind = [t for t in inputs(producer) if id(t) in run.from_data]
        if producer.name in REARRANGEMENTS or not behind or not tensor.dim():
            return None
        if behind[0].shape[:1] != tensor.shape[:1]:
            return None
        tensor = behind[0]
        producer = run.provenance.producer(tensor, producer)
    return None


def _joined_parts(call: RecordedCall) -> int:
    """How many tensors of one shape a call joins along their first axis."""
    parts = inputs(call)
    if call.name not in JOINS or call.argument(1, "dim", 0) != 0:
        return 0
    return len(parts) if len({part.shape for part in parts}) == 1 else 0


def _leading(shape: Shape, product: int) -> Shape | None:
    for count in range(2, len(shape) + 1):
        if math.prod(shape[:count]) == product:
            return shape[:count]
    return None


def _matters(
    context: HuntContext, run: Replay, suspects: list[Suspect], here: list[Suspect]
) -> tuple[float, float] | None:
    """(loss, loss with the permutations) if they differ; None if the order makes no difference.

    Predictions and targets that are regrouped alike are as good as permuted: all suspects are
    repaired together first, then those of one line alone.
    """
    together = _repaired_loss(context, run, suspects)
    alone = together if len(here) == len(suspects) else _repaired_loss(context, run, here)
    loss = float(run.loss.detach())
    for other, chosen in ((together, suspects), (alone, here)):
        if (
            other is not None
            and _equal(loss, other)
            and not _differ_in_double(context, run, chosen)
        ):
            return None
    shown = alone if alone is not None else together
    return (loss, shown) if shown is not None else (loss, float("nan"))


def _differ_in_double(context: HuntContext, run: Replay, suspects: list[Suspect]) -> bool:
    """Whether the repair changes the loss in double precision.

    Behind a scale that begins near zero, single precision does not show it. Not looked at where
    a replay takes much memory.
    """
    if sum(t.nbytes for call in run.calls for t in pytrees.tensors(call.output)) > _MOST_BYTES:
        return False
    batch = pytrees.map_tensors(lambda t: t.double() if t.is_floating_point() else t, run.batch)
    with contextlib.suppress(CannotTell):
        modes = None, _repairs(run, suspects)
        one, two = (_double_loss(context, batch, mode) for mode in modes)
        return abs(one - two) > 1e-12 * max(abs(one), abs(two))
    return False


def _double_loss(context: HuntContext, batch: PyTree, mode: TorchFunctionMode | None) -> float:
    loss = replay(context, pytrees.fresh(batch), mode=mode, double=True).loss
    if loss.dtype != torch.float64:
        raise CannotTell("the program computes its loss in single precision")
    return float(loss.detach())


def _repaired_loss(context: HuntContext, run: Replay, suspects: list[Suspect]) -> float | None:
    try:
        mode = _repairs(run, suspects)
        return float(replay(context, pytrees.fresh(run.batch), mode=mode).loss.detach())
    except CannotTell:
        return None


def _repairs(run: Replay, suspects: list[Suspect]) -> _Permute:
    places = {s.call.order: s.moved for s in suspects}
    numbers = [call.order for call in run.calls if call.name in RESHAPES]
    return _Permute({numbers.index(order): moved for order, moved in places.items()})


def _equal(one: float, other: float) -> bool:
    return one == other or abs(one - other) <= 1e-6 * max(abs(one), abs(other))


class _Permute(CallMode):
    """Give back the permutation for chosen reshapes, counted in the order of their calls."""

    def __init__(self, repairs: dict[int, Meant]) -> None:
        super().__init__()
        self.repairs = repairs
        self.count = -1

    def on_call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        output = func(*args, **kwargs)
        if getattr(func, "__name__", "") in RESHAPES:
            self.count += 1
            moved = self.repairs.get(self.count)
            if moved is not None and args[0].numel() == math.prod(moved.shape_in):
                return moved.permuted(args[0])
        return output


def _finding(suspect: Suspect, losses: tuple[float, float], severity: Severity) -> Finding:
    call, moved = suspect.call, suspect.moved
    proven = not isinstance(moved, Tiled) or moved.straddles
    values: dict[str, object] = {}
    if isinstance(moved, Tiled):
        variant = "tiles"
        height, width = moved.tile
        values = {"verb": "join" if moved.joins else "cut", "height": height, "width": width}
        evidence = (
            "rows of the output straddle rows of the input"
            if moved.straddles
            else "what stands for a tile is a strip of full rows"
        )
    elif isinstance(moved, Reordered):
        variant, values = "reordered", {"order": moved.order}
        evidence = f"the sizes are those of permute{moved.order}"
    else:
        variant, values = "", {"axis": moved.before, "becomes": moved.after}
        before, after = moved.strides
        evidence = (
            f"size {moved.size} has stride {before} before and {after} after; place 0 of it draws "
            f"from {moved.mixed()} places"
        )
    return VIEW_INSTEAD_OF_PERMUTE.finding(
        variant,
        severity=severity if proven else "warning",
        module=call.module,
        location=call.location,
        evidence=f"{evidence}; the loss is {losses[0]:.6g}, {losses[1]:.6g} with a permutation",
        call=call.name,
        before=moved.shape_in,
        after=moved.shape_out,
        **values,
    )
