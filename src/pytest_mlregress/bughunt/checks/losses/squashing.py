"""Which values a formula can have at all: what has been squashed into an interval."""

from __future__ import annotations

import math
from typing import Final

import torch

from pytest_mlregress.bughunt.catalogue.losses import SOFTMAX_INTO_CROSS_ENTROPY
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.tensor_origins import Made, TensorOrigins
from pytest_mlregress.bughunt.torch_api import probabilities
from pytest_mlregress.bughunt.torch_api.operators import (
    ADDITIONS,
    CLAMPS,
    DIVISIONS,
    EXPONENTIALS,
    HARD_TANHS,
    MATRIX_PRODUCTS,
    MERGES,
    MULTIPLICATIONS,
    NEGATIONS,
    NORMS,
    RANGES,
    RECIPROCALS,
    SHAPE_OF_ONE,
    SUBTRACTIONS,
)

Interval = tuple[float, float]
ANY: Final[Interval] = (-math.inf, math.inf)
DEEPEST: Final = 8
"""How many calls a formula may consist of."""

LOST: Final = 1 / 8
"""Of what a uniform guess costs: logits that keep the loss so far up are too tightly bounded."""


def interval(origins: TensorOrigins[Made], made: Made | None, depth: int = DEEPEST) -> Interval:
    """The smallest and largest value that a formula allows, whatever parameters it is given.

    Only plain numbers may be added or multiplied on the way: a factor that is learnt, or that
    depends on the data, may become as large as it likes.

    Args:
        origins: that know how it was made.
        made: what made the tensor in question, its `source` through `SHAPE_OF_ONE`; None for a
            leaf or data.
        depth: how many more calls to look at.
    """
    if made is None or depth == 0:
        return ANY

    def operand(index: int) -> Interval:
        return interval(origins, origins.operand(made, index, SHAPE_OF_ONE), depth - 1)

    name, (number, limit) = origins.name(made), origins.numbers(made)
    if name == "cosine_similarity" or name in MATRIX_PRODUCTS | {"linear"}:
        return (-1.0, 1.0) if _is_cosine(origins, made) else ANY
    if name in RANGES:
        return RANGES[name]
    if name in HARD_TANHS:
        return -1.0 if number is None else number, 1.0 if limit is None else limit
    if name in MERGES:
        parts = [operand(index) for index in range(origins.count(made))] or [ANY]
        return min(low for low, _ in parts), max(high for _, high in parts)
    low, high = operand(0)
    if name in CLAMPS:
        return max(low, -math.inf if number is None else number), min(
            high, math.inf if limit is None else limit
        )
    if name in EXPONENTIALS:
        return _exp(low), _exp(high)
    if name in NEGATIONS:
        return -high, -low
    if name in RECIPROCALS:
        return _scaled(1.0 if number is None else number, *_reciprocal(low, high))
    if number is None:
        return ANY
    if name in ADDITIONS:
        return low + number, high + number
    if name in SUBTRACTIONS:
        return (number - high, number - low) if "rsub" in name else (low - number, high - number)
    if name in MULTIPLICATIONS:
        return _scaled(number, low, high)
    if name in DIVISIONS and number:
        return _scaled(1 / number, low, high)
    return ANY


def is_squashed(origins: TensorOrigins[Made], made: Made | None) -> bool:
    """Whether a formula cannot leave [0, 1]."""
    low, high = interval(origins, made)
    return low >= -1e-6 and high <= 1 + 1e-6


def certainty_lost(
    target: torch.Tensor, classes: int, axis: int, smoothing: float, spread: float
) -> float:
    """How far bounded logits keep a cross-entropy above its minimum, in nats per example.

    0 where that is less than the `LOST` part of what a uniform guess costs.

    Args:
        target: class indices, or probabilities of shape (..., classes, ...).
        classes: how many.
        axis: of the classes in a target of probabilities.
        smoothing: of the labels.
        spread: difference between the largest and the smallest possible logit.
    """
    if classes < 2 or not math.isfinite(spread) or not target.numel():
        return 0.0
    if target.is_floating_point():
        wanted = target.detach().double().movedim(axis, -1).reshape(-1, classes)[:256]
    else:
        wanted = torch.eye(1, classes, dtype=torch.float64)  # all classes are alike
    wanted = (1 - smoothing) * wanted.cpu() + smoothing / classes
    excess = probabilities.excess_of_bounded_logits(wanted, spread)
    return excess if excess >= LOST * math.log(classes) else 0.0


def squashed(
    loss: str,
    source: str,
    spread: float,
    lost: float,
    classes: int,
    *,
    location: str | None,
    module: str | None = None,
) -> Finding:
    """The finding of logits that are squashed."""
    named = source in RANGES or source in CLAMPS | HARD_TANHS
    return SOFTMAX_INTO_CROSS_ENTROPY.finding(
        "squashed",
        module=module,
        location=location,
        evidence=f"logits that differ by at most {spread:.3g} keep the loss {lost:.3f} above its "
        f"minimum with {classes} classes, where a uniform guess costs {math.log(classes):.3f}",
        loss=loss,
        squashing=source if named else "a bounded function",
    )


def _is_cosine(origins: TensorOrigins[Made], made: Made) -> bool:
    """Whether a product is that of unit vectors with the unit vectors of a weight.

    Similarities of two activations are compared among examples, where a low ceiling may be
    intended.
    """
    if origins.name(made) == "cosine_similarity":
        return any(origins.takes_parameter(made, i) for i in range(origins.count(made)))
    if origins.count(made) != 2:
        return False
    sides = [origins.operand(made, index) for index in (0, 1)]
    return all(_is_normalised(origins, side) for side in sides) and any(
        side is not None and origins.takes_parameter(side, 0) for side in sides
    )


def _is_normalised(origins: TensorOrigins[Made], made: Made | None) -> bool:
    if made is None:
        return False
    if origins.name(made) == "normalize":
        return origins.numbers(made)[0] in (None, 2.0)
    if origins.name(made) not in DIVISIONS or origins.count(made) != 2:
        return False
    norm = origins.operand(made, 1)
    return norm is not None and origins.name(norm) in NORMS


def _scaled(factor: float, low: float, high: float) -> Interval:
    if factor == 0:
        return 0.0, 0.0
    return (factor * low, factor * high) if factor > 0 else (factor * high, factor * low)


def _reciprocal(low: float, high: float) -> Interval:
    return (1 / high, 1 / low) if low > 0 else ANY


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
