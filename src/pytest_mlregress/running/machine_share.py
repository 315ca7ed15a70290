"""A seed's share of the machine: whether it has one, its GPUs, and what it keeps from others."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mlregress.running.seed_items import SEED_ITEM, SeedItem
from pytest_mlregress.running.stop_flags import StopFlags
from pytest_mlregress.running.threads import DEVICES

if TYPE_CHECKING:
    from pytest_mlregress.resources.need import Need
    from pytest_mlregress.settings import Settings

_CALLERS: Final = pytest.StashKey[Mapping[str, str]]()
_BEFORE: Final = pytest.StashKey[str | None]()


def note_callers_devices(config: pytest.Config) -> None:
    """Remember which GPUs the caller allows, before a worker is given its own.

    Args:
        config: pytest's.
    """
    config.stash[_CALLERS] = {DEVICES: os.environ[DEVICES]} if DEVICES in os.environ else {}


def need_of(settings: Settings) -> Need:
    """What a test declares that one of its seeds needs.

    Args:
        settings: those of the test.

    Returns:
        The need.
    """
    from pytest_mlregress.resources.need import Need

    return Need(cpus=settings.num_cpus, gpus=settings.num_gpus, memory=settings.memory)


def shortfall_of(config: pytest.Config, settings: Settings) -> str | None:
    """Why this machine is too small for a test.

    Args:
        config: pytest's.
        settings: those of the test.

    Returns:
        The reason; None where it is large enough, or the test declares nothing.
    """
    if not settings.declares_need:
        return None
    from pytest_mlregress.resources.capacity import capacity
    from pytest_mlregress.resources.need import shortfall

    return shortfall(need_of(settings), capacity(config.stash.get(_CALLERS, os.environ)))


def skip_if_too_small(item: pytest.Item) -> None:
    """Skip a seed that this machine is too small for, before any of its fixtures.

    Args:
        item: any item.
    """
    record = item.stash.get(SEED_ITEM, None)
    if record is None:
        return
    reason = shortfall_of(item.config, record.declaration.settings)
    if reason is not None:
        item.stash[SEED_ITEM] = replace(record, shortfall=reason)
        item.add_marker(pytest.mark.skip(reason=reason))


def give_devices(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Leave this process as many of the caller's GPUs as the largest of its tests declares.

    CUDA reads the variable once per process, so that all tests of the process have the same GPUs.

    Args:
        config: pytest's.
        items: those that this process may run.
    """
    records = [item.stash[SEED_ITEM] for item in items if SEED_ITEM in item.stash]
    need = max(
        (r.declaration.settings.num_gpus or 0.0 for r in records if r.shortfall is None),
        default=0.0,
    )
    if need <= 0:
        return
    from pytest_mlregress.resources.devices import block_of, visible_devices

    devices = visible_devices(config.stash.get(_CALLERS, os.environ))
    block = block_of(_worker(config), devices, need)
    config.stash[_BEFORE] = os.environ.get(DEVICES)
    os.environ[DEVICES] = ",".join(block)


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
def reserved(record: SeedItem, flags: StopFlags) -> Iterator[None]:
    """Hold what a seed declares to need, once the other processes of the run leave as much.

    Args:
        record: of the seed.
        flags: those of the run; its folder is where processes agree.

    Yields:
        Once, around the seed.
    """
    settings = record.declaration.settings
    if not settings.declares_need or record.shortfall is not None:
        yield
        return
    from pytest_mlregress.resources.capacity import capacity
    from pytest_mlregress.resources.reservations import Reservations

    machine = capacity(os.environ)
    limits: dict[str, float] = {"cpus": machine.cpus}
    amounts: dict[str, float] = {
        "cpus": settings.num_cpus or 0.0,
        "memory": settings.memory or 0.0,
    }
    if machine.memory is not None:
        limits["memory"] = machine.memory
    amounts |= _shares(machine.devices, settings.num_gpus or 0.0)
    limits |= {name: 1.0 for name in amounts if name not in ("cpus", "memory")}
    folder = flags.folder / f"reservations-{_machine_name()}"
    with Reservations(folder, limits).hold(amounts, lambda: flags.is_raised(record.test)):
        yield


def _shares(devices: Iterable[str], need: float) -> dict[str, float]:
    """How much of each GPU of this process a seed uses."""
    shares: dict[str, float] = {}
    for device in devices:
        if need <= 0:
            break
        shares[f"gpu {device}"] = min(need, 1.0)
        need -= 1.0
    return shares


def _machine_name() -> str:
    """Workers of one run may be on several machines that share a folder."""
    return Path(platform.node().replace(os.sep, "-") or "here").name
