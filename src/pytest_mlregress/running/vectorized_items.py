"""Seeds that one item trains: ``@pytest.mark.seeds(32, vectorized=True)``.

The seeds are collected and selected as ordinary items. Once that is done, the first one of a test,
in an update the first one of each look, takes the others' place: its run trains all of them. What
the others gave travels on its last report, and the process that judges reports every one under its
own node id (`session/vectorized_reports.py`). Nothing else knows the difference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from pytest_mlregress.running.running_seed import RunningSeed
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.seed_payload import plan_payload

OTHERS: Final = "others"
"""The field of a payload with what other seeds gave that the item has trained."""

_OTHERS: Final = pytest.StashKey[list[pytest.Item]]()


def join_seeds(items: list[pytest.Item]) -> None:
    """Leave one item for the seeds of a test that train together; none is deselected.

    Args:
        items: the items that are to run, changed in place.
    """
    groups: dict[tuple[str, int], list[pytest.Item]] = {}
    for item in items:
        record = item.stash.get(SEED_ITEM, None)
        if record is not None and record.declaration.settings.vectorized:
            look = record.declaration.turn(record.seed) if record.declaration.looks else 0
            groups.setdefault((record.test, look), []).append(item)
    left_out: set[pytest.Item] = set()
    for members in groups.values():
        members.sort(key=lambda item: _place(item))
        first, *others = members
        seeds = tuple(item.stash[SEED_ITEM].seed for item in members)
        first.stash[SEED_ITEM] = replace(first.stash[SEED_ITEM], together=seeds)
        first.stash[_OTHERS] = others
        left_out.update(others)
    if left_out:
        items[:] = [item for item in items if item not in left_out]


def _place(item: pytest.Item) -> int:
    record = item.stash[SEED_ITEM]
    return record.declaration.seeds.index(record.seed)


def others_of(item: pytest.Item, running: RunningSeed) -> list[dict[str, Any]]:
    """What the other seeds of an item are reported with, as plain builtins.

    Args:
        item: the item, whose phases are over.
        running: its state.

    Returns:
        Per seed its node id and the part of its payload that differs from the item's.
    """
    others = []
    for other in item.stash.get(_OTHERS, ()):
        record = other.stash[SEED_ITEM]
        recorded = running.records[record.seed]
        payload = plan_payload(record, other.location)
        payload["values"] = {name: one.value for name, one in recorded.metrics.items()}
        payload["result"] = recorded.result(record.seed).to_builtins()
        others.append({"nodeid": other.nodeid, "payload": payload})
    return others
