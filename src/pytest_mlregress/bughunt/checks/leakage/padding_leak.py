"""Padding that reaches what is not padded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pytest_mlregress.bughunt.catalogue.leakage import PADDING_LEAK
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.changed_rows import changed
from pytest_mlregress.bughunt.recording.prediction_target_pairs import find_pairs
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.batch_resizing import Examples
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.replays import (
    Replay,
    fastest_replay_seconds,
    replay,
    resized,
)
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import MASK_TESTS, NEIGHBOURHOODS, SHAPE
from pytest_mlregress.bughunt.torch_api.pytrees import Path, PyTree

# So many positions a neighbourhood written by hand reaches to either side.
_NEAR = 2


@dataclass(frozen=True)
class Padding:
    """What the batch says about its own padding.

    Attributes:
        said_by: path of the mask or of the lengths.
        valid: (examples, positions), bool.
        content: paths of the padded tensors, of shape (examples, positions, …).
    """

    said_by: Path
    valid: torch.Tensor
    content: list[Path]


@check(PADDING_LEAK, cost="replay")
def padding_leak(context: HuntContext) -> Iterator[Finding]:
    """What stands under mask 0 is changed, and valid outputs or the loss change with it.

    Only where the batch says what is padding, by a mask or by lengths, and the padded content
    agrees (one value throughout). A second witness: the same examples with one column of padding
    less give other outputs. Where the program reads its mask from the content, that content is
    not padding any more once it is changed, and nothing can be told.
    """
    base, examples = resized(context)
    padding = _padding(base.batch, examples)
    for path in padding.content:
        context.afford(2 * fastest_replay_seconds(context))
        other = replay(context, _overwritten(base.batch, padding, path))
        leak = _leak(base, other, padding)
        if leak is None:
            continue
        if _reads_mask_from(base, path) and not _trimming_matters(context, base, examples, padding):
            continue
        if _blurs(base, leak[1]) or _is_next_to_padding(base, other, padding, leak[1]):
            raise CannotTell(
                "a convolution or pooling runs over the padding, which may be intended"
            )
        yield _finding(padding, path, base, *leak)
        return


def _blurs(base: Replay, entry: RecordedCall | None) -> bool:
    """Whether padding may have come in through a neighbourhood: no mask could keep it out."""
    end = entry.order if entry is not None else float("inf")
    return any(
        call.order <= end and id(tensor) in base.from_data
        for call in base.calls
        if any(part in call.name for part in NEIGHBOURHOODS)
        for tensor in inputs(call)[:1]
    )


def _is_next_to_padding(
    base: Replay, other: Replay, padding: Padding, entry: RecordedCall | None
) -> bool:
    """Whether padding came in through a neighbourhood written by hand, as shifted copies.

    Then, where it came in, it moved no valid positions but those right beside it.
    """
    counterpart = next(
        (c for c in other.calls if entry is not None and c.order == entry.order), None
    )
    if entry is None or counterpart is None:
        return False
    count, length = padding.valid.shape
    near = _beside(~padding.valid) & padding.valid
    seen = False
    for one, two in zip(
        pytrees.tensors(entry.output), pytrees.tensors(counterpart.output), strict=False
    ):
        if one.shape != two.shape or one.shape[:2] != (count, length):
            return False
        moved = changed(one, two).reshape(count, length, -1).any(-1) & padding.valid
        if bool((moved & ~near).any()):
            return False
        seen = seen or bool(moved.any())
    return seen and bool((padding.valid & ~near).any())


def _beside(places: torch.Tensor) -> torch.Tensor:
    """Which positions lie within `_NEAR` of a marked one."""
    found = places.clone()
    for shift in range(1, _NEAR + 1):
        found[:, shift:] |= places[:, :-shift]
        found[:, :-shift] |= places[:, shift:]
    return found


def _padding(batch: PyTree, examples: Examples) -> Padding:
    rows = dict(examples.rows(batch))
    for path, tensor in rows.items():
        valid = _as_mask(tensor)
        if valid is None:
            continue
        content = [
            other
            for other, values in rows.items()
            if other != path and examples.axes[other] == 0 and _is_padded(values, valid)
        ]
        if content:
            return Padding(path, valid, content)
    for path, tensor in rows.items():
        if tensor.dim() != 1 or tensor.is_floating_point() or tensor.dtype == torch.bool:
            continue
        for other, values in rows.items():
            if values.dim() < 2 or not 1 <= int(tensor.min()) <= int(tensor.max()):
                continue
            valid = torch.arange(values.shape[1]) < tensor[:, None]
            if examples.axes[other] == 0 and _is_padded(values, valid) and _ends(values, tensor):
                return Padding(path, valid, [other])
    raise CannotTell("the batch has no mask and no lengths that fit a padded tensor")


def _as_mask(tensor: torch.Tensor) -> torch.Tensor | None:
    """A mask of 1s and then 0s in each row (or 0s and then 1s); the reverse where 0 is first."""
    if tensor.dim() != 2 or tensor.shape[1] < 3 or not bool(((tensor == 0) | (tensor == 1)).all()):
        return None
    mask = tensor.bool()
    for valid in (mask, ~mask):
        steps = valid[:, 1:].int() - valid[:, :-1].int()
        one_sided = bool((steps <= 0).all()) or bool((steps >= 0).all())
        aligned = bool(valid[:, 0].all()) or bool(valid[:, -1].all())
        if one_sided and aligned and not bool(valid.all()):
            return valid
    return None


def _is_padded(values: torch.Tensor, valid: torch.Tensor) -> bool:
    """Whether a tensor holds one value throughout its padding, one that may be overwritten."""
    if values.dim() < 2 or values.shape[:2] != valid.shape or values.dtype == torch.bool:
        return False
    padded, content = values[~valid], values[valid]
    if not len(padded) or bool((padded != padded.flatten()[0]).any()):
        return False
    return bool((content != padded.flatten()[0]).double().mean() > 0.5) and not bool(
        (padded < 0).any()
    )


def _ends(values: torch.Tensor, lengths: torch.Tensor) -> bool:
    """Whether content begins right where the lengths say, in every padded row."""
    last = values.flatten(2).any(-1) if values.dim() > 2 else values != 0
    counted = torch.tensor([int(row.nonzero().max()) + 1 if row.any() else 0 for row in last])
    return bool((counted == lengths).double().mean() > 0.9) and int(counted.min()) < last.shape[1]


def _overwritten(batch: PyTree, padding: Padding, path: Path) -> PyTree:
    """The batch with content of other places under the mask of one tensor."""
    batch = pytrees.fresh(batch)
    values = dict(pytrees.leaves(batch))[path]
    content = values[padding.valid]
    index = (torch.arange(int((~padding.valid).sum())) * 7 + 3) % len(content)
    changed_values = values.clone()
    changed_values[~padding.valid] = content[index]
    return pytrees.replace(batch, path, changed_values)


def _leak(base: Replay, other: Replay, padding: Padding) -> tuple[str, RecordedCall | None] | None:
    """(what moved, the call where the padding got through); None if nothing valid moved."""
    outputs = zip(base.outputs, other.outputs, strict=False)
    for one, two in _behind_the_loss(base, list(outputs)):
        if one.shape == two.shape and _valid_moved(one, two, padding.valid):
            return f"valid entries of the output of shape {tuple(one.shape)}", _entry(
                base, other, padding
            )
    targets = [m.target for m in find_pairs(base.calls, base.from_model, base.from_data)]
    after = [m.target for m in find_pairs(other.calls, other.from_model, other.from_data)]
    same = len(targets) == len(after) and all(map(torch.equal, targets, after))
    if same and targets and bool(changed(base.loss, other.loss)):
        met = find_pairs(base.calls, base.from_model, base.from_data)[0].call
        return f"the loss, from {float(base.loss):.6g} to {float(other.loss):.6g},", met
    return None


def _behind_the_loss(
    base: Replay, outputs: list[tuple[torch.Tensor, torch.Tensor]]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The outputs that the loss is made from, or all if none is.

    Others may be states to go on from, which have to hold all that was read.
    """
    used = {id(tensor) for call in base.provenance.behind(base.loss) for tensor in inputs(call)}
    return [pair for pair in outputs if id(pair[0]) in used] or outputs


