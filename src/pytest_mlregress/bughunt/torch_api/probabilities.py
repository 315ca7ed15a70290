"""Numbers that tell probabilities, log-probabilities and logits apart."""

from __future__ import annotations

import math

import torch

TOLERANCE = 1e-3


def are_probabilities(values: torch.Tensor, axis: int) -> bool:
    """Whether all slices along `axis` are probabilities: in [0, 1] with sum 1.

    Slices of zeros (padding) are left out; one class alone, or no slice, is no distribution.
    """
    values = values.detach().double()
    if values.numel() == 0 or values.shape[axis] < 2:
        return False
    kept = values.movedim(axis, -1).reshape(-1, values.shape[axis])
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


def excess_of_bounded_logits(wanted: torch.Tensor, spread: float) -> float:
    """How far the cross-entropy of logits in an interval stays above the entropy of its targets.

    The best logits are those of the targets themselves, moved and cut to the interval; how far to
    move them is found by bisection.

    Args:
        wanted: target probabilities, of shape (examples, classes); rows of zeros are left out.
        spread: length of the interval.

    Returns:
        The mean over examples, in nats; 0 where the interval is wide enough.
    """
    wanted = wanted[wanted.sum(-1) > 0]
    if not len(wanted):
        return 0.0
    wanted = wanted / wanted.sum(-1, keepdim=True)
    logs = wanted.clamp(min=1e-300).log()
    low = torch.zeros(len(wanted), 1, dtype=wanted.dtype)
    high = low + spread + math.log(wanted.shape[-1])
    for _ in range(60):
        middle = (low + high) / 2
        logits = (logs + middle).clamp(0, spread)
        rises = logits.logsumexp(-1, keepdim=True) > middle
        low, high = torch.where(rises, middle, low), torch.where(rises, high, middle)
    logits = (logs + (low + high) / 2).clamp(0, spread)
    loss = logits.logsumexp(-1) - (wanted * logits).sum(-1)
    entropy = -(wanted * logs).sum(-1)
    return max(float((loss - entropy).mean()), 0.0)
