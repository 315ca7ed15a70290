"""A seed's share of the GPUs of its process, and what it tells the others of what it took."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.resources.device_sharing import (
    TrainedSeed,
    budget,
    memory_of,
    most_at_once,
    share,
)
from pytest_mlregress.resources.gpu_libraries import unmeasured_gpu
from pytest_mlregress.resources.peak_memory import (
    held_gpu_memory,
    out_of_memory_errors,
    release_gpu_memory,
)
from pytest_mlregress.resources.reservations import Reservations
from pytest_mlregress.resources.shared_devices import SharedDevices
from pytest_mlregress.running.running_seed import RUNNING, RunningSeed
from pytest_mlregress.running.seed_keys import SEED_ITEM

SHARE: Final = pytest.StashKey["DeviceShare"]()
"""Of the item of a seed that may meet others on its GPUs."""
ALL_MEMORY: Final = 2**62
"""Bytes: more than any GPU has."""
_SHARED: Final = pytest.StashKey[SharedDevices]()
_HAS_TRAINED: Final = pytest.StashKey[bool]()
"""Whether a seed has trained in this process."""


def resource_of(device: str) -> str:
    """The name of a GPU among the resources that are reserved.

    Args:
        device: as ``CUDA_VISIBLE_DEVICES`` names it.

    Returns:
        The name.
    """
    return f"gpu {device}"


class DeviceShare:
    """What one seed takes of GPUs.

    Args:
        item: the item of the seed.
        devices: the GPUs of this process.
        sharers: how many workers may use them; below 2, only what is declared counts.
        reservations: those of the machine.
        folder: where processes tell each other of what seeds took.
        others: what the seed takes of the machine beside GPUs.
        recorded: bytes that seeds of the test took of a GPU when its baseline was recorded.
    """

    def __init__(
        self,
        item: pytest.Item,
        devices: Sequence[str],
        sharers: int,
        reservations: Reservations,
        folder: Path,
        others: Mapping[str, float],
        recorded: int | None,
    ) -> None:
        self._item = item
        self._record = item.stash[SEED_ITEM]
        self._declared = self._record.declaration.settings.num_gpus
        whole = math.ceil(self._declared) if self._declared is not None else len(devices)
        self._devices = tuple(devices[:whole])
        self._is_shared = sharers > 1 and bool(self._devices)
        sides = 2 if self._record.declaration.settings.compares_sides else 1
        self._processes = sharers * sides  # an A/B run has a companion beside each worker
        self._reservations = reservations
        self._others = others
        # What torch did not see says nothing where another library may use the GPU.
        self._recorded = None if recorded == 0 and unmeasured_gpu() else recorded
        self._amounts: dict[str, float] = {}
        self._measured: int | None = None
        self._shared = item.config.stash.setdefault(_SHARED, SharedDevices(folder))

    def amounts(self) -> dict[str, float]:
        """What the seed takes of the machine, by the name of the resource, as is known by now."""
        self._amounts = dict(self._parts())
        return {**self._others, **self._amounts}

    def _parts(self) -> Iterator[tuple[str, float]]:
        if not self._is_shared:
            for device in self._devices:
                yield resource_of(device), min(self._declared or 0.0, 1.0)
            return
        trained = self._shared.trained()
        memories = self._shared.memories(self._devices, os.environ)
        self._measured = memory_of(self._record.test, trained)
        memory = self._recorded if self._measured is None else self._measured
        for device in self._devices:
            known = memories.get(device)
            if known is None and self._declared is None:
                continue  # nothing to count against
            name = resource_of(device)
            part = share(
                self._declared,
                memory if known is not None else None,
                budget(known, self._processes) if known is not None else 0,
                most_at_once(device, trained, self._reservations.held_since(name)),
            )
            yield name, part

    @contextmanager
    def observed(self, change: Callable[[Mapping[str, float]], None]) -> Iterator[None]:
        """Around the seed: tell the others what it took, and give back what it does not need.

        Args:
            change: holds other amounts of the machine than until now.
        """
        if not self._is_shared:
            yield
            return
        self._change = change
        self._began = time.time()
        self._errors = out_of_memory_errors()
        self._item.stash[SHARE] = self
        yield
        running = self._item.stash.get(RUNNING, None)
        if running is not None and _has_passed(running):
            self._note(running, held_gpu_memory())
        release_gpu_memory()

    @property
    def meets_others(self) -> bool:
        """Whether seeds of other processes may train on the GPUs of this one meanwhile."""
        return any(part < 1.0 for part in self._amounts.values()) and self._measured != 0

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the seed found too little memory on a GPU, beside others."""
        return self.meets_others and out_of_memory_errors() > self._errors

    def be_alone(self) -> None:
        """Wait for the GPUs, and let no seed of this test be beside another one any more."""
        release_gpu_memory()
        self._amounts = dict.fromkeys(self._amounts, 1.0)
        self._shared.note(
            TrainedSeed(self._record.test, (), self._began, time.time(), 0.0, ALL_MEMORY)
        )
        self._change({**self._others, **self._amounts})
        self._began = time.time()

    def _note(self, running: RunningSeed, memory: int | None) -> None:
        config = self._item.config
        self._shared.note(
            TrainedSeed(
                test=self._record.test,
                devices=self._devices,
                began=self._began,
                ended=time.time(),
                seconds=running.seconds,
                memory=memory,
                first=not config.stash.get(_HAS_TRAINED, False),
            )
        )
        config.stash[_HAS_TRAINED] = True


def _has_passed(running: RunningSeed) -> bool:
    """Whether a seed trained to its end: one that did not may have taken less than others will."""
    return running.passed and not (running.stopped or running.left_out or running.xfailed)
