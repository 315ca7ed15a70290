"""Batches of a data set for several seeds at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader

from pytest_mlregress.vectorized.errors import VectorizedError
from pytest_mlregress.vectorized.nests import PerSeed, map_tensors, tensors_in


def batches(
    data: Any,
    batch_size: int,
    seeds: Sequence[int],
    *,
    epochs: int = 1,
    drop_last: bool = False,
) -> Iterator[PerSeed]:
    """Shuffled batches, for each seed in its own order.

    Seed ``s`` sees what ``DataLoader(TensorDataset(*data), batch_size, shuffle=True,
    generator=torch.Generator().manual_seed(s))`` gives in as many epochs: the orders are drawn by
    torch's own `DataLoader`.

    Args:
        data: a tensor of shape ``(samples, ...)``, or a tuple, list or mapping of such with the
            same number of samples.
        batch_size: samples of one seed in a batch.
        seeds: the seeds, ``mlregress.seeds``.
        epochs: how often each seed sees all samples.
        drop_last: whether a last batch that is smaller is left out.

    Yields:
        Batches of shape ``(seeds, batch_size, ...)``; the last one of an epoch may be smaller.

    Raises:
        VectorizedError: the tensors differ in their number of samples, or there are none.
    """
    samples = {len(tensor) for tensor in tensors_in(data)}
    if len(samples) != 1:
        counts = ", ".join(map(str, sorted(samples))) or "none"
        raise VectorizedError(
            f"batches(data, ...): expected tensors with one number of samples, not {counts}"
        )
    indices: Any = range(samples.pop())  # a data set whose samples are their own numbers
    loaders = [
        DataLoader(
            indices,
            batch_size,
            shuffle=True,
            drop_last=drop_last,
            generator=torch.Generator().manual_seed(seed),
        )
        for seed in seeds
    ]
    for _ in range(epochs):
        for drawn in zip(*loaders, strict=True):
            chosen = torch.stack(drawn)
            yield PerSeed(map_tensors(partial(_chosen, chosen), data))


def _chosen(places: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    return tensor[places.to(tensor.device)]
