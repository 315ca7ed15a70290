"""Logits that are squashed before a cross-entropy, so that its softmax can never become certain."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from functools import partial

from torch import nn

from pytest_mlregress.bughunt.catalogue.losses import SOFTMAX_INTO_CROSS_ENTROPY
from pytest_mlregress.bughunt.checks.losses.loss_inputs import line_of
from pytest_mlregress.bughunt.checks.losses.squashing import (
    certainty_lost,
    interval,
    squashed,
)
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.attention import is_softmax
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.loss_calls import LossCall, loss_calls
from pytest_mlregress.bughunt.replaying.output_range import saturated_spread
from pytest_mlregress.bughunt.replaying.replays import fastest_replay_seconds
from pytest_mlregress.bughunt.torch_api import probabilities
from pytest_mlregress.bughunt.torch_api.operators import (
    CLASS_LOSSES,
    LOG_SOFTMAX,
    SHAPE_OF_ONE,
)


@check(SOFTMAX_INTO_CROSS_ENTROPY, cost="replay")
def bounded_logits(context: HuntContext) -> Iterator[Finding]:
    """The logits cannot spread far enough for the loss to come near its minimum.

    Judged by the loss that is attainable with logits in such an interval, and with the targets
    as they are: soft ones ask for less. The interval follows from the formula, or else from what
    the logits become when the last layer is extreme.
    """
    for loss in loss_calls(context):
        logits = _logits(loss)
        if logits is None or not logits.input.requires_grad or not logits.input.dim():
            continue
        source = logits.provenance.source(logits.input, logits.call, SHAPE_OF_ONE)
        if _is_softmax(logits, source):
            continue  # reported as such
        lost = partial(_lost, loss, logits)
        low, high = interval(logits.provenance, source)
        spread = high - low
        if math.isinf(spread) and source is not None and not _ends_in_layer(source):
            spread = _spread_of_extremes(context, logits, lost)
        if lost(spread):
            yield squashed(
                loss.name,
                "" if source is None else source.name,
                spread,
                lost(spread),
                logits.input.shape[_class_axis(logits)],
                module=None if source is None else source.module,
                location=loss.call.location if source is None else line_of(context, source),
            )


def _logits(loss: LossCall) -> LossCall | None:
    """What the softmax of a loss is taken of, by the call that takes it."""
    if loss.name not in CLASS_LOSSES:
        return None
    normalising = loss.provenance.source(loss.input, loss.call)
    if normalising is not None and normalising.name in LOG_SOFTMAX:
        return dataclasses.replace(loss, call=normalising, input=inputs(normalising)[0])
    return loss if loss.name == "cross_entropy" else None


def _class_axis(logits: LossCall) -> int:
    axis = logits.call.argument(1, "dim") if logits.name in LOG_SOFTMAX else logits.class_axis
    return axis if isinstance(axis, int) else -1


def _is_softmax(logits: LossCall, source: RecordedCall | None) -> bool:
    return is_softmax(logits.provenance, source) or probabilities.are_probabilities(
        logits.input, _class_axis(logits)
    )


def _lost(loss: LossCall, logits: LossCall, spread: float) -> float:
    axis = _class_axis(logits)
    smoothing = loss.call.argument(7, "label_smoothing", 0.0)
    return certainty_lost(loss.target, logits.input.shape[axis], axis, float(smoothing), spread)


def _ends_in_layer(source: RecordedCall) -> bool:
    """Whether parameters make the logits directly, with nothing after them that could squash."""
    return any(isinstance(t, nn.Parameter) for t in inputs(source))


def _spread_of_extremes(
    context: HuntContext, logits: LossCall, lost: Callable[[float], float]
) -> float:
    values = logits.input.detach()
    if logits.call.phase != "loss" or not lost(float(values.max() - values.min())):
        return math.inf
    context.afford(fastest_replay_seconds(context))
    try:
        return saturated_spread(context, logits, lambda spread: not lost(spread))
    except CannotTell:
        return math.inf
