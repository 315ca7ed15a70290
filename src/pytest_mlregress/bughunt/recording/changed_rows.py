"""What a change of one example moved, and whether it moved anything of another."""

from __future__ import annotations

from collections.abc import Callable

import torch

from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.torch_api import pytrees

TOLERANCE = 1e-5


def changed(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Which entries differ (bool, the shape of both): by more than 1e-5 of the largest."""
    one, other = (t.detach() if t.layout == torch.strided else t.to_dense() for t in (one, other))
    if not one.is_floating_point() and not one.is_complex():
        return one != other
    finite = one.isfinite() & other.isfinite()
    scale = torch.where(one.isfinite(), one.abs(), 0).max() if one.numel() else one.new_zeros(())
    gap = (one - other).abs() > TOLERANCE * scale + 1e-12
    different = torch.where(finite, gap, one != other)
    return different & ~(one.isnan() & other.isnan())


def changes_outside(
    one: torch.Tensor, other: torch.Tensor, count: int, example: int
) -> torch.Tensor | None:
    """Entries that changed although they do not lie at the changed example (bool).

    An axis of `count` examples, or of a multiple (examples merged with positions or heads, in
    either order), allows change at the example's place. None without such an axis.
    """
    if one.shape != other.shape:
        return None
    moved = changed(one, other)
    found = False
    for axis, length in enumerate(one.shape):
        if length == 0 or length % count:
            continue
        found = True
        index = torch.arange(length)
        mine = (index // (length // count) == example) | (index % count == example)
        shape = [1] * one.dim()
        shape[axis] = length
        moved = moved & ~mine.view(shape)
    return moved if found else None


def first_leaking_call(
    calls: list[RecordedCall],
    others: list[RecordedCall],
    count: int,
    example: int,
    passed: Callable[[RecordedCall], bool] = lambda call: False,
) -> tuple[RecordedCall, torch.Tensor] | None:
    """The first call at which the change of one example reached another, with what it gave.

    Calls that `passed` is true of are passed over.
    """
    for call, counterpart in zip(calls, others, strict=False):
        if call.name != counterpart.name:
            return None
        if passed(call):
            continue
        pairs = zip(pytrees.tensors(call.output), pytrees.tensors(counterpart.output), strict=False)
        for one, other in pairs:
            if one.shape != other.shape:
                return None
            outside = changes_outside(one, other, count, example)
            if outside is not None and bool(outside.any()):
                return call, one
    return None
