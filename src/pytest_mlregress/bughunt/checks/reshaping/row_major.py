"""Reshapes as arithmetic on row-major shapes: which of them regroup elements across an axis.

A view keeps the row-major order of the elements. Written as products of neighbouring axes, input
and output fall into minimal groups of equal size. A group with one axis on either side splits or
merges, which is always orderly. A group of several axes on both sides *regroups*: if the
boundaries of the output fall inside rows of the input, each output row mixes pieces of different
input rows. Where in addition an axis of the input shows up again, with its size but another
stride, what was meant is a permutation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Moved:
    """An axis that a reshape seems to move: its place before and after, and its size.

    Or a few neighbouring axes that stay together (height and width): `width` of them.
    """

    shape_in: Shape
    shape_out: Shape
    before: int
    after: int
    width: int = 1

    @property
    def size(self) -> int:
        """Of the axis, or of the neighbours as one."""
        return math.prod(self.axes)

    @property
    def axes(self) -> Shape:
        """The sizes of the axes that move."""
        return self.shape_in[self.before : self.before + self.width]

    @property
    def strides(self) -> tuple[int, int]:
        """In elements of the row-major layout, before and after."""
        before = math.prod(self.shape_in[self.before + self.width :])
        return before, math.prod(self.shape_out[self.after + self.width :])

    @property
    def moves(self) -> bool:
        """Whether the stride changes."""
        return self.strides[0] != self.strides[1]

    @property
    def rest(self) -> tuple[Shape, Shape]:
        """The shapes without the axis."""
        return (
            _without(self.shape_in, self.before, self.width),
            _without(self.shape_out, self.after, self.width),
        )

    def permuted(self, tensor: torch.Tensor) -> torch.Tensor:
        """What was meant: the axis moved, the others split and merged in their order."""
        parts = tensor.reshape(self.shape_in)
        front = tuple(range(self.width))
        places = [tuple(start + k for k in front) for start in (self.before, self.after)]
        moved = parts.movedim(places[0], front).reshape(*self.axes, *self.rest[1])
        return moved.movedim(front, places[1])

    def mixed(self) -> int:
        """From how many places along the axis the first place of the output's axis draws."""
        index = torch.arange(math.prod(self.shape_in))
        place = (index // self.strides[0] % self.size).view(self.shape_out)
        for _ in range(self.width):
            place = place.select(self.after, 0)
        return len(set(place.flatten().tolist()))


@dataclass(frozen=True)
class Reordered:
    """A reshape to the sizes of several axes in another order; `order` is the permutation."""

    shape_in: Shape
    shape_out: Shape
    order: Shape

    def permuted(self, tensor: torch.Tensor) -> torch.Tensor:
        """What was meant."""
        return tensor.reshape(self.shape_in).permute(self.order)


def groups(shape_in: Shape, shape_out: Shape) -> Iterator[tuple[range, range]]:
    """The minimal row-major groups of a reshape, as ranges of axes; sizes of 1 join anywhere."""
    i = j = 0
    while i < len(shape_in) and j < len(shape_out):
        begin_i, begin_j = i, j
        left, right = shape_in[i], shape_out[j]
        i, j = i + 1, j + 1
        while left != right:
            if left < right:
                left *= shape_in[i]
                i += 1
            else:
                right *= shape_out[j]
                j += 1
        yield range(begin_i, i), range(begin_j, j)


def regroups(shape_in: Shape, shape_out: Shape) -> bool:
    """Whether an axis reappears with another stride, on whichever boundaries."""
    return any(
        shape_in[before] == shape_out[after] > 1
        and len(_sizes(shape_in, axes_in)) > 1 < len(_sizes(shape_out, axes_out))
        and Moved(shape_in, shape_out, before, after).moves
        for axes_in, axes_out in groups(shape_in, shape_out)
        for before in axes_in
        for after in axes_out
    )


def moved_axes(shape_in: Shape, shape_out: Shape) -> list[Moved]:
    """The axes that a reshape regroups across although they look the same before and after.

    Empty for splits, merges, and for regrouping on boundaries that fit (stacking neighbouring
    frames), and where the rest of the group does not fall into place without the axis.
    """
    found: list[Moved] = []
    if 0 in shape_in or math.prod(shape_in) != math.prod(shape_out):
        return found
    for axes_in, axes_out in groups(shape_in, shape_out):
        inner, outer = _sizes(shape_in, axes_in), _sizes(shape_out, axes_out)
        if len(inner) < 2 or len(outer) < 2 or fits(inner, outer):
            continue
        for width in (1, 2):
            found += _moved_within(shape_in, shape_out, axes_in, axes_out, width)
    return found


def reordered_axes(shape_in: Shape, shape_out: Shape) -> list[Reordered]:
    """The permutation that would give the sizes of the output.

    Where the boundaries do not fit and no one axis has moved alone: ``(example, place, kind,
    head) → (kind, example, head, place)``.

    Axes of one size keep their order.
    """
    if len(shape_in) != len(shape_out) or sorted(shape_in) != sorted(shape_out):
        return []
    if 0 in shape_in or fits(_sizes(shape_in, range(len(shape_in))), shape_out):
        return []
    places = {size: [a for a, n in enumerate(shape_in) if n == size] for size in shape_in}
    order = tuple(places[size].pop(0) for size in shape_out)
    return [Reordered(shape_in, shape_out, order)]


def swapped_axes(shape_in: Shape, shape_out: Shape) -> list[Moved]:
    """The moves whose boundaries fit, so that the reshape may as well be meant as it is.

    ``(6, 2) → (2, 6)`` may stack three neighbours, ``(heads, time, size) → (time, width)`` as many
    as there are heads. Height and width are looked for beyond their group: 16 channels on a grid
    of 4 x 4 split into the grid's own sizes.
    """
    if 0 in shape_in or math.prod(shape_in) != math.prod(shape_out):
        return []
    regrouping = [
        (axes_in, axes_out)
        for axes_in, axes_out in groups(shape_in, shape_out)
        for inner, outer in [(_sizes(shape_in, axes_in), _sizes(shape_out, axes_out))]
        if len(inner) > 1 and len(outer) > 1 and inner != outer
    ]
    found = [
        moved
        for axes_in, axes_out in regrouping
        for width in (1, 2)
        for moved in _moved_within(shape_in, shape_out, axes_in, axes_out, width)
    ]
    if regrouping and not found:
        inside, outside = range(1, len(shape_in)), range(1, len(shape_out))
        found += _moved_within(shape_in, shape_out, inside, outside, 2)
    return found


def _moved_within(
    shape_in: Shape, shape_out: Shape, axes_in: range, axes_out: range, width: int
) -> Iterator[Moved]:
    """The moves of so many neighbouring axes within one group."""
    for before in axes_in[: len(axes_in) - width + 1]:
        for after in axes_out[: len(axes_out) - width + 1]:
            moved = Moved(shape_in, shape_out, before, after, width)
            if min(moved.axes) < 2 or moved.axes != shape_out[after : after + width]:
                continue
            if moved.moves and fits(*moved.rest):
                yield moved


def _sizes(shape: Shape, axes: range) -> Shape:
    return tuple(shape[axis] for axis in axes if shape[axis] > 1)


def _without(shape: Shape, axis: int, width: int) -> Shape:
    return shape[:axis] + shape[axis + width :]


def fits(inner: Shape, outer: Shape) -> bool:
    """Whether splitting axes and merging neighbours leads from one shape to the other.

    No axis of the result is made of a part of one axis and a part of another.
    """
    before, after = _boundaries(inner), _boundaries(outer)
    bounds = sorted(before | after)
    if any(high % low for low, high in itertools.pairwise(bounds)):
        return False
    edges = sorted(after)
    return not any(
        any(low < bound < high for bound in before) and low not in before and high not in before
        for low, high in itertools.pairwise(edges)
    )


def _boundaries(shape: Shape) -> set[int]:
    return {math.prod(shape[axis:]) for axis in range(len(shape) + 1)}
