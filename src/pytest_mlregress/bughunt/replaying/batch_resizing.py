"""The same batch with other sizes, so that sizes which are equal by chance become different.

Which of two axes of size 8 is the batch axis cannot be seen in a shape. In a batch of 7 it can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import torch

from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.pytrees import Path, PyTree

_SHORT = 22
_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)


@dataclass(frozen=True)
class Examples:
    """How many examples a batch has, and along which axis of each of its tensors they lie."""

    count: int
    axes: Mapping[Path, int]

    def select(self, batch: PyTree, rows: torch.Tensor) -> PyTree:
        """The batch with the examples `rows` (int64), in that order; repeats are fine."""
        for path, tensor in _sized(batch):
            batch = pytrees.replace(batch, path, tensor.index_select(self.axes[path], rows))
        return batch

    def resized(self, batch: PyTree, count: int) -> PyTree:
        """The batch with `count` examples: the first ones, or all of them again and again."""
        return self.select(batch, torch.arange(count) % self.count)

    def rows(self, batch: PyTree) -> Iterator[tuple[Path, torch.Tensor]]:
        """Every tensor of the batch with its examples along axis 0."""
        for path, tensor in _sized(batch):
            yield path, tensor.detach().movedim(self.axes[path], 0)


def examples_of(batch: PyTree) -> Examples:
    """Find the axis of the examples: the leading one of every tensor, or the second of some.

    Raises:
        CannotTell: the tensors share no such size (graphs, flattened sequences), or there are
            fewer than three examples.
    """
    tensors = list(_sized(batch))
    if not tensors:
        raise CannotTell("the batch holds no tensor with an axis")
    flat = [tensor.shape[0] for _, tensor in tensors if tensor.dim() == 1]
    for count in dict.fromkeys([*flat, tensors[0][1].shape[0]]):
        axes = {path: _axis(tensor, count) for path, tensor in tensors}
        found = {path: axis for path, axis in axes.items() if axis is not None}
        if len(found) == len(tensors):
            if count < 3:
                raise CannotTell(f"needs a batch of at least 3 examples, this one has {count}")
            return Examples(count, found)
    shapes = ", ".join(str(tuple(tensor.shape)) for _, tensor in tensors[:6])
    raise CannotTell(f"the tensors of the batch share no number of examples: {shapes}")


def candidates(count: int, sizes: Collection[int]) -> list[int]:
    """Other numbers of examples near `count`, best first: they divide none of `sizes`.

    Primes come first, since no product of other sizes can be mistaken for them; then even numbers
    and multiples of four, for programs that cut their batch in halves or in micro-batches.
    """
    free = [p for p in _PRIMES if p != count and not any(size % p == 0 for size in sizes)]
    primes = sorted(free, key=lambda p: (p < count / 2, abs(p - count)))
    return [*primes[:1], *(2 * p for p in primes[:1]), *(4 * p for p in primes[:1])]


def with_length(batch: PyTree, examples: Examples, size: int, new: int) -> PyTree:
    """The batch with every axis of `size`, other than that of the examples, made `new` long."""
    index = torch.arange(new) % size
    for path, tensor in _sized(batch):
        for axis, length in enumerate(tensor.shape):
            if length == size and axis != examples.axes[path]:
                tensor = tensor.index_select(axis, index)
        batch = pytrees.replace(batch, path, tensor)
    return batch


def lengths(size: int, others: Collection[int]) -> list[int]:
    """Other lengths than `size`, nearest first, that are no factor and no multiple of `others`.

    Then twice and four times a prime that divides no other size, for programs that halve a length
    (pooling): not much more than `size`, since a replay keeps what attention makes of it.
    """

    def free(new: int) -> bool:
        rest = [other for other in others if other not in (1, size)]
        return all(other % new and new % other for other in rest)

    near = [*range(size - 1, 2, -1), *range(size + 1, 2 * size)]
    primes = [p for p in _PRIMES if all(other % p for other in (*others, size))]
    most = max(1.25 * size, _SHORT)
    halved = [k * p for p in primes for k in (2, 4) if k * p not in others and k * p <= most]
    return [
        *[new for new in near if free(new) and new not in others][:3],
        *sorted(halved, key=lambda new: abs(new - size))[:2],
    ]


def inner_sizes(batch: PyTree, examples: Examples) -> list[int]:
    """The sizes of all other axes of a batch, each once, in order."""
    sizes = [
        length
        for path, tensor in _sized(batch)
        for axis, length in enumerate(tensor.shape)
        if axis != examples.axes[path] and length > 2
    ]
    return list(dict.fromkeys(sizes))


def _sized(batch: PyTree) -> Iterator[tuple[Path, torch.Tensor]]:
    for path, leaf in pytrees.leaves(batch):
        if isinstance(leaf, torch.Tensor) and leaf.dim() > 0 and leaf.layout == torch.strided:
            yield path, leaf


def _axis(tensor: torch.Tensor, count: int) -> int | None:
    if tensor.shape[0] == count:
        return 0
    pairs = tensor.shape[0] == 2 and not tensor.is_floating_point()  # rows of an edge list
    if tensor.dim() > 1 and tensor.shape[1] == count and not pairs:
        return 1
    return None
