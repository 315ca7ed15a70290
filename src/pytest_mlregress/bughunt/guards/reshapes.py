"""Views that were meant to be permutations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.guards.detector import Detector, Heard, Progress
from pytest_mlregress.bughunt.guards.marks import source

SIGHTINGS = 2


class Reshapes(Detector):
    """A view whose result has the same axes in another order: it mixes what it should only move.

    Only calls of the user's own code that swap whole axes of different size count, seen twice;
    the relative shift of attention (a swap of T and T + 1 after padding, or one that a later view
    undoes) passes.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._sightings: dict[str | None, int] = {}
        self._swaps: dict[tuple[tuple[int, ...], tuple[int, ...]], Finding] = {}

    def heard(self, call: Heard) -> None:
        if call.name not in ("view", "reshape") or not call.direct:
            return
        given, made = call.argument(0, "input"), call.output
        if not isinstance(given, torch.Tensor) or not isinstance(made, torch.Tensor):
            return
        before, after = tuple(given.shape), tuple(made.shape)
        if (after, before) in self._swaps:
            self._sightings[self._swaps[after, before].location] = -SIGHTINGS  # it is undone
        swapped = next(swaps(before, after), None)
        if swapped is None or _is_shift(swapped) or _was_padded(given):
            return
        finding = _finding(call, before, after, swapped)
        self._swaps[before, after] = finding
        seen = self._sightings.get(call.location, 0) + 1
        self._sightings[call.location] = seen

    def finish(self) -> None:
        for finding in self._swaps.values():
            if self._sightings.get(finding.location, 0) >= SIGHTINGS:
                self.progress.report(finding)


def swaps(before: Sequence[int], after: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The runs of axes that a view from `before` to `after` shows in another order.

    Shapes are cut into the smallest runs of equal product; splits and merges have one axis on one
    side. Axes of size 1 are left out.
    """
    left = [n for n in before if n != 1]
    right = [n for n in after if n != 1]
    while left and right:
        i = j = 1
        while math.prod(left[:i]) != math.prod(right[:j]):
            if math.prod(left[:i]) < math.prod(right[:j]):
                i += 1
            else:
                j += 1
            if i > len(left) or j > len(right):
                return
        run, other = tuple(left[:i]), tuple(right[:j])
        if i > 1 and j > 1 and sorted(run) == sorted(other):
            yield run
        left, right = left[i:], right[j:]


def _is_shift(sizes: tuple[int, ...]) -> bool:
    return max(sizes) - min(sizes) <= 1


def _was_padded(tensor: torch.Tensor) -> bool:
    made = source(tensor)
    return made is not None and made.name in ("pad", "constant_pad_nd")


def _finding(
    call: Heard, before: tuple[int, ...], after: tuple[int, ...], swapped: tuple[int, ...]
) -> Finding:
    return Finding(
        check="view-instead-of-permute",
        severity="warning",
        message=f"{call.name} changes the order of axes, which mixes their elements",
        location=call.location,
        evidence=f"{before} becomes {after}: the axes of sizes {swapped} are read in another "
        f"order, at every step",
        fix="use permute or transpose to move axes",
    )
