"""Random numbers of each seed's own in one computation for all of them.

``torch.vmap`` draws the numbers of all seeds from one generator, so that what a seed sees depends
on the others. Here each seed has a generator of its own, in the state in which a single run would
be, and every random operation is computed seed by seed: a single run on the same device draws the
same bits in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_mlregress.vectorized.errors import VectorizedError

_FACTORIES = ("rand", "randn", "randint")


class SeedGenerators:
    """The state of torch's default generator for each of several seeds.

    Args:
        device: where the random numbers are drawn.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._states: list[Any] = []

    def __len__(self) -> int:
        return len(self._states)

    def append(self) -> None:
        """Add a seed, in the state in which the default generators are now."""
        self._states.append(self._now())

    def copies(self) -> list[Any]:
        """The states, to go back to with `restore`.

        Returns:
            One per seed.
        """
        return list(self._states)

    def restore(self, states: Sequence[Any]) -> None:
        """Go back to earlier states.

        Args:
            states: what `copies` returned.
        """
        self._states = list(states)

    @contextmanager
    def of(self, place: int) -> Iterator[None]:
        """Let torch's default generators be those of a seed within the block.

        Args:
            place: of the seed, from 0.

        Yields:
            Once, inside.
        """
        outside = self._now()
        self._put(self._states[place])
        try:
            yield
        finally:
            self._states[place] = self._now()
            self._put(outside)

    def _now(self) -> Any:
        if self._device.type != "cuda":
            return torch.default_generator.get_state()
        return torch.default_generator.get_state(), torch.cuda.get_rng_state(self._device)

    def _put(self, state: Any) -> None:
        if self._device.type != "cuda":
            torch.default_generator.set_state(state)
            return
        torch.default_generator.set_state(state[0])
        torch.cuda.set_rng_state(state[1], self._device)


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
        for place in range(seeds):
            own = tuple(_of_seed(one, place, seeds, factory=factory) for one in args)
            with self._generators.of(place):
                results.append(func(*own, **keywords))
        if name.endswith("_"):  # each has changed its part of the first argument
            return args[0]
        if isinstance(results[0], tuple):
            return tuple(torch.stack(parts) for parts in zip(*results, strict=True))
        return torch.stack(results)


def _is_still(func: Any, args: tuple[Any, ...]) -> bool:
    """True for dropout outside training, which draws nothing."""
    return func.overloadpacket.__name__ == "native_dropout" and not args[2]


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
