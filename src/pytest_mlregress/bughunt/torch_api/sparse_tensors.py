"""Tensors that torch stores sparsely, for which many operators are missing."""

from __future__ import annotations

import torch


def stored(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What determines a tensor: itself, or the indices and values of a sparse one."""
    if tensor.layout == torch.strided:
        return (tensor,)
    entries: torch.Tensor = tensor.detach().to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
    return entries.indices(), entries.values()


def equal(one: torch.Tensor, other: torch.Tensor, *, nans_equal: bool = False) -> bool:
    """Whether two tensors are equal, as `torch.equal` says, which takes dense ones only.

    Args:
        one: dense or sparse.
        other: dense or sparse.
        nans_equal: whether NaN equals NaN, and zero.
    """
    if one.shape != other.shape or one.layout != other.layout:
        return False
    pairs = list(zip(stored(one), stored(other), strict=True))
    if nans_equal:
        pairs = [(mine.nan_to_num(), yours.nan_to_num()) for mine, yours in pairs]
    return all(torch.equal(mine, yours) for mine, yours in pairs)


def dense(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that is dense: the same one if it is so already."""
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def copy_of_gradient(parameter: torch.Tensor) -> torch.Tensor | None:
    """A dense copy of a parameter's gradient, as an embedding with ``sparse=False`` has it."""
    gradient = parameter.grad
    return None if gradient is None else dense(gradient.detach()).clone()


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether all numbers of a tensor are finite."""
    return bool(stored(tensor)[-1].isfinite().all())
