"""How many workers ``--mlregress-workers=auto`` starts, by what the machine has."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.plurals import count_of
from pytest_mlregress.resources.capacity import Capacity, capacity
from pytest_mlregress.resources.device_sharing import CONTEXT, budget
from pytest_mlregress.resources.need import in_bytes
from pytest_mlregress.resources.nvml import DeviceMemory, device_memories
from pytest_mlregress.running.machine_share import cpus_of
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.session.recorded_baselines import suite_baselines_of
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.cost import SeedCost, seed_cost

_MEMORY_SHARE: Final = 0.8
"""Of the memory that this process may use; the rest is for everything else on the machine."""


@dataclass(frozen=True, slots=True)
class SeedUse:
    """What a seed of a test uses, declared or by what its baseline recorded.

    Attributes:
        cpus: processors.
        memory: bytes; None where unknown.
        gpus: what is declared; None for no word on it.
        gpu_memory: bytes on one GPU; None where unknown.
    """

    cpus: float = 1.0
    memory: float | None = None
    gpus: float | None = None
    gpu_memory: int | None = None


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
    machine = capacity(os.environ)
    uses = {r.test: r for r in records if r.shortfall is None}
    return choose_workers(
        machine,
        [_use(record, _recorded(config, settings, record)) for record in uses.values()],
        items=len(records) or len(_items(config)),
        memories=device_memories(machine.devices, os.environ) if machine.devices else {},
    )


def choose_workers(
    machine: Capacity,
    uses: Sequence[SeedUse],
    *,
    items: int,
    memories: Mapping[str, DeviceMemory | None],
) -> tuple[int, str]:
    """The number of workers for a machine: as many as could be busy at once.

    Seeds that use more than others wait for each other where they have to. Memory is the exception:
    what is not declared waits for nothing, so that the largest seed counts.

    Args:
        machine: what there is.
        uses: what seeds use, one of each test.
        items: the number of items that are to run.
        memories: of the GPUs, None where unknown.

    Returns:
        The number, at least 1, and why.
    """
    cpus = [max(use.cpus, 1.0) for use in uses] or [1.0]
    each = f"{min(cpus):g} a seed" if min(cpus) == max(cpus) else f"{_span(cpus)} a seed"
    limits = {int(machine.cpus / min(cpus)): f"{count_of(int(machine.cpus), 'core')}, {each}"}
    largest = max((use.memory for use in uses if use.memory is not None), default=None)
    if largest and machine.memory is not None:
        most = int(_MEMORY_SHARE * machine.memory / largest)
        limits.setdefault(
            most, f"{in_bytes(largest)} a seed of {in_bytes(machine.memory)} of memory"
        )
    if uses and (by_gpu := _gpu_limit(machine, uses, memories)) is not None:
        limits.setdefault(*by_gpu)
    limits.setdefault(items, count_of(items, "item"))
    number = min(limits)
    return max(number, 1), limits[number]


def _gpu_limit(
    machine: Capacity, uses: Sequence[SeedUse], memories: Mapping[str, DeviceMemory | None]
) -> tuple[int, str] | None:
    """How many seeds the GPUs take at once, and why; None where not each seed needs a known part.

    A GPU that the caller has not named is one of several that a test chooses from.
    """
    devices = machine.devices
    if all(use.gpus for use in uses):
        shares = [use.gpus or 0.0 for use in uses]
        least = min(shares)
        number = int(len(devices) / least) if least >= 1 else len(devices) * int(1 / least + 1e-9)
        each = f"{least:.3g}" if least == max(shares) else _span(shares)
        return number, f"{count_of(len(devices), 'GPU')}, {each} a seed"
    taken = [use.gpu_memory for use in uses if use.gpu_memory]
    used = devices if machine.visible is not None else devices[:1]
    known = [memory for device in used if (memory := memories.get(device)) is not None]
    if len(taken) < len(uses) or not used or len(known) < len(used):
        return None
    room = min(budget(memory, 0) for memory in known)
    at_once = max(1, room // (min(taken) + CONTEXT))
    return len(used) * at_once, (
        f"{count_of(len(used), 'GPU')} of {in_bytes(min(memory.total for memory in known))}, "
        f"{in_bytes(min(taken))} a seed"
    )


def _span(numbers: Sequence[float]) -> str:
    return f"{min(numbers):.3g} to {max(numbers):.3g}"


def _use(record: SeedItem, recorded: SeedCost | None) -> SeedUse:
    settings = record.declaration.settings
    peak = recorded.peak_memory if recorded is not None else None
    amounts = [amount for amount in (settings.memory, peak) if amount]
    return SeedUse(
        cpus=cpus_of(settings),
        memory=max(amounts, default=None),
        gpus=settings.num_gpus,
        gpu_memory=recorded.peak_gpu_memory if recorded is not None else None,
    )


def _items(config: pytest.Config) -> Sequence[object]:
    session = config.pluginmanager.getplugin("session")
    return getattr(session, "items", ())


def _recorded(config: pytest.Config, settings: Settings, record: SeedItem) -> SeedCost | None:
    try:
        store = suite_baselines_of(config, settings)
        return seed_cost(store.find(Path(record.file), record.test, record.declaration.tier))
    except BaselineError:
        return None
