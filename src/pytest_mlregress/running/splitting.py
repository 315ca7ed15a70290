"""Seeds that something else than the user removes from the list of items.

Plugins that split a suite over machines see items, and would send the seeds of one test to several
of them, where none has a verdict. While one of them is active, one seed represents its test: where
it is left all of them run, elsewhere none. Whatever else removes seeds leaves a test incomplete,
and the verdict has to know that the user did not deselect them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.running.seed_items import in_seed_major_order
from pytest_mlregress.running.seed_keys import SEED_ITEM

_SPLITTERS: Final = (("splits", "group"), ("test-group-count", "test-group"))
"""The options that switch on pytest-split and pytest-test-groups; pytest-shard's has a default."""


def is_split(config: pytest.Config) -> bool:
    """True if a plugin sends parts of the suite to several machines.

    Args:
        config: pytest's.

    Returns:
        Whether one does.
    """
    by_groups = any(all(config.getoption(name, None) for name in names) for names in _SPLITTERS)
    return by_groups or int(config.getoption("num_shards", 1) or 1) > 1


@dataclass(slots=True)
class Removals:
    """The seeds of a collection, and those that the user has deselected since.

    Attributes:
        collected: the items of each test.
        by_user: the items that the user has deselected.
    """

    collected: dict[str, list[pytest.Item]] = field(default_factory=dict)
    by_user: set[pytest.Item] = field(default_factory=set)

    def by_others(self, left: Iterable[pytest.Item]) -> frozenset[str]:
        """The tests that have lost a seed, but none because the user deselected it.

        A test of which the user deselected some has no verdict anyway.

        Args:
            left: the remaining items.

        Returns:
            The node ids without the seed.
        """
        kept = set(left)
        return frozenset(
            test
            for test, seeds in self.collected.items()
            if self.by_user.isdisjoint(seeds) and not kept.issuperset(seeds)
        )


_REMOVALS: Final = pytest.StashKey[Removals]()


def removals_of(config: pytest.Config) -> Removals:
    """What has been removed from this session's list so far.

    Args:
        config: pytest's.

    Returns:
        The removals.
    """
    return config.stash.setdefault(_REMOVALS, Removals())


def note_collected(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Remember the seeds of every test, before anything is removed.

    Args:
        config: pytest's.
        items: the collected items.
    """
    removals = removals_of(config)
    for item in items:
        record = item.stash.get(SEED_ITEM, None)
        if record is not None:
            removals.collected.setdefault(record.test, []).append(item)


def note_deselected(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Remember what pytest itself deselects: it does so only at the user's request.

    Args:
        config: pytest's.
        items: the deselected items.
    """
    if _compat.called_by_pytest_or("pytest_mlregress"):
        removals_of(config).by_user.update(items)


def reunite_seeds(config: pytest.Config, items: list[pytest.Item], *, seed_major: bool) -> None:
    """After a splitter: run all seeds of the tests whose representative is left, and no others.

    A test of which the user deselected some seeds stays as it is.

    Args:
        config: pytest's.
        items: the remaining items, changed in place.
        seed_major: whether the seeds are to be in seed-major order.
    """
    removals = removals_of(config)
    reduced = removals.by_others(items)
    whole: list[pytest.Item] = []
    for item in items:
        record = item.stash.get(SEED_ITEM, None)
        if record is None or record.test not in reduced:
            whole.append(item)
        elif item is _representative(record.test, removals.collected[record.test]):
            whole += removals.collected[record.test]
    before, after = set(items), set(whole)
    if gone := [item for item in items if item not in after]:
        config.hook.pytest_deselected(items=gone)
    _compat.take_back_deselection(config, after - before)
    items[:] = in_seed_major_order(whole) if seed_major else whole


def _representative(test: str, seeds: list[pytest.Item]) -> pytest.Item:
    """The same seed on every machine, and not the same for all tests.

    A splitter that takes every n-th item would otherwise leave all of them to one machine.
    """
    digest = hashlib.sha256(test.encode("utf-8", "replace")).digest()
    return seeds[int.from_bytes(digest[:8], "big") % len(seeds)]
