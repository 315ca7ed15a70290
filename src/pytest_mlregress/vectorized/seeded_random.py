"""Random numbers of each seed's own in one computation for all of them.

``torch.vmap`` draws the numbers of all seeds from one generator, so that what a seed sees depends
on the others. Here each seed has a generator of its own, in the state in which a single run would
be, and every random operation is computed seed by seed: a single run on the same device draws the
same numbers in the same order, unless it draws for a tensor that is not contiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_mlregress.vectorized.errors import VectorizedError

_FACTORIES = ("rand", "randn", "randint")


class SeedGenerators:
    """The state of torch's default generators for each of several seeds.

    Args:
        device: where the models are.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._of_cpu: list[torch.Generator] = []
        self._of_gpu: list[torch.Generator] = []

    def __len__(self) -> int:
        return len(self._of_cpu)

    def append(self) -> None:
        """Add a seed, in the state in which the default generators are now."""
        self._of_cpu.append(torch.Generator())
        if self._device.type == "cuda":
            self._of_gpu.append(torch.Generator(self._device))
        self._take(len(self) - 1)

    def copies(self) -> list[torch.Tensor]:
        """The states, to go back to with `restore`.

        Returns:
            One per generator.
        """
        return [generator.get_state() for generator in (*self._of_cpu, *self._of_gpu)]

    def restore(self, states: Sequence[torch.Tensor]) -> None:
        """Go back to earlier states.

        Args:
            states: what `copies` returned.
        """
        for generator, state in zip((*self._of_cpu, *self._of_gpu), states, strict=True):
            generator.set_state(state)

    def at(self, place: int, device: torch.device) -> torch.Generator:
        """The generator of a seed.

        Args:
            place: of the seed, from 0.
            device: where the numbers are drawn.

        Returns:
            The generator.
        """
        return self._of_gpu[place] if device.type == "cuda" else self._of_cpu[place]

    @contextmanager
    def of(self, place: int) -> Iterator[None]:
        """Let torch's default generators be those of a seed within the block.

        Args:
            place: of the seed, from 0.

        Yields:
            Once, inside.
        """
        outside = torch.default_generator.get_state()
        outside_gpu = torch.cuda.get_rng_state(self._device) if self._of_gpu else None
        torch.default_generator.set_state(self._of_cpu[place].get_state())
        if self._of_gpu:
            torch.cuda.set_rng_state(self._of_gpu[place].get_state(), self._device)
        try:
            yield
        finally:
            self._take(place)
            torch.default_generator.set_state(outside)
            if outside_gpu is not None:
                torch.cuda.set_rng_state(outside_gpu, self._device)

    def _take(self, place: int) -> None:
        self._of_cpu[place].set_state(torch.default_generator.get_state())
        if self._of_gpu:
            self._of_gpu[place].set_state(torch.cuda.get_rng_state(self._device))


class SeededRandomness(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Computes each random operation below a ``vmap`` over seeds seed by seed.

    There it has the seeds in its first dimension, and ``randperm`` is called once per seed.

    Args:
        generators: those of the seeds.
    """

    def __init__(self, generators: SeedGenerators) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._generators = generators
        self._permutations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Pass on everything but a random operation."""
        keywords = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags or _is_still(func, args):
            return func(*args, **keywords)
        name = func.overloadpacket.__name__
        if name == "randperm":
            place = self._permutations % len(self._generators)
            self._permutations += 1
            with self._generators.of(place):
                return func(*args, **keywords)
        return self._seed_by_seed(name, func, args, keywords)

    def _seed_by_seed(
        self, name: str, func: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        seeds = len(self._generators)
        factory = name in _FACTORIES
        if not factory and not _has_seeds(args, seeds):
            raise VectorizedError(
                f"the random operation {name} is not known to torch.vmap as one per seed; "
                "use vectorized=False"
            )
        results = []
        direct = not factory and _takes_generator(func) and not keywords.get("generator")
        for place in range(seeds):
            own = tuple(_of_seed(one, place, seeds, factory=factory) for one in args)
            if direct:  # spares the four copies of a state
                generator = self._generators.at(place, args[0].device)
                results.append(_in_order(func, own, keywords | {"generator": generator}))
                continue
            with self._generators.of(place):
                results.append(_in_order(func, own, keywords))
        if name.endswith("_"):  # each has changed its part of the first argument
            return args[0]
        if isinstance(results[0], tuple):
            return tuple(torch.stack(parts) for parts in zip(*results, strict=True))
        return torch.stack(results)


def _in_order(func: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Draw in the order of the dimensions, not in that of the memory.

    A tensor that is no contiguous one, such as a transposed one, has another memory for several
    seeds than for one.
    """
    first = args[0] if args else None
    if not isinstance(first, torch.Tensor) or first.is_contiguous():
        return func(*args, **keywords)
    drawn = func(first.contiguous(), *args[1:], **keywords)
    return first.copy_(drawn) if func.overloadpacket.__name__.endswith("_") else drawn


@cache
def _takes_generator(func: Any) -> bool:
    return any(argument.name == "generator" for argument in func._schema.arguments)


class OrderedRandomness(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Draws for one seed in the order in which `SeededRandomness` does for several."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Pass on everything but a random operation."""
        keywords = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags or _is_still(func, args):
            return func(*args, **keywords)
        return _in_order(func, args, keywords)


def _is_still(func: Any, args: tuple[Any, ...]) -> bool:
    """True for dropout outside training and attention without dropout, which draw nothing."""
    if func.overloadpacket.__name__ == "native_dropout":
        return not args[2]
    names = [argument.name for argument in func._schema.arguments]
    if "dropout_p" not in names:
        return False
    place = names.index("dropout_p")
    return not (args[place] if len(args) > place else func._schema.arguments[place].default_value)


def _has_seeds(args: tuple[Any, ...], seeds: int) -> bool:
    first = args[0] if args else None
    return isinstance(first, torch.Tensor) and first.dim() > 0 and first.shape[0] == seeds


def _of_seed(argument: Any, place: int, seeds: int, *, factory: bool) -> Any:
    if isinstance(argument, torch.Tensor):
        batched = argument.dim() > 0 and argument.shape[0] == seeds
        return argument[place] if batched else argument
    if factory and isinstance(argument, (list, tuple)):
        return argument[1:]
    return argument
