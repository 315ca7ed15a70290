"""Views that were meant to be permutations."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import torch

from pytest_mlregress.bughunt.catalogue.reshaping import VIEW_INSTEAD_OF_PERMUTE
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.listening.node_marks import is_shape_node, mark_of
from pytest_mlregress.bughunt.torch_api._private import metadata, node_of
from pytest_mlregress.bughunt.torch_api.operators import JOINS, PADDINGS, SHAPE

SIGHTINGS = 2
MOST_AXES = 5
_KEY = "pytest_mlregress_regrouped"

Axes = tuple[int, ...]


class Reshapes(Detector):
    """A view whose result is, by its shape, what a permutation would give: it mixes instead.

    Only calls of the user's own code count, seen twice, at lines that never regroup axes in a way
    that no permutation explains. The relative shift of attention passes: it pads (or joins on a
    column) first, or a later view regroups what the first has made.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._sightings: dict[str | None, int] = {}
        self._suspects: dict[str | None, Finding] = {}
        self._cleared: set[str | None] = set()

    def on_call(self, call: ObservedCall) -> None:
        if call.name not in ("view", "reshape") or not call.direct:
            return
        given, made = call.argument(0, "input"), call.output
        if not isinstance(given, torch.Tensor) or not isinstance(made, torch.Tensor):
            return
        runs = regrouped(tuple(given.shape), tuple(made.shape))
        if not runs:
            return
        names, lines = _shape_history(given)
        self._cleared.update(lines)
        node = node_of(made)
        if node is not None:
            metadata(node)[_KEY] = call.location
        permuted = next((run for run in runs if is_permuted(*run)), None)
        if permuted is None or _is_shift(permuted[0], names):
            self._cleared.add(call.location)
            return
        self._suspects.setdefault(call.location, _finding(call, given, made, permuted))
        self._sightings[call.location] = self._sightings.get(call.location, 0) + 1

    def finish(self) -> None:
        for location, finding in self._suspects.items():
            if self._sightings[location] >= SIGHTINGS and location not in self._cleared:
                self.progress.report(finding)


@functools.cache
def regrouped(before: Axes, after: Axes) -> tuple[tuple[Axes, Axes], ...]:
    """The runs of axes that a view from `before` to `after` neither merely splits nor merges.

    Shapes are cut into the smallest runs of equal product; splits and merges have one axis on one
    side. Axes of size 1 are left out.
    """
    left = [n for n in before if n != 1]
    right = [n for n in after if n != 1]
    runs: list[tuple[Axes, Axes]] = []
    while left and right:
        i = j = 1
        while math.prod(left[:i]) != math.prod(right[:j]):
            if math.prod(left[:i]) < math.prod(right[:j]):
                i += 1
            else:
                j += 1
            if i > len(left) or j > len(right):
                return tuple(runs)
        if i > 1 and j > 1:
            runs.append((tuple(left[:i]), tuple(right[:j])))
        left, right = left[i:], right[j:]
    return tuple(runs)


@functools.cache
def is_permuted(left: Axes, right: Axes) -> bool:
    """Whether a permutation of the longer run, then merging neighbours, gives the other's sizes.

    Splitting heads as (time, width) -> (heads, time, size), or joining them the other way round.
    Runs of one length must hold the same sizes.
    """
    if len(left) == len(right):
        return sorted(left) == sorted(right)
    short, long = sorted((left, right), key=len)
    if len(long) > MOST_AXES:
        return False
    return any(_merges_into(order, short) for order in itertools.permutations(long))


def _merges_into(long: Sequence[int], short: Sequence[int]) -> bool:
    """Whether neighbours of `long` can be multiplied so that `short` remains."""
    rest = list(long)
    for size in short:
        product = 1
        while rest and product < size:
            product *= rest.pop(0)
        if product != size:
            return False
    return not rest


def _is_shift(sizes: Axes, history: frozenset[str]) -> bool:
    """Whether a swap skews rows on purpose: after padding, or after a column was joined on."""
    joined = not history.isdisjoint(JOINS) and max(sizes) - min(sizes) <= 1
    return joined or not history.isdisjoint(PADDINGS)


def _shape_history(tensor: torch.Tensor) -> tuple[frozenset[str], set[str | None]]:
    """Names of the reshaping calls behind a tensor, and the lines of those that regrouped axes.

    The call before them is named too.
    """
    names, lines = set(), set()
    node = node_of(tensor)
    while node is not None:
        made = mark_of(node)
        if made is not None:
            names.add(made.name)
        if _KEY in metadata(node):
            lines.add(metadata(node)[_KEY])
        if not (made.name in SHAPE if made is not None else is_shape_node(node)):
            break
        node = node.next_functions[0][0] if node.next_functions else None
    return frozenset(names), lines


def _finding(
    call: ObservedCall, given: torch.Tensor, made: torch.Tensor, run: tuple[Axes, Axes]
) -> Finding:
    return VIEW_INSTEAD_OF_PERMUTE.finding(
        "in training",
        location=call.location,
        evidence=f"{tuple(given.shape)} becomes {tuple(made.shape)}: the axes of sizes {run[0]} "
        f"are read as {run[1]}, at every step",
        call=call.name,
    )
