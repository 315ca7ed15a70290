"""Autograd graphs that get longer with every step, or that are never released."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd.graph import Node
from torch.optim import Optimizer

from pytest_mlregress.bughunt.catalogue.gradients import GRAPH_GROWTH
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.torch_api._private import metadata

ENOUGH = 4
LATER = 12
_KEY = "pytest_mlregress_sentinel"


class _Sentinel:
    """Lives exactly as long as the graph node that holds it."""

    __slots__ = ("__weakref__",)


class Growth(Detector):
    """The graph behind the loss grows, or the graphs of the first steps still exist.

    It grows by the same amount in each of the first steps, or the graphs exist `LATER` on,
    wholly or in part: a hidden state that is kept holds what came before it, not the loss.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._sizes: list[int] = []
        self._now = 0
        self._line: str | None = None
        self._kept: list[list[weakref.ref[_Sentinel]]] = []
        self._new: list[weakref.ref[_Sentinel]] = []
        self._outlived = False

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        if not self.progress.initial:
            return
        self._line = self._line or location
        graph = self.progress.graph(roots)
        self._now += graph.nodes
        self._new += map(_watched, graph.first)
        for root in roots:
            if root.grad_fn is not None:
                self._new.append(_watched(root.grad_fn))

    def stepped(self, optimizer: Optimizer, location: str | None) -> None:
        if self.progress.initial and self._now:
            self._sizes.append(self._now)
            self._kept.append(self._new)
            self._now, self._new = 0, []
        if self.progress.steps >= LATER and not self._outlived:
            self._outlived = self._are_kept()

    def finish(self) -> None:
        growth = {later - earlier for earlier, later in itertools.pairwise(self._sizes)}
        grows = len(self._sizes) >= ENOUGH and len(growth) == 1 and min(growth) > 0
        if not grows and not self._outlived:
            return
        evidence = f"graph nodes of the first steps: {', '.join(map(str, self._sizes))}"
        if self._outlived:
            evidence += f"; the graphs of {len(self._kept)} of them still exist after {LATER} steps"
        self.progress.report(
            GRAPH_GROWTH.finding(
                severity="error" if self._outlived else "warning",
                location=self._line,
                evidence=evidence,
            )
        )

    def _are_kept(self) -> bool:
        def alive() -> bool:
            return len(self._kept) >= 3 and all(
                any(ref() is not None for ref in step) for step in self._kept
            )

        if alive():
            gc.collect()  # a cycle may hold an unused graph
        return alive()


def _watched(node: Node) -> weakref.ref[Any]:
    sentinel = _Sentinel()
    metadata(node)[_KEY] = sentinel
    return weakref.ref(sentinel)
