"""How many workers ``--mlregress-workers=auto`` starts, by what the machine has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.plurals import count_of
from pytest_mlregress.resources.capacity import Capacity, capacity
from pytest_mlregress.resources.need import in_bytes
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.session.recorded_baselines import suite_baselines_of
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.cost import seed_cost

_MEMORY_SHARE: Final = 0.8
"""Of the memory that this process may use; the rest is for everything else on the machine."""


def automatic_workers(
    config: pytest.Config, settings: Settings, records: Sequence[SeedItem]
) -> tuple[int, str]:
    """The number of workers, and why.

    Args:
        config: pytest's.
        settings: of the run.
        records: of the seeds that are to run.

    Returns:
        The number, at least 1, and the limit that it follows from, in words.
    """
    peaks = [peak for record in records if (peak := _peak_memory(config, settings, record))]
    return choose_workers(
        capacity(os.environ),
        items=len(records) or len(_items(config)),
        threads=settings.threads if settings.threads != "keep" else 1,
        cpus=max((r.declaration.settings.num_cpus or 0.0 for r in records), default=0.0),
        peak_memory=max(peaks, default=None),
    )


def choose_workers(
    machine: Capacity, *, items: int, threads: int, cpus: float, peak_memory: int | None
) -> tuple[int, str]:
    """The number of workers for a machine.

    Args:
        machine: what there is.
        items: the number of items that are to run.
        threads: CPU threads per seed.
        cpus: the most processors that a seed declares to need.
        peak_memory: the most memory that a seed took when it was recorded, in bytes; None where
            that is unknown.

    Returns:
        The number, at least 1, and why.
    """
    each = max(float(threads), cpus, 1.0)
    limits = {
        int(machine.cpus / each): f"{count_of(int(machine.cpus), 'core')}, {each:g} a seed",
    }
    if peak_memory is not None and machine.memory is not None:
        most = int(_MEMORY_SHARE * machine.memory / peak_memory)
        limits.setdefault(
            most, f"{in_bytes(peak_memory)} a seed of {in_bytes(machine.memory)} of memory"
        )
    limits.setdefault(items, count_of(items, "item"))
    number = min(limits)
    return max(number, 1), limits[number]


def _items(config: pytest.Config) -> Sequence[object]:
    session = config.pluginmanager.getplugin("session")
    return getattr(session, "items", ())


def _peak_memory(config: pytest.Config, settings: Settings, record: SeedItem) -> int | None:
    try:
        store = suite_baselines_of(config, settings)
        cost = seed_cost(store.find(Path(record.file), record.test, record.declaration.tier))
    except BaselineError:
        return None
    return cost.peak_memory if cost is not None else None
