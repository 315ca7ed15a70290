"""Moves inputs by one unit in the last place, to see how rounding errors grow in a training."""

from __future__ import annotations

from typing import Any

import torch


def nudged(values: tuple[Any, ...], *, graded: bool = False) -> tuple[Any, ...] | None:
    """The values with each tensor of floats moved to the next larger number.

    Args:
        values: positional arguments or outputs of a call.
        graded: whether to move those with gradients, otherwise those without.

    Returns:
        The values; None where there is none to be moved.
    """
    with torch._C.DisableTorchFunction():
        moved = [_moved(v) if _movable(v, graded) else v for v in values]
    return tuple(moved) if any(m is not v for m, v in zip(moved, values, strict=True)) else None


def _movable(value: Any, graded: bool) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.numel() > 1
        and value.requires_grad is graded
        and (not graded or not value.is_leaf)
    )


def _moved(value: torch.Tensor) -> torch.Tensor:
    plain = value.detach()
    step = torch.nextafter(plain, torch.full_like(plain, torch.inf)) - plain
    return value + step.nan_to_num(0.0, 0.0, 0.0)
