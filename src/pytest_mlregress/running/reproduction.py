"""Whether a seed gives the same bits when it is trained a second time."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.recorded_reads import REPRODUCED
from pytest_mlregress.running.seed_keys import SEED_ITEM

if TYPE_CHECKING:
    import pytest

    from pytest_mlregress.running.result import SeedResult
    from pytest_mlregress.settings import Settings


def trained_twice(item: pytest.Item, settings: Settings) -> bool:
    """Whether a seed is to be trained twice: the first ones of an update that checks rest on.

    Args:
        item: the item of the seed.
        settings: the settings of the run.

    Returns:
        True only in an update with ``unchanged=skip``.
    """
    if not settings.updating or settings.unchanged != "skip":
        return False
    record = item.stash[SEED_ITEM]
    return record.seed in record.declaration.seeds[:REPRODUCED]


def difference(first: SeedResult | None, second: SeedResult) -> str | None:
    """How two trainings of one seed differ.

    Args:
        first: what the seed gave at first; None where it was trained once.
        second: what it gave then.

    Returns:
        In words; empty where every bit is equal, None where there is nothing to compare.
    """
    if first is None:
        return None
    before = {metric.name: metric.value for metric in first.metrics}
    after = {metric.name: metric.value for metric in second.metrics}
    if before.keys() != after.keys():
        return f"seed {second.seed} recorded other metrics when it was trained again"
    for name, value in after.items():
        if struct.pack("<d", before[name]) != struct.pack("<d", value):
            return f"seed {second.seed} gave {name} {before[name]!r} and then {value!r}"
    return ""
