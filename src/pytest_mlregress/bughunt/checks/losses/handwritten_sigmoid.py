"""Numbers that a formula written by hand has squashed into [0, 1]."""

from __future__ import annotations

from typing import Final

import torch

from pytest_mlregress.bughunt.listening.node_marks import is_shape_node
from pytest_mlregress.bughunt.torch_api import probabilities
from pytest_mlregress.bughunt.torch_api._private import node_of
from pytest_mlregress.bughunt.torch_api.operators import AFFINE_NODES

MOST_NODES: Final = 12


def is_squashed(values: torch.Tensor) -> bool:
    """Whether values all lie in [0, 1] and are a multiple of tanh, or the reciprocal of 1 + exp.

    Only constants may be added or multiplied on the way: then no value can leave its bounds.
    """
    node, inverted = node_of(values), False
    for _ in range(MOST_NODES):
        if node is None:
            return False
        name = node.name()
        if name.startswith("TanhBackward") or (inverted and name.startswith("ExpBackward")):
            return probabilities.lie_within(values, 0.0, 1.0)
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        inverted |= name.startswith("ReciprocalBackward")
        passes = name.startswith((*AFFINE_NODES, "ReciprocalBackward")) or is_shape_node(node)
        node = parents[0] if passes and len(parents) == 1 else None
    return False
