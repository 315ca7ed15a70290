"""A digest of a training's numbers, to compare two runs of one seed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pytest_mlregress.bughunt.catalogue.evaluation import NONDETERMINISTIC
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.listening.detector import Detector, Progress

LENGTH = 32


class Digest(Detector):
    """The losses of the first backward passes, as exact numbers.

    On accelerators reading a loss waits for the device; only a few are read anyway.
    """

    tireless = True

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self.losses: list[float] = []

    def backward(self, roots: Sequence[torch.Tensor], location: str | None) -> None:
        if len(self.losses) < LENGTH and len(roots) == 1 and roots[0].numel() == 1:
            self.losses.append(roots[0].item())


def difference(first: Sequence[float], second: Sequence[float]) -> Finding | None:
    """The finding ``nondeterministic`` if two runs of one seed differ as far as both went."""
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other and not (one != one and other != other):
            return NONDETERMINISTIC.finding(
                "in training", evidence=f"loss {one!r} and {other!r} at backward pass {index + 1}"
            )
    return None
