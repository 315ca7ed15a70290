"""Every random number generator of a process, seeded with one number.

Python's, numpy's and torch's (CPU and every GPU) are seeded when their module is imported; what
is not imported has no state to seed.  Other libraries register a callable that takes the seed in
the entry-point group ``pytest_mlregress.seeders``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from pytest_mlregress.running.late_imports import after_import_of

ENTRY_POINT_GROUP: Final = "pytest_mlregress.seeders"
_NUMPY_RANGE: Final = 2**32


class Seeder(Protocol):
    """Seeds the generators of one library."""

    def __call__(self, seed: int, /) -> object: ...


class SeederError(RuntimeError):
    """A registered seeder failed; its text names the entry point."""


def seed_everything(seed: int) -> None:
    """Seed every generator of this process with ``seed`` (0 ... 2**32 - 1).

    Raises:
        SeederError: a seeder from the entry-point group failed to load or to run.
    """
    random.seed(seed)
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        numpy_random.seed(seed % _NUMPY_RANGE)
    if (torch := sys.modules.get("torch")) is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(seed)  # also every CUDA, MPS and XPU generator, lazily where unused
    for name, seeder in _registered():
        try:
            seeder(seed)
        except Exception as error:
            raise SeederError(
                f"entry point {name!r} of group {ENTRY_POINT_GROUP!r} failed with seed {seed}: "
                f"{type(error).__name__}: {error}"
            ) from error


@cache
def _registered() -> tuple[tuple[str, Seeder], ...]:
    seeders: list[tuple[str, Seeder]] = []
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        try:
            loaded: Any = entry.load()
        except Exception as error:
            raise SeederError(
                f"entry point {entry.name!r} ({entry.value}) of group {ENTRY_POINT_GROUP!r} "
                f"cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        seeders.append((entry.name, loaded))
    return tuple(seeders)


@contextmanager
def preserved_generators() -> Iterator[None]:
    """Leave python's, numpy's and torch's generators as they were.

    One that is imported only meanwhile has no earlier state, and one of another library no way to
    ask for it: they stay as they are.
    """
    numpy_random = sys.modules.get("numpy.random")
    torch = sys.modules.get("torch")
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


@contextmanager
def seeding_late_imports(seed: int) -> Iterator[None]:
    """Seed numpy and torch also where the test itself is the first to import them.

    Otherwise torch would start every seed from the same built-in state, and numpy from the
    operating system's entropy.
    """
    with after_import_of("numpy.random", "torch", action=lambda: seed_everything(seed)):
        yield


class TorchGenerator:
    """torch's global generator in the shape that Hypothesis manages: ``random.Random``'s.

    Registered, it makes a property test with torch in it reproducible.
    """

    def seed(self, seed: int) -> None:
        sys.modules["torch"].manual_seed(seed)

    def getstate(self) -> object:
        return sys.modules["torch"].get_rng_state()

    def setstate(self, state: object) -> None:
        sys.modules["torch"].set_rng_state(state)


_torch_generator = TorchGenerator()  # Hypothesis keeps a weak reference only


def register_torch_with_hypothesis() -> None:
    """Let Hypothesis manage torch's generator, where both are imported."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None and "torch" in sys.modules:
        hypothesis.register_random(_torch_generator)
