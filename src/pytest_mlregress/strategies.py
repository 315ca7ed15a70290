"""Hypothesis strategies for tensors, batches, images, token sequences and labels.

Every size is drawn first, so that a failing example shrinks to the smallest batch that still
fails; the numbers in a float tensor come from one drawn seed, so that they need not be shrunk one
by one and an example is reproduced by what Hypothesis prints. Needs the extra ``hypothesis``.
The properties that go with them are in `pytest_mlregress.properties`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from hypothesis import strategies as st

Size: TypeAlias = int | tuple[int, int]
"""An axis: exactly this long, or (shortest, longest), both included."""

LARGEST_SEED = 2**16


@st.composite
def tensors(
    draw: st.DrawFn,
    shape: Sequence[Size],
    *,
    dtype: torch.dtype = torch.float32,
    low: float = -3.0,
    high: float = 3.0,
) -> torch.Tensor:
    """Tensors of the shape, with values in [low, high]; integer ones draw whole numbers.

    Args:
        shape: per axis its length, or (shortest, longest).
        dtype: floating point, integer or bool.
        low: the smallest value, finite; ignored for bool.
        high: the largest value, finite; ignored for bool.

    Raises:
        ValueError: an axis, or the bounds, cannot be drawn from.
    """
    sizes = [draw(_size(size, axis)) for axis, size in enumerate(shape)]
    if not low <= high:
        raise ValueError(f"low={low} is larger than high={high}")
    generator = torch.Generator().manual_seed(draw(st.integers(0, LARGEST_SEED)))
    return _fill(sizes, dtype, low, high, generator)


def batches(
    *features: Sequence[Size],
    size: Size = (1, 8),
    dtype: torch.dtype = torch.float32,
) -> st.SearchStrategy[Any]:
    """A batch of one tensor per feature shape, with a common first axis of `size` examples.

    One feature shape gives a tensor, several give a tuple.
    """
    return _size(size, "size").flatmap(lambda n: _together(n, features, dtype))


def images(
    *,
    size: Size = (1, 4),
    channels: Size = 3,
    height: Size = (4, 16),
    width: Size = (4, 16),
) -> st.SearchStrategy[torch.Tensor]:
    """Float images (N, C, H, W) in [0, 1].

    Height and width are drawn apart, so that code which takes one for the other is found out.
    """
    return tensors((size, channels, height, width), low=0.0, high=1.0)


@dataclass(frozen=True)
class Tokens:
    """Token sequences of different lengths in one padded tensor.

    Attributes:
        ids: (N, T) int64, `padding` after each sequence's end.
        mask: (N, T) bool, True where a token is.
        lengths: (N,) int64, each at least 1; the longest is T.
        padding: the id that pads.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    lengths: torch.Tensor
    padding: int


@st.composite
def token_sequences(
    draw: st.DrawFn,
    *,
    vocabulary: int,
    size: Size = (1, 4),
    length: Size = (1, 8),
    padding: int = 0,
) -> Tokens:
    """Padded token sequences; no token equals `padding`.

    Raises:
        ValueError: the vocabulary has fewer than two ids or lacks `padding`.
    """
    if vocabulary < 2 or not 0 <= padding < vocabulary:
        raise ValueError(
            f"vocabulary={vocabulary} must hold padding={padding} and at least one token"
        )
    count = draw(_size(size, "size"))
    lengths = [draw(_size(length, "length")) for _ in range(count)]
    generator = torch.Generator().manual_seed(draw(st.integers(0, LARGEST_SEED)))
    ids = torch.randint(0, vocabulary - 1, (count, max(lengths)), generator=generator)
    ids = ids + (ids >= padding)  # every id but that of padding
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return Tokens(ids.masked_fill(~mask, padding), mask, torch.tensor(lengths), padding)


def labels(*, classes: int, size: Size = (1, 8)) -> st.SearchStrategy[torch.Tensor]:
    """Class labels (N,), int64 in 0 … classes - 1.

    Raises:
        ValueError: there is no class.
    """
    if classes < 1:
        raise ValueError(f"classes={classes}: there must be at least one")
    return tensors((size,), dtype=torch.int64, low=0, high=classes - 1)


def labelled(
    examples: Callable[[int], st.SearchStrategy[Any]], *, classes: int, size: Size = (1, 8)
) -> st.SearchStrategy[tuple[Any, torch.Tensor]]:
    """Pairs (examples, labels) of one size: ``labelled(lambda n: images(size=n), classes=10)``."""
    return _size(size, "size").flatmap(
        lambda n: st.tuples(examples(n), labels(classes=classes, size=n))
    )


def _together(
    count: int, features: Sequence[Sequence[Size]], dtype: torch.dtype
) -> st.SearchStrategy[Any]:
    parts = [tensors((count, *shape), dtype=dtype) for shape in features]
    return parts[0] if len(parts) == 1 else st.tuples(*parts)


def _size(size: Size, axis: object) -> st.SearchStrategy[int]:
    low, high = (size, size) if isinstance(size, int) else size
    if not 0 <= low <= high:
        raise ValueError(f"axis {axis}: {size!r} is neither a length >= 0 nor (shortest, longest)")
    return st.integers(low, high)


def _fill(
    sizes: Sequence[int], dtype: torch.dtype, low: float, high: float, generator: torch.Generator
) -> torch.Tensor:
    if dtype == torch.bool:
        return torch.rand(sizes, generator=generator) < 0.5
    if not dtype.is_floating_point:
        return torch.randint(int(low), int(high) + 1, tuple(sizes), generator=generator).to(dtype)
    uniform = torch.rand(sizes, generator=generator, dtype=torch.float64)
    return (low + (high - low) * uniform).to(dtype)
