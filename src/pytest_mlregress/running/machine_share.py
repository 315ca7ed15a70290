"""A seed's share of the machine: its GPUs, and what it keeps from the other processes of a run."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

from pytest_mlregress.resources.gpu_libraries import may_use_gpu
from pytest_mlregress.running.declared_needs import NODES, is_placed
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.start_of_run import DEVICES, callers_devices
from pytest_mlregress.running.stop_flags import StopFlags

if TYPE_CHECKING:
    from pytest_mlregress.settings import Settings

_BEFORE: Final = pytest.StashKey[str | None]()
RecordedMemory: TypeAlias = Callable[[SeedItem], int | None]
RECORDED_GPU_MEMORY: Final = pytest.StashKey[RecordedMemory]()
"""Finds the bytes that seeds of a test took of a GPU when its baseline was recorded: 0 for a test
that used none, None where that is unknown."""
_MOST_CPUS: Final = pytest.StashKey[float]()
"""The most processors that a seed of this session uses."""


def give_devices(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Leave this process as many of the caller's GPUs as the largest of its tests declares.

    Where other processes have them, too, seeds that find too little memory are to train again.
    CUDA reads the variable once per process, so that all tests of the process have the same GPUs.

    Args:
        config: pytest's.
        items: those that this process may run.
    """
    if is_placed(config) or NODES in config.stash:
        return
    records = [item.stash[SEED_ITEM] for item in items if SEED_ITEM in item.stash]
    need = max(
        (r.declaration.settings.num_gpus or 0.0 for r in records if r.shortfall is None),
        default=0.0,
    )
    if need > 0:
        from pytest_mlregress.resources.devices import block_of

        block = block_of(_worker(config), _callers_devices(config), need)
        config.stash[_BEFORE] = os.environ.get(DEVICES)
        os.environ[DEVICES] = ",".join(block)
    if records and _sharers(config) > 1:
        from pytest_mlregress.running.memory_retry import MemoryRetry

        config.pluginmanager.register(MemoryRetry(), "mlregress-memory-retry")


def restore_devices(config: pytest.Config) -> None:
    """Undo `give_devices`.

    Args:
        config: pytest's.
    """
    if _BEFORE not in config.stash:
        return
    before = config.stash[_BEFORE]
    if before is None:
        os.environ.pop(DEVICES, None)
    else:
        os.environ[DEVICES] = before


def _worker(config: pytest.Config) -> int:
    number = str(getattr(config, "workerinput", {}).get("workerid", "")).removeprefix("gw")
    return int(number) if number.isdigit() else 0


@contextmanager
def reserved(item: pytest.Item, flags: StopFlags) -> Iterator[None]:
    """Hold what a seed takes of the machine, once the other processes of the run leave as much.

    A seed takes what its test declares, its threads where seeds of the run could have more of them
    together than there are processors, and its share of a GPU that other processes use, too.

    Args:
        item: the item of the seed.
        flags: those of the run; its folder is where processes agree.

    Yields:
        Once, around the seed.
    """
    record = item.stash[SEED_ITEM]
    settings = record.declaration.settings
    if is_placed(item.config):
        yield
        return
    sharers = _sharers(item.config) if settings.num_gpus != 0 else 0
    if record.shortfall is not None or not (
        settings.declares_need or sharers > 1 or _counts_threads(item)
    ):
        yield
        return
    from pytest_mlregress.resources.capacity import capacity
    from pytest_mlregress.resources.reservations import Reservations
    from pytest_mlregress.running.device_share import DeviceShare, resource_of

    machine = capacity(os.environ)
    limits = {"cpus": machine.cpus} | {resource_of(device): 1.0 for device in machine.devices}
    if machine.memory is not None:
        limits["memory"] = machine.memory
    here = Reservations(flags.folder / f"reservations-{_machine_name()}", limits)
    recorded_of = item.config.stash.get(RECORDED_GPU_MEMORY, None)
    share = DeviceShare(
        item,
        machine.devices,
        sharers,
        here,
        flags.folder / f"gpus-{_machine_name()}",
        {"cpus": cpus_of(settings), "memory": settings.memory or 0.0},
        recorded_of(record) if recorded_of is not None and sharers > 1 else None,
    )
    with (
        here.hold(share.amounts, lambda: flags.is_raised(record.test)) as change,
        share.observed(change),
    ):
        yield


def cpus_of(settings: Settings) -> float:
    """The processors that a seed of a test uses: its threads, or what it declares if that is more.

    Args:
        settings: those of the test.

    Returns:
        The number; with ``keep``, which leaves the threads unknown, what is declared.
    """
    threads = 0.0 if settings.threads == "keep" else float(settings.threads)
    return max(threads, settings.num_cpus or 0.0)


def _counts_threads(item: pytest.Item) -> bool:
    """Whether processors are shared out: some seed of this run has more than one thread.

    If all have one, only the number of workers can be too large, which the user has chosen.
    """
    stash = item.config.stash
    if _workers(item.config) < 2:
        return False
    if _MOST_CPUS not in stash:
        records = [one.stash[SEED_ITEM] for one in item.session.items if SEED_ITEM in one.stash]
        stash[_MOST_CPUS] = max(
            (cpus_of(one.declaration.settings) for one in records if one.shortfall is None),
            default=1.0,
        )
    return stash[_MOST_CPUS] > 1


def _sharers(config: pytest.Config) -> int:
    """How many workers may use the GPUs that this one may; 0 where it uses none, or unknown ones.

    Without the caller's word on several GPUs it is the test that chooses among them.
    """
    workers = _workers(config)
    if workers < 2 or not may_use_gpu():
        return 0
    from pytest_mlregress.resources.devices import visible_devices

    own, callers = visible_devices(os.environ), _callers_devices(config)
    if not own or (DEVICES not in os.environ and len(own) > 1):
        return 0
    return math.ceil(workers / max(1, len(callers) // len(own)))


def _callers_devices(config: pytest.Config) -> tuple[str, ...]:
    from pytest_mlregress.resources.devices import visible_devices

    return visible_devices(callers_devices(config))


def _workers(config: pytest.Config) -> int:
    """How many processes run seeds at once; 1 where this one does alone."""
    return int(getattr(config, "workerinput", {}).get("workercount", 1))


def _machine_name() -> str:
    """Workers of one run may be on several machines that share a folder."""
    return Path(platform.node().replace(os.sep, "-") or "here").name
