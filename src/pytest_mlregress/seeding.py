"""The random number generators of a process: seeded, compared and put back.

Python's, numpy's, torch's (CPU and every GPU), tensorflow's and Keras's are seeded when their
module is imported; what is not imported has no state to seed. Other libraries register a callable
that takes the seed in the entry-point group ``pytest_mlregress.seeders``, or have done so for
pytest-randomly. jax and xgboost have no global state: they take the seed as an argument.

Nothing is imported here but the standard library, so that every room can use this module.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

ENTRY_POINT_GROUPS: Final = ("pytest_mlregress.seeders", "pytest_randomly.random_seeder")
_NUMPY_RANGE: Final = 2**32


class Seeder(Protocol):
    """Seeds the generators of one library."""

    def __call__(self, seed: int, /) -> object:
        """Seed a generator."""


class SeederError(RuntimeError):
    """A registered seeder failed; its text names the entry point."""


def seed_everything(seed: int) -> None:
    """Seed every generator of this process with ``seed`` (0 ... 2**32 - 1).

    Raises:
        SeederError: a seeder from the entry-point group failed to load or to run.
    """
    _seed_tensorflow(seed)
    _seed_keras(seed)
    seed_python_numpy_torch(seed)
    for entry, registered in _registered():
        try:
            registered(seed)
        except Exception as error:
            raise SeederError(
                f"{entry} failed with seed {seed}: {type(error).__name__}: {error}"
            ) from error


def seed_python_numpy_torch(seed: int) -> None:
    """Seed the generators that `RandomState` can put back, those of other libraries not."""
    random.seed(seed)
    _seed_numpy(seed)
    _seed_torch(seed)


def _seed_numpy(seed: int) -> None:
    if (seeder := _function("numpy.random", "seed")) is not None:
        seeder(seed % _NUMPY_RANGE)


def _seed_torch(seed: int) -> None:
    """Seed the CPU's generator and those of every CUDA, MPS and XPU device, lazily where unused.

    For the lazy ones ``torch.manual_seed`` formats the stack three times, which takes a
    millisecond; a build for CPUs alone has none of them.
    """
    accelerator = _function("torch", "accelerator.current_accelerator")
    if accelerator is not None and accelerator() is None:
        seeder = _function("torch", "default_generator.manual_seed")
    else:
        seeder = _function("torch", "manual_seed")
    if seeder is not None:
        seeder(seed)


def _seed_tensorflow(seed: int) -> None:
    if (seeder := _function("tensorflow", "random.set_seed")) is not None:
        seeder(seed % _NUMPY_RANGE)


def _seed_keras(seed: int) -> None:
    """Seed Keras's own generator, and with an older Keras all others too.

    ``keras.utils.set_random_seed`` imports tensorflow wherever that is installed, which takes
    seconds and a test of another backend never asked for. Of Keras 3.0 to 3.15 it is therefore done
    here what that function does besides seeding python, numpy and the backends.
    """
    set_attribute = _function("keras.src.backend.common.global_state", "set_global_attribute")
    seed_name = _function("keras.src.utils.rng_utils", "GLOBAL_RANDOM_SEED")
    generator = _function("keras.src.random.seed_generator", "GLOBAL_SEED_GENERATOR")
    if set_attribute is not None and seed_name is not None and generator is not None:
        set_attribute(seed_name, seed % _NUMPY_RANGE)
        set_attribute(generator, None)  # made again from the seed when it is first used
    elif (seeder := _function("keras", "utils.set_random_seed")) is not None:
        seeder(seed % _NUMPY_RANGE)


def _seed_keras_alone(seed: int) -> None:
    with preserved_generators(), _tensorflow_not_seeded():
        _seed_keras(seed)


@contextmanager
def _tensorflow_not_seeded() -> Iterator[None]:
    """Keep tensorflow from being seeded, since it cannot be asked for the state to put back."""
    set_seed = _function("tensorflow", "random.set_seed")
    if set_seed is None:
        yield
        return
    tensorflow_random = sys.modules["tensorflow"].random
    tensorflow_random.set_seed = lambda seed: None
    try:
        yield
    finally:
        tensorflow_random.set_seed = set_seed


def _function(module: str, name: str) -> Any:
    """The function of that dotted name; None where the module is not imported, or not wholly."""
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


SEED_LIBRARY: Final[dict[str, Callable[[int], None]]] = {
    "numpy.random": _seed_numpy,
    "torch": _seed_torch,
    "tensorflow": _seed_tensorflow,
    "keras": _seed_keras_alone,
}
"""By module: seeds the generators of that library and leaves all others as they are."""


@cache
def _registered() -> tuple[tuple[str, Seeder], ...]:
    """The seeders of other libraries, each with its entry point in words."""
    seeders: list[tuple[str, Seeder]] = []
    every = entry_points()  # reads the metadata of all that is installed
    for group in ENTRY_POINT_GROUPS:
        for entry in sorted(every.select(group=group), key=lambda entry: entry.name):
            words = f"entry point {entry.name!r} of group {group!r}"
            try:
                loaded: Any = entry.load()
            except Exception as error:
                raise SeederError(
                    f"{words} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}"
                ) from error
            seeders.append((words, loaded))
    return tuple(seeders)


@dataclass(frozen=True)
class RandomState:
    """The states of python's, numpy's and torch's global generators.

    Attributes:
        python: as ``random.getstate`` gives it.
        numpy: as ``numpy.random.get_state`` gives it, None where numpy is not imported.
        torch_cpu: the tensor of ``torch.get_rng_state``, None where torch is not imported.
        torch_cuda: one tensor per GPU, empty where CUDA is not in use.
    """

    python: tuple[Any, ...]
    numpy: Any
    torch_cpu: Any
    torch_cuda: tuple[Any, ...]

    @classmethod
    def now(cls) -> RandomState:
        """The present states."""
        numpy_state = _function("numpy.random", "get_state")
        torch_state = _function("torch", "get_rng_state")
        cuda = sys.modules["torch"].cuda if torch_state is not None else None
        return cls(
            python=random.getstate(),
            numpy=numpy_state() if numpy_state is not None else None,
            torch_cpu=torch_state() if torch_state is not None else None,
            torch_cuda=tuple(cuda.get_rng_state_all()) if cuda and cuda.is_initialized() else (),
        )

    def restore(self) -> None:
        """Make these the present states; a library that was imported since keeps its own."""
        random.setstate(self.python)
        if self.numpy is not None:
            sys.modules["numpy.random"].set_state(self.numpy)
        if self.torch_cpu is not None:
            sys.modules["torch"].set_rng_state(self.torch_cpu)
        if self.torch_cuda:
            sys.modules["torch"].cuda.set_rng_state_all(list(self.torch_cuda))

    def differences(self, other: RandomState) -> list[str]:
        """Names of the generators whose states differ: ``python``, ``numpy``, ``torch``."""
        same = {
            "python": self.python == other.python,
            "numpy": _key_and_position(self.numpy) == _key_and_position(other.numpy),
            "torch": _bytes(self.torch_cpu) == _bytes(other.torch_cpu),
        }
        return [name for name, equal in same.items() if not equal]


def _key_and_position(numpy_state: Any) -> object:
    return None if numpy_state is None else (numpy_state[1].tobytes(), numpy_state[2])


def _bytes(torch_state: Any) -> object:
    return None if torch_state is None else torch_state.numpy().tobytes()


@contextmanager
def preserved_generators() -> Iterator[None]:
    """Leave python's, numpy's and torch's generators as they were.

    One that is imported only meanwhile has no earlier state, and one of another library no way to
    ask for it: they stay as they are.
    """
    state = RandomState.now()
    try:
        yield
    finally:
        state.restore()
