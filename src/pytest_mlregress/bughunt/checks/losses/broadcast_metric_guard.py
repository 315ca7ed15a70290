"""Metrics in which predictions and targets are broadcast against each other."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.losses import BROADCAST_METRIC
from pytest_mlregress.bughunt.checks.losses.broadcast_loss_guard import grows, together
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import EQUALITIES, SUBTRACTIONS

ENOUGH = 2
MOST_TENSORS = 4096


class Metrics(Detector):
    """(N, 1) against (N,) in an evaluation: each prediction is compared with every target.

    One operand must stem from the model's output and the other must not: comparing predictions
    with each other, or labels with each other (pairs, contrastive masks), passes. What stems from
    the output is followed through the calls of the user's code, outside of modules and without
    gradients.
    """

    tireless = True

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._predicted: dict[int, weakref.ref[torch.Tensor]] = {}
        self._sightings: dict[str | None, int] = {}

    def left(self, module: nn.Module, output: Any, given: Any) -> None:
        if torch.is_grad_enabled():
            return
        self._predicted.clear()
        self._note(output)

    def followed(self, arguments: Any, keywords: Any, output: Any) -> None:
        if self._predicted and any(map(self._is_predicted, _tensors(arguments, keywords))):
            self._note(output)

    def on_call(self, call: ObservedCall) -> None:
        if call.name not in SUBTRACTIONS | EQUALITIES or torch.is_grad_enabled():
            return
        pair = call.argument(0, "input"), call.argument(1, "other")
        if self.progress.running or not all(isinstance(t, torch.Tensor) for t in pair):
            return
        one, other = pair
        if self._is_predicted(one) == self._is_predicted(other):
            return
        if one.dim() == other.dim() or one.numel() != other.numel() or not grows(one, other):
            return
        seen = self._sightings[call.location] = self._sightings.get(call.location, 0) + 1
        if seen == ENOUGH:
            self.progress.report(_finding(call, one, other))

    def _note(self, output: Any) -> None:
        for tensor in pytrees.tensors(output):
            if len(self._predicted) < MOST_TENSORS:
                self._predicted[id(tensor)] = weakref.ref(tensor)

    def _is_predicted(self, tensor: torch.Tensor) -> bool:
        known = self._predicted.get(id(tensor))
        return known is not None and known() is tensor


def _tensors(arguments: Any, keywords: Any) -> Iterator[torch.Tensor]:
    for value in (*arguments, *keywords.values()):
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from (each for each in value if isinstance(each, torch.Tensor))


def _finding(call: ObservedCall, one: torch.Tensor, other: torch.Tensor) -> Finding:
    return BROADCAST_METRIC.finding(
        "in training",
        location=call.location,
        evidence=f"{tuple(one.shape)} and {tuple(other.shape)} make {together(one, other)}",
    )
