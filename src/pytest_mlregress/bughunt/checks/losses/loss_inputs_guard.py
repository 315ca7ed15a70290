"""Losses that are given the wrong kind of number, while somebody trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch.autograd.graph import Node

from pytest_mlregress.bughunt.catalogue.losses import (
    DOUBLE_SOFTMAX,
    DROPOUT_ON_LOGITS,
    LOGITS_INTO_NLL,
    PROBABILITIES_INTO_NLL,
    RELU_ON_LOGITS,
    SIGMOID_INTO_BCE_WITH_LOGITS,
    SOFTMAX_INTO_CROSS_ENTROPY,
    SWAPPED_LOSS_ARGUMENTS,
    WRONG_SOFTMAX_DIM,
)
from pytest_mlregress.bughunt.checks.losses.squashing import (
    certainty_lost,
    interval,
    is_squashed,
    squashed,
)
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.listening.node_marks import NODE_MARKS, Mark, mark_of, source
from pytest_mlregress.bughunt.recording.attention import is_softmax
from pytest_mlregress.bughunt.torch_api import probabilities
from pytest_mlregress.bughunt.torch_api.loss_functions import EXPECTS
from pytest_mlregress.bughunt.torch_api.operators import (
    ASYMMETRIC_LOSSES,
    CLAMPS,
    CLASS_LOSSES,
    DROPOUTS,
    LOG_SOFTMAX,
    RECTIFIERS,
    SHAPE_OF_ONE,
    SIGMOID,
    SOFTMAX,
)

LOOKS = 2
"""How often the values at one line are looked at."""

_Place = tuple[str, str | None, str]  # a call's name and line, and the call that made its input
_MASS = 0.05


class LossArguments(Detector):
    """Judges what loss functions are given, by value and by the node that made it.

    A finding is reported when every look at the place agrees, so that numbers which happen to lie
    in [0, 1] once are no finding.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._looks: dict[_Place, int] = {}
        self._pending: dict[_Place, set[str]] = {}

    def on_call(self, call: ObservedCall) -> None:
        if call.name not in EXPECTS and call.name not in SOFTMAX | LOG_SOFTMAX:
            return
        given = call.argument(0, "input")
        made = source(given) if isinstance(given, torch.Tensor) else None
        key = call.name, call.location, made.name if made is not None else ""
        seen = self._looks.get(key, 0)
        if seen >= LOOKS:
            return
        found = list(_judge(call))
        if not _trains(call):
            return
        self._looks[key] = seen + 1
        agreed = {f.check for f in found} & self._pending.get(key, {f.check for f in found})
        self._pending[key] = agreed
        if seen + 1 == LOOKS:
            for finding in found:
                if finding.check in agreed:
                    self.progress.report(finding)


def _trains(call: ObservedCall) -> bool:
    return isinstance(call.output, torch.Tensor) and call.output.requires_grad


def _judge(call: ObservedCall) -> Iterator[Finding]:
    if call.name in SOFTMAX | LOG_SOFTMAX:
        yield from _softmax_twice(call)
        return
    given, target = call.argument(0, "input"), call.argument(1, "target")
    if call.name == "ctc_loss":
        given, target = call.argument(0, "log_probs"), call.argument(1, "targets")
    if not isinstance(given, torch.Tensor) or not isinstance(target, torch.Tensor):
        return
    if given.requires_grad:
        yield from _by_kind(call, given)
        yield from _last_act(call, given, target)
    elif target.requires_grad:
        yield from _swapped(call, given, target)


def _by_kind(call: ObservedCall, given: torch.Tensor) -> Iterator[Finding]:
    kind = EXPECTS[call.name]
    axis = _class_axis(call, given)
    node = NODE_MARKS.source(given)
    single = NODE_MARKS.source(given, None, SHAPE_OF_ONE)
    made = None if node is None else mark_of(node)
    by_softmax = is_softmax(NODE_MARKS, node)
    if call.name == "cross_entropy" and (
        by_softmax or probabilities.are_probabilities(given, axis)
    ):
        yield SOFTMAX_INTO_CROSS_ENTROPY.finding(
            location=made.location if made else call.location,
            evidence=f"the input of shape {tuple(given.shape)} "
            + (f"comes from {made.name}" if made and by_softmax else "is in [0, 1] and sums to 1"),
        )
    elif (
        kind == "binary-logits"
        and made is not None
        and made.name in SIGMOID | SOFTMAX
        and (node is single or is_squashed(NODE_MARKS, single))
    ):
        yield SIGMOID_INTO_BCE_WITH_LOGITS.finding(
            location=made.location,
            evidence=f"the input comes from {made.name} and lies in "
            f"[{float(given.detach().min()):.3f}, {float(given.detach().max()):.3f}]",
            loss=call.name,
            squashing=made.name,
        )
    elif kind == "binary-logits" and is_squashed(NODE_MARKS, single):
        yield SIGMOID_INTO_BCE_WITH_LOGITS.finding(
            location=made.location if made else call.location,
            evidence="the input is squashed by hand and lies in "
            f"[{float(given.detach().min()):.3f}, {float(given.detach().max()):.3f}]",
            loss=call.name,
            squashing="squashing",
        )
    elif call.name == "cross_entropy":
        yield from _squashed(call, single, given.shape[axis], axis)
    elif kind == "log-probabilities" and given.shape[axis] > 1:
        yield from _no_log_probabilities(call, given, axis, made)
    if call.name in CLASS_LOSSES and single is not None and NODE_MARKS.name(single) in LOG_SOFTMAX:
        logits = NODE_MARKS.operand(single, 0, SHAPE_OF_ONE)
        yield from _squashed(call, logits, given.shape[axis], axis)


