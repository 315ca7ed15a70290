"""Every random number generator of a process, seeded with one number.

Python's, numpy's, torch's (CPU and every GPU), tensorflow's and Keras's are seeded when their
module is imported; what is not imported has no state to seed.  Other libraries register a callable
that takes the seed in the entry-point group ``pytest_mlregress.seeders``, or have done so for
pytest-randomly; a conftest implements the hook ``pytest_mlregress_seed``.  jax and xgboost have no
global state: they take the seed as an argument.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from pytest_mlregress.running.import_hooks import after_import_of

ENTRY_POINT_GROUPS: Final = ("pytest_mlregress.seeders", "pytest_randomly.random_seeder")
_NUMPY_RANGE: Final = 2**32


class Seeder(Protocol):
    """Seeds the generators of one library."""

    def __call__(self, seed: int, /) -> object:
        """Seed a generator."""


_SEEDED_LATE: Final = ("numpy.random", "torch", "tensorflow", "keras")


class SeederError(RuntimeError):
    """A registered seeder failed; its text names the entry point."""


def seed_everything(seed: int) -> None:
    """Seed every generator of this process with ``seed`` (0 ... 2**32 - 1).

    Raises:
        SeederError: a seeder from the entry-point group failed to load or to run.
    """
    for module, way in (("tensorflow", "random.set_seed"), ("keras", "utils.set_random_seed")):
        if (seeder := _reached(sys.modules.get(module), way)) is not None:
            seeder(seed % _NUMPY_RANGE)
    random.seed(seed)
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        numpy_random.seed(seed % _NUMPY_RANGE)
    if (torch := sys.modules.get("torch")) is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(seed)  # also every CUDA, MPS and XPU generator, lazily where unused
    for entry, registered in _registered():
        try:
            registered(seed)
        except Exception as error:
            raise SeederError(
                f"{entry} failed with seed {seed}: {type(error).__name__}: {error}"
            ) from error


def _reached(module: object, way: str) -> Seeder | None:
    """The function at the end of the dotted way; None in a module that is still being imported."""
    found = module
    for name in way.split("."):
        found = getattr(found, name, None)
    return found if callable(found) else None


@cache
def _registered() -> tuple[tuple[str, Seeder], ...]:
    """The seeders of other libraries, each with its entry point in words."""
    seeders: list[tuple[str, Seeder]] = []
    for group in ENTRY_POINT_GROUPS:
        for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
            words = f"entry point {entry.name!r} of group {group!r}"
            try:
                loaded: Any = entry.load()
            except Exception as error:
                raise SeederError(
                    f"{words} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}"
                ) from error
            seeders.append((words, loaded))
    return tuple(seeders)


@contextmanager
def preserved_generators(*, besides: str = "") -> Iterator[None]:
    """Leave python's, numpy's and torch's generators as they were, ``besides`` that of a module.

    One that is imported only meanwhile has no earlier state, and one of another library no way to
    ask for it: they stay as they are.
    """
    numpy_random = _imported("numpy.random", "get_state", besides)
    torch = _imported("torch", "get_rng_state", besides)
    python_state = random.getstate()
    numpy_state = numpy_random.get_state() if numpy_random is not None else None
    torch_state = torch.get_rng_state() if torch is not None else None
    cuda = torch.cuda if torch is not None and torch.cuda.is_initialized() else None
    cuda_states = cuda.get_rng_state_all() if cuda is not None else None
    try:
        yield
    finally:
        random.setstate(python_state)
        if numpy_random is not None:
            numpy_random.set_state(numpy_state)
        if torch is not None:
            torch.set_rng_state(torch_state)
        if cuda is not None:
            cuda.set_rng_state_all(cuda_states)


def _imported(name: str, state: str, besides: str) -> Any:
    """The module, None where it is the excepted one or has no state yet: torch imports numpy."""
    module = sys.modules.get(name)
    return module if name != besides and hasattr(module, state) else None


@contextmanager
def seeding_late_imports(seed: Callable[[], object]) -> Iterator[None]:
    """Call ``seed`` again where the test itself is the first to import a library with generators.

    Otherwise torch would start every seed from the same built-in state, and numpy from the
    operating system's entropy.  Python's, numpy's and torch's generators that were there before go
    on where they are: which seed is the first to import, and whether this plugin did, must not
    change what they give.  Those of other libraries are seeded again, as none tells its state.
    """

    def seed_newcomer(module: str) -> None:
        with preserved_generators(besides=module):
            seed()

    with after_import_of(*_SEEDED_LATE, action=seed_newcomer):
        yield


class TorchGenerator:
    """torch's global generator in the shape that Hypothesis manages: ``random.Random``'s.

    Registered, it makes a property test with torch in it reproducible.
    """

    def seed(self, seed: int) -> None:
        """Seed torch's generators."""
        sys.modules["torch"].manual_seed(seed)

    def getstate(self) -> object:
        """The state of torch's generator for the processor."""
        return sys.modules["torch"].get_rng_state()

    def setstate(self, state: object) -> None:
        """Put torch's generator for the processor to a state."""
        sys.modules["torch"].set_rng_state(state)


_torch_generator = TorchGenerator()  # Hypothesis keeps a weak reference only


def register_torch_with_hypothesis() -> None:
    """Let Hypothesis manage torch's generator, where both are imported."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None and "torch" in sys.modules:
        hypothesis.register_random(_torch_generator)
