"""Seeding what a test imports while it runs, and what Hypothesis manages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_mlregress.running.import_hooks import after_import_of
from pytest_mlregress.seeding import SEED_LIBRARY


@contextmanager
def seeding_late_imports(seed: int) -> Iterator[None]:
    """Seed each library with generators that the block is the first to import.

    Otherwise torch would start every seed from the same built-in state, and numpy from the
    operating system's entropy. All other generators continue from their state: which seed is the
    first to import, and whether this plugin did, must not change their numbers.

    Args:
        seed: the seed.

    Yields:
        Once, around the block.
    """
    with after_import_of(*SEED_LIBRARY, action=lambda library: SEED_LIBRARY[library](seed)):
        yield


class TorchGenerator:
    """torch's global generator with the interface that Hypothesis manages: ``random.Random``'s.

    Registered, it makes a property test with torch in it reproducible.
    """

    def seed(self, seed: int) -> None:
        """Seed torch's generators.

        Args:
            seed: the seed.
        """
        sys.modules["torch"].manual_seed(seed)

    def getstate(self) -> object:
        """The state of torch's CPU generator."""
        return sys.modules["torch"].get_rng_state()

    def setstate(self, state: object) -> None:
        """Set the state of torch's CPU generator.

        Args:
            state: what `getstate` returned.
        """
        sys.modules["torch"].set_rng_state(state)


_torch_generator = TorchGenerator()  # Hypothesis keeps a weak reference only


def register_torch_with_hypothesis() -> None:
    """Let Hypothesis manage torch's generator, if both are imported."""
    hypothesis = sys.modules.get("hypothesis")
    if hypothesis is not None and "torch" in sys.modules:
        hypothesis.register_random(_torch_generator)
