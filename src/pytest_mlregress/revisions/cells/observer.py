"""Whom a command that trains seeds tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed


@dataclass(frozen=True, slots=True)
class TrainingObserver:
    """Whom a command tells how far it is.

    Attributes:
        on_total: called with the largest number of trainings.
        on_start: called with each seed before it trains.
        on_seed: called with each seed that is known.
        warn: told of what cannot be used of the cache.
    """

    on_total: Callable[[int], None]
    on_start: Callable[[SeedRequest], None]
    on_seed: Callable[[TrainedSeed], None]
    warn: Callable[[str], None]
