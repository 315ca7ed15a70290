"""The items of a shard: what is left of a suite whose seeds several jobs share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress.running import seed_items, splitting
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.sharding import SeedOfTest, shards_of
from pytest_mlregress.session.recorded_durations import recorded_durations, trained_as_one
from pytest_mlregress.settings import Settings, Shard

if TYPE_CHECKING:
    from pytest_mlregress.reporting.shard_of_run import CollectedTest

WORKER_OUTPUT: Final = "mlregress_shards"
"""In xdist's ``workeroutput``: which shard trains which seed; the controller collects nothing."""

_Collected = list[dict[str, Any]]

_COLLECTED: Final = pytest.StashKey[_Collected]()


def keep_own_seeds(
    config: pytest.Config, settings: Settings, shard: Shard, items: list[pytest.Item]
) -> None:
    """Leave out the seeds that other jobs train; other items stay.

    Called once nothing else removes items: each seed still knows all that were selected.

    Args:
        config: pytest's.
        settings: the settings of the run.
        shard: which part of the suite this job trains.
        items: what the user has selected, changed in place.

    Raises:
        pytest.UsageError: another plugin splits the suite, too.
    """
    if splitting.is_split(config):
        raise pytest.UsageError(
            f"--mlregress-shard={shard.text}: another plugin splits the suite already; remove its "
            "options, or this one"
        )
    removals = splitting.removals_of(config)
    seed_items.note_selected_seeds(items, removals.by_others(items), tests=len(removals.collected))
    records = [item.stash[SEED_ITEM] for item in items if SEED_ITEM in item.stash]
    shards = shards_of(recorded_durations(config, settings, records), shard.count)
    config.stash[_COLLECTED] = list(_collected(records, shards))
    gone = [
        item
        for item in items
        if SEED_ITEM in item.stash and shards[trained_as_one(item.stash[SEED_ITEM])] != shard.number
    ]
    if gone:
        config.hook.pytest_deselected(items=gone)
        removals.by_user.difference_update(gone)
        left_out = set(gone)
        items[:] = [item for item in items if item not in left_out]


def is_sharded(config: pytest.Config) -> bool:
    """Whether seeds were left out, and the others know of them.

    Args:
        config: pytest's.

    Returns:
        Whether `keep_own_seeds` was called.
    """
    return _COLLECTED in config.stash


def send_collected(config: pytest.Config) -> None:
    """In a worker of pytest-xdist: tell the controller what was collected.

    Args:
        config: pytest's.
    """
    output = getattr(config, "workeroutput", None)
    if output is not None and _COLLECTED in config.stash:
        output[WORKER_OUTPUT] = config.stash[_COLLECTED]


def receive_collected(config: pytest.Config, output: Mapping[str, Any]) -> None:
    """In the controller of pytest-xdist: take what a worker has collected, the same in all.

    Args:
        config: pytest's.
        output: the worker's.
    """
    if WORKER_OUTPUT in output:
        config.stash[_COLLECTED] = output[WORKER_OUTPUT]


def collected_tests(config: pytest.Config) -> tuple[CollectedTest, ...] | None:
    """The tests of the whole suite, and which shard trains which seed.

    Args:
        config: pytest's.

    Returns:
        The tests, sorted; None where they were never collected.
    """
    from pytest_mlregress.reporting.shard_of_run import CollectedTest

    if _COLLECTED not in config.stash:
        return None
    return tuple(
        CollectedTest(
            test=one["test"],
            tier=one["tier"],
            planned=tuple(one["planned"]),
            shards={int(seed): number for seed, number in one["shards"]},
        )
        for one in config.stash[_COLLECTED]
    )


def _collected(
    records: Iterable[SeedItem], shards: Mapping[SeedOfTest, int]
) -> Iterator[dict[str, Any]]:
    tests = {(record.test, record.declaration.tier): record for record in records}
    for (test, tier), record in sorted(tests.items()):
        yield {
            "test": test,
            "tier": tier,
            "planned": list(record.declaration.seeds),
            "shards": [
                [seed, shards[trained_as_one(replace(record, seed=seed))]]
                for seed in record.selected
            ],
        }
