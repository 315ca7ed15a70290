"""What a softmax, a contraction and an attention are, for hunts and guards alike."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pytest_mlregress.bughunt.recording.tensor_origins import Made, TensorOrigins
from pytest_mlregress.bughunt.recording.torch_call import TorchCall
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import (
    DIVISIONS,
    DROPOUTS,
    EXPONENTIALS,
    MATRIX_PRODUCTS,
    SCORE_ARITHMETIC,
    SHAPE,
    SOFTMAX,
)

_WEIGHTS = SHAPE | DROPOUTS
_SCORES = SHAPE | SCORE_ARITHMETIC
_QUOTIENTS = DIVISIONS | {"div_"}


def contracted(call: TorchCall) -> Iterator[tuple[torch.Tensor, int]]:
    """The operands of a product, each with the one axis that is summed over.

    Args:
        call: of one of `MATRIX_PRODUCTS`.
    """
    if call.name == "einsum":
        yield from _contracted_by_einsum(call)
        return
    given = (*call.arguments, *call.keywords.values())
    operands = [value for value in given if isinstance(value, torch.Tensor)][-2:]
    if len(operands) == 2 and min(operand.dim() for operand in operands) >= 2:
        yield operands[0], operands[0].dim() - 1
        yield operands[1], operands[1].dim() - 2


def _contracted_by_einsum(call: TorchCall) -> Iterator[tuple[torch.Tensor, int]]:
    equation = call.argument(0, "equation")
    if not isinstance(equation, str) or "->" not in equation or "." in equation:
        return
    left, right = equation.replace(" ", "").split("->")
    operands = pytrees.tensors((call.arguments[1:], call.keywords))
    for letters, operand in zip(left.split(","), operands, strict=False):
        summed = [axis for axis, letter in enumerate(letters) if letter not in right]
        if len(summed) == 1:
            yield operand, summed[0]


def softmax_behind(
    origins: TensorOrigins[Made], weights: torch.Tensor, before: Made | None = None
) -> Made | None:
    """The softmax that made these weights, before dropout: torch's function or one by hand.

    Args:
        origins: of the weights.
        weights: that may come from a softmax.
        before: what used them.
    """
    source = origins.source(weights, before, _WEIGHTS)
    return source if is_softmax(origins, source) else None


def is_softmax(origins: TensorOrigins[Made], made: Made | None) -> bool:
    """Whether a call is a softmax, along whatever axis: torch's function or one by hand."""
    if made is None:
        return False
    return origins.name(made) in SOFTMAX or is_handmade_softmax(origins, made)


def is_handmade_softmax(origins: TensorOrigins[Made], made: Made) -> bool:
    """Whether a call is exp(x) / exp(x).sum(…) or exp(x - logsumexp(x, …))."""
    name = origins.name(made)
    if name in EXPONENTIALS:
        shifted = origins.operand(made, 0)
        if shifted is None or origins.name(shifted) not in ("sub", "__sub__"):
            return False
        mass = origins.operand(shifted, 1)
        if mass is None or origins.name(mass) != "logsumexp":
            return False
        return origins.identity(mass, 0) == origins.identity(shifted, 0) is not None
    if name not in _QUOTIENTS or origins.count(made) != 2:
        return False
    above, below = origins.operand(made, 0), origins.operand(made, 1)
    if above is None or below is None:
        return False
    if origins.name(above) not in EXPONENTIALS or origins.name(below) != "sum":
        return False
    summed = origins.operand(below, 0)
    return summed is not None and origins.name(summed) in EXPONENTIALS


def is_attention(origins: TensorOrigins[Made], softmax: Made) -> bool:
    """Whether a softmax's scores are, up to scale and mask, a product of two activations.

    What a layer scores (soft assignments, pooling) is normalised over another axis on purpose.

    Args:
        origins: of the scores.
        softmax: as `softmax_behind` gives it.
    """
    if origins.name(softmax) in _QUOTIENTS:
        above = origins.operand(softmax, 0)  # the exp
        if above is None:
            return False
        softmax = above
    scores = origins.operand(softmax, 0, _SCORES)
    if scores is None or origins.name(scores) not in MATRIX_PRODUCTS:
        return False
    operands = range(origins.count(scores))
    return not any(origins.takes_parameter(scores, index) for index in operands)