def _valid_moved(one: torch.Tensor, other: torch.Tensor, valid: torch.Tensor) -> bool:
    """Whether entries moved that belong to no padded position along any axis of positions."""
    count, length = valid.shape
    if one.dim() == 0 or one.shape[0] != count:
        return False
    moved = changed(one, other)
    for axis in range(1, one.dim()):
        known = valid if one.shape[axis] == length else _stacked(one, axis, valid)
        if known is not None:
            shape = [count, *[1] * (one.dim() - 1)]
            shape[axis] = one.shape[axis]
            moved = moved & known.view(shape)
    return bool(moved.any())


def _stacked(output: torch.Tensor, axis: int, valid: torch.Tensor) -> torch.Tensor | None:
    """Which places of an axis hold valid positions only.

    A place may hold several, as stacked frames do. None for an axis that cannot, or beside one
    of all positions.
    """
    count, length = valid.shape
    places = output.shape[axis]
    if output.dim() < 3 or axis != 1 or places < 2 or length % places or length in output.shape:
        return None
    return valid.view(count, places, length // places).all(-1)


def _entry(base: Replay, other: Replay, padding: Padding) -> RecordedCall | None:
    """The first call through which padding reached something valid; before a softmax, its input.

    A softmax is where unmasked scores do their harm; the mistake is at what it was given.
    """
    length = padding.valid.shape[1]
    for call, counterpart in zip(base.calls, other.calls, strict=False):
        if call.name in SHAPE:  # moves elements, and none of them to another position
            continue
        pairs = zip(pytrees.tensors(call.output), pytrees.tensors(counterpart.output), strict=False)
        for one, two in pairs:
            if one.shape != two.shape or length in one.shape[:1]:
                continue
            writer = base.provenance.producer(one)
            if writer is not None and writer is not call and writer.name.endswith("_"):
                continue  # what it holds now is what a later call wrote into it
            if _valid_moved(one, two, padding.valid):
                if "softmax" in call.name:
                    return base.provenance.producer(inputs(call)[0], call) or call
                return call
    return None


def _reads_mask_from(base: Replay, path: Path) -> bool:
    """Whether the program compares the content or a part of it, as in ``ids != 0``."""
    content = dict(pytrees.leaves(base.batch))[path]
    return any(
        call.name in MASK_TESTS and base.provenance.origin(inputs(call)[0], call) is content
        for call in base.calls
        if inputs(call)
    )


def _trimming_matters(
    context: HuntContext, base: Replay, examples: Examples, padding: Padding
) -> bool:
    """Whether the outputs of examples that are padded anyway change with a column less."""
    column = -1 if bool(padding.valid[:, 0].all()) else 0
    padded = (~padding.valid[:, column]).nonzero().flatten()
    if len(padded) < 1:
        return False
    length = padding.valid.shape[1]
    batch = examples.select(pytrees.fresh(base.batch), padded)
    try:
        whole = replay(context, pytrees.fresh(batch))
        cut = replay(context, _cut(batch, length, first=column == 0))
    except CannotTell:
        return False
    return any(
        one.shape == two.shape and bool(changed(one, two).any())
        for one, two in zip(whole.outputs, cut.outputs, strict=False)
    )


def _cut(batch: PyTree, length: int, *, first: bool) -> PyTree:
    def cut(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dim() < 2 or tensor.shape[1] != length:
            return tensor
        return tensor[:, 1:] if first else tensor[:, :-1]

    return pytrees.map_tensors(cut, batch)


def _finding(
    padding: Padding, path: Path, base: Replay, what: str, where: RecordedCall | None
) -> Finding:
    content, mask = (_entry_name(p) for p in (path, padding.said_by))
    return PADDING_LEAK.finding(
        module=where.module if where is not None else None,
        location=where.location if where is not None else None,
        evidence=f"with other values there, {what} moved; {int((~padding.valid).sum())} of "
        f"{padding.valid.numel()} positions are padding",
        content=content,
        mask=mask,
    )


def _entry_name(path: Path) -> str:
    return "batch" + "".join(f"[{key!r}]" for key in path)
