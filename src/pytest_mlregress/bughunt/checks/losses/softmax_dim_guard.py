"""Attention weights that are averaged along another axis than their softmax ran along."""

from __future__ import annotations

import torch
from torch.autograd.graph import Node

from pytest_mlregress.bughunt.catalogue.losses import WRONG_SOFTMAX_DIM
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.listening.node_marks import NODE_MARKS, mark_of
from pytest_mlregress.bughunt.recording.attention import (
    contracted,
    is_attention,
    softmax_behind,
)
from pytest_mlregress.bughunt.torch_api._private import saved
from pytest_mlregress.bughunt.torch_api.operators import DROPOUTS, MATRIX_PRODUCTS

SIGHTINGS = 2
TOLERANCE = 0.05


class SoftmaxAxes(Detector):
    """At the product that averages values, the weights must sum to one along the averaged axis.

    Only scores that are themselves a product of two activations count: what a layer scores (soft
    assignments, pooling) is normalised over another axis on purpose.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._sightings: dict[str | None, int] = {}

    def on_call(self, call: ObservedCall) -> None:
        if call.name not in MATRIX_PRODUCTS or not call.direct:
            return
        for operand, axis in contracted(call):
            softmax = softmax_behind(NODE_MARKS, operand)
            weights = None if softmax is None else _before_dropout(operand, softmax)
            if softmax is None or weights is None or not is_attention(NODE_MARKS, softmax):
                continue
            sums = weights.detach().sum(axis)
            if not bool(sums.isfinite().all()) or bool(((sums - 1).abs() < TOLERANCE).all()):
                continue
            mark = mark_of(softmax)
            location = None if mark is None else mark.location
            seen = self._sightings[location] = self._sightings.get(location, 0) + 1
            if seen == SIGHTINGS:
                self.progress.report(_finding(location, operand, sums))


def _before_dropout(operand: torch.Tensor, softmax: Node) -> torch.Tensor | None:
    """The weights that were averaged, without dropout; None where that cannot be told."""
    result = saved(softmax, "_saved_result")
    if result is not None and result.numel() != operand.numel():
        return None  # a part of the weights: sinks, global and local keys, blocks
    if NODE_MARKS.source(operand) is softmax:
        return operand
    return result if NODE_MARKS.source(operand, None, DROPOUTS) is softmax else None


def _finding(location: str | None, weights: torch.Tensor, sums: torch.Tensor) -> Finding:
    return WRONG_SOFTMAX_DIM.finding(
        location=location,
        evidence=f"softmax of shape {tuple(weights.shape)} sums to {float(sums.min()):.3f} … "
        f"{float(sums.max()):.3f} along the averaged axis",
    )
