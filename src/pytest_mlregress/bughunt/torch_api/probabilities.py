"""Numbers that tell probabilities, log-probabilities and logits apart."""

from __future__ import annotations

import torch

TOLERANCE = 1e-3


def are_probabilities(values: torch.Tensor, axis: int) -> bool:
    """Whether all slices along `axis` are probabilities: in [0, 1] with sum 1.

    Slices of zeros (padding) are left out; one class alone, or no slice, is no distribution.
    """
    values = values.detach().double()
    if values.numel() == 0 or values.shape[axis] < 2:
        return False
    kept = values.movedim(axis, -1).flatten(0, -2)
    kept = kept[(kept != 0).any(-1)]
    if len(kept) == 0 or bool((kept < -1e-6).any()) or bool((kept > 1 + 1e-6).any()):
        return False
    return bool(((kept.sum(-1) - 1).abs() < TOLERANCE).all())


def log_mass(values: torch.Tensor, axis: int) -> float:
    """Largest logsumexp along `axis`: 0 for log-probabilities, less for part of them.

    ``-inf`` where nothing is finite.
    """
    if values.numel() == 0:
        return float("-inf")
    return float(torch.logsumexp(values.detach().double(), axis).max())


def lie_within(values: torch.Tensor, low: float, high: float) -> bool:
    """Whether every value lies in [low, high]."""
    values = values.detach()
    return values.numel() > 0 and bool((values >= low).all()) and bool((values <= high).all())