def _squashed(call: ObservedCall, made: Node | None, classes: int, axis: int) -> Iterator[Finding]:
    """Logits that cannot spread far enough for the loss to come near its minimum."""
    low, high = interval(NODE_MARKS, made)
    target = call.argument(1, "target")
    smoothing = float(call.argument(7, "label_smoothing", 0.0)) if "cross" in call.name else 0.0
    lost = certainty_lost(target, classes, axis, smoothing, high - low)
    if lost and made is not None:
        mark = mark_of(made)
        yield squashed(
            call.name,
            NODE_MARKS.name(made),
            high - low,
            lost,
            classes,
            location=call.location if mark is None else mark.location,
        )


def _no_log_probabilities(
    call: ObservedCall, given: torch.Tensor, axis: int, made: Mark | None
) -> Iterator[Finding]:
    mass = probabilities.log_mass(given, axis)
    if call.name == "kl_div" and any(
        size > 1 and abs(probabilities.log_mass(given, other)) <= _MASS
        for other, size in enumerate(given.shape)
    ):
        return
    evidence = f"logsumexp along axis {axis} is {mass:.3f}, it must be 0"
    if probabilities.are_probabilities(given, axis):
        yield PROBABILITIES_INTO_NLL.finding(
            location=made.location if made else call.location, evidence=evidence, loss=call.name
        )
    elif made is not None and made.name in SOFTMAX | LOG_SOFTMAX and abs(mass) > _MASS:
        yield WRONG_SOFTMAX_DIM.finding(
            "loss",
            location=made.location,
            evidence=evidence,
            source=made.name,
            loss=call.name,
            classes=given.shape[axis],
        )
    elif mass > _MASS:
        yield LOGITS_INTO_NLL.finding(location=call.location, evidence=evidence, loss=call.name)


def _last_act(call: ObservedCall, given: torch.Tensor, target: torch.Tensor) -> Iterator[Finding]:
    """Dropout or a rectifier is the last thing that happens to the predictions."""
    made = source(given, LOG_SOFTMAX)
    if made is None:
        return
    zeros = f"{float((given.detach() == 0).double().mean()):.0%} of them are 0"
    if made.name in DROPOUTS:
        yield DROPOUT_ON_LOGITS.finding(location=made.location, evidence=zeros, loss=call.name)
    if made.name not in RECTIFIERS | CLAMPS or not bool((given.detach() >= 0).all()):
        return
    if made.name in CLAMPS and made.numbers != (0.0, None):
        return  # cut at another value, or on both sides
    kind = EXPECTS[call.name]
    if kind == "probabilities" or call.name == "poisson_nll_loss":
        return
    if kind == "values" and not bool((target.detach() < 0).any()):
        return
    yield RELU_ON_LOGITS.finding(
        location=made.location, evidence=zeros, source=made.name, loss=call.name
    )


def _softmax_twice(call: ObservedCall) -> Iterator[Finding]:
    given, axis = call.argument(0, "input"), call.argument(1, "dim")
    if not isinstance(given, torch.Tensor) or not isinstance(axis, int):
        return
    node = NODE_MARKS.source(given)
    made = None if node is None else mark_of(node)
    if made and is_softmax(NODE_MARKS, node) and probabilities.are_probabilities(given, axis):
        yield DOUBLE_SOFTMAX.finding(
            location=call.location,
            evidence=f"the input of shape {tuple(given.shape)} sums to 1 along axis {axis}; "
            f"the first softmax is at {made.location}",
            call=call.name,
        )


def _swapped(call: ObservedCall, given: torch.Tensor, target: torch.Tensor) -> Iterator[Finding]:
    """The target is trained and the input is data; only where the values prove the swap."""
    axis = _class_axis(call, given)
    sure: dict[str, Callable[[], bool]] = {
        "kl_div": lambda: probabilities.log_mass(given, axis) > _MASS,
        "cross_entropy": lambda: not probabilities.are_probabilities(target, axis),
        "binary_cross_entropy": lambda: _is_binary(given),
        "binary_cross_entropy_with_logits": lambda: _is_binary(given),
        "poisson_nll_loss": lambda: True,  # linear in its target: it has no minimum there
    }
    if call.name in ASYMMETRIC_LOSSES and sure[call.name]():
        yield SWAPPED_LOSS_ARGUMENTS.finding(
            location=call.location,
            evidence="the second argument requires grad, the first one does not",
            loss=call.name,
        )


def _is_binary(values: torch.Tensor) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _class_axis(call: ObservedCall, given: torch.Tensor) -> int:
    if call.name in CLASS_LOSSES:
        return 0 if given.dim() == 1 else 1
    return max(given.dim() - 1, 0)
