"""In which order the items of a session are handed out to workers."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.baselines.git_ref import is_git_ref
from pytest_mlregress.looks import default_looks
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.seed_order import planned_order
from pytest_mlregress.running.sharding import expected_durations
from pytest_mlregress.running.stop_flags import stop_flags
from pytest_mlregress.session.recorded_durations import recorded_durations, trained_as_one
from pytest_mlregress.session.worker_count import worker_count
from pytest_mlregress.settings import Settings

_ORDER: Final = "order.json"
_LEAST_S: Final = 0.1
"""What takes less is ordered by seeds and tests: handing it out takes as long as it does."""
_MOST_READ: Final = 500
"""Every worker of xdist reads the baselines of that many tests at most, to order its items."""


def order_of(
    config: pytest.Config, settings: Settings, items: Sequence[pytest.Item]
) -> Sequence[int]:
    """The order in which items are handed out to workers.

    Args:
        config: pytest's.
        settings: the settings of the run.
        items: all items of the session.

    Returns:
        Their positions.
    """
    if settings.compares_sides or config.getoption("stepwise", False):
        return range(len(items))
    records = [item.stash.get(SEED_ITEM, None) for item in items]
    seeds = [record for record in records if record is not None]
    seconds = expected_durations(recorded_durations(config, settings, seeds))
    return planned_order(
        [0 if record is None else 1 + _look_of(record) for record in records],
        [
            None if record is None else max(seconds[trained_as_one(record)], _LEAST_S)
            for record in records
        ],
        _workers(config),
    )


def reorder_for_xdist(config: pytest.Config, settings: Settings, items: list[pytest.Item]) -> None:
    """In a worker of xdist: put the items in the order in which they are to begin.

    xdist hands out items in the order of collection, which has to be the same in all workers. So
    only what all of them read alike decides: baselines in files, in a run that writes none; and
    the order is that of the worker that was the first, since somebody may change a file meanwhile,
    and a worker may take the place of a lost one.

    Args:
        config: pytest's.
        settings: the settings of the run.
        items: what was collected, changed in place.
    """
    if not hasattr(config, "workerinput") or settings.engine != "local":
        return  # another engine has an order of its own for what is collected
    tests = {item.stash[SEED_ITEM].test for item in items if SEED_ITEM in item.stash}
    source = settings.baseline
    elsewhere = source is not None and ("://" in source or is_git_ref(source))
    if settings.updating or elsewhere or len(tests) > _MOST_READ:
        return
    folder = stop_flags(config).folder
    order = _written(folder)
    if order is None:
        own = [items[index].nodeid for index in order_of(config, settings, items)]
        order = _agreed(folder, own)
    place = {nodeid: number for number, nodeid in enumerate(order)}
    if place.keys() == {item.nodeid for item in items}:  # otherwise xdist says what differs
        items.sort(key=lambda item: place[item.nodeid])


def _written(folder: Path) -> list[str] | None:
    try:
        order: list[str] = json.loads((folder / _ORDER).read_text(encoding="utf-8"))
    except OSError:
        return None
    return order


def _agreed(folder: Path, order: list[str]) -> list[str]:
    """The order that was written down first, in the folder that all workers share."""
    own = folder / f"{os.getpid()}-{_ORDER}"
    with suppress(OSError):  # no such folder, no links: each of them decides alike
        own.write_text(json.dumps(order), encoding="utf-8")
        with suppress(FileExistsError):
            os.link(own, folder / _ORDER)
        own.unlink()
    return _written(folder) or order


def _workers(config: pytest.Config) -> int:
    given = getattr(config, "workerinput", None)
    return int(given["workercount"]) if given is not None else worker_count(config)


def _look_of(record: SeedItem) -> int:
    """The look at which a seed's test is judged with it, from 0."""
    declared = record.declaration
    if declared.settings.stop == "never":
        return 0
    if declared.looks:
        return declared.turn(record.seed)
    place = declared.seeds.index(record.seed)
    return sum(place >= n for n in default_looks(len(declared.seeds)))
