"""What the seeds of tests declare that they need, beside what the machine or the cluster has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.start_of_run import callers_devices

if TYPE_CHECKING:
    from pytest_mlregress.resources.cluster import Node
    from pytest_mlregress.resources.need import Need
    from pytest_mlregress.settings import Settings

NODES: Final = pytest.StashKey[Sequence["Node"]]()
"""What the nodes of a cluster have, empty where that is for the cluster to know; absent where seeds
run on this machine."""
WORKER_INPUT: Final = "mlregress_shortfalls"
"""The key of ``workerinput``, for a worker that was placed with its devices, of a mapping from
tests to why no machine is large enough for them."""


def is_placed(config: pytest.Config) -> bool:
    """Whether the resources of this process were chosen by what has started it.

    Args:
        config: pytest's.
    """
    return WORKER_INPUT in getattr(config, "workerinput", {})


def this_machine(config: pytest.Config) -> Node:
    """What this machine has, as a node.

    Args:
        config: pytest's.
    """
    from pytest_mlregress.resources.capacity import capacity
    from pytest_mlregress.resources.cluster import Node

    machine = capacity(callers_devices(config))
    memory = math.inf if machine.memory is None else machine.memory
    return Node(machine.cpus, len(machine.devices), memory)


def need_of(settings: Settings) -> Need:
    """What a test declares that one of its seeds needs.

    Args:
        settings: those of the test.

    Returns:
        The need.
    """
    from pytest_mlregress.resources.need import Need

    return Need(cpus=settings.num_cpus, gpus=settings.num_gpus, memory=settings.memory)


def needs_of(items: Iterable[pytest.Item]) -> tuple[list[int], list[Need]]:
    """What the items of a session need: the two of a pair the same, one that is skipped nothing.

    Args:
        items: the items.

    Returns:
        For each item the number of its need, and the needs, each of them once.
    """
    from pytest_mlregress.resources.need import Need
    from pytest_mlregress.running.pairs import BaseSeedItem

    needs: list[Need] = []
    of_item = []
    for item in items:
        if isinstance(item, BaseSeedItem):
            record: SeedItem | None = item.record
        else:
            record = item.stash.get(SEED_ITEM, None)
        need = Need()
        if record is not None and record.shortfall is None:
            need = need_of(record.declaration.settings)
        if need not in needs:
            needs.append(need)
        of_item.append(needs.index(need))
    return of_item, needs


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
    if NODES in config.stash:
        from pytest_mlregress.resources.cluster import cluster_shortfall

        return cluster_shortfall(need_of(settings), config.stash[NODES])
    from pytest_mlregress.resources.capacity import capacity
    from pytest_mlregress.resources.need import shortfall

    return shortfall(need_of(settings), capacity(callers_devices(config)))


def skip_if_too_small(item: pytest.Item) -> None:
    """Skip a seed that this machine is too small for, before any of its fixtures.

    Args:
        item: any item.
    """
    record = item.stash.get(SEED_ITEM, None)
    if record is None:
        return
    if is_placed(item.config):
        reason = item.config.workerinput[WORKER_INPUT].get(record.test)  # type: ignore[attr-defined]
    else:
        reason = shortfall_of(item.config, record.declaration.settings)
    if reason is not None:
        item.stash[SEED_ITEM] = replace(record, shortfall=reason)
        item.add_marker(pytest.mark.skip(reason=reason))
