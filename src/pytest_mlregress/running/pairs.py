"""Pairs: beside each seed of the candidate an item that trains the same seed on the base.

Both are items of one session, next to each other and in the order A B, B A, A B, so that drift and
throttling of a machine hit both sides alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.node_ids import replace_seed, seed_id, split_parameters
from pytest_mlregress.revisions.base_side import BASE
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM


@dataclass(frozen=True, slots=True)
class _CallSpec:
    """What tools read of the parameters of an item."""

    params: Mapping[str, object]
    id: str


class BaseSeedItem(pytest.Item):
    """One seed of a test on the base; a companion trains it.

    It is named as the candidate's is: ``test_x[a-seed0-base]`` beside ``test_x[a-seed0]``.

    Attributes:
        candidate: the node id of the candidate's seed; in the companion the base's has it, too.
        candidate_location: pytest's location of that seed.
        takes_run: whether the test uses the fixture ``mlregress``.
    """

    def __init__(
        self,
        *,
        candidate: pytest.Item,
        **attributes: Any,
    ) -> None:
        """``candidate`` is the other item of the pair."""
        super().__init__(path=candidate.path, **attributes)
        self.originalname, parameters = split_parameters(self.name)
        self.callspec = _CallSpec(_compat.parameter_values(candidate), parameters or "")
        self._candidate = candidate
        self.candidate = candidate.nodeid
        self.takes_run = "mlregress" in getattr(candidate, "fixturenames", ())
        self.candidate_location = candidate.location
        name = base_seed_id(candidate.location[2], self.record.seed)
        self._place = (candidate.path, candidate.location[1], name)

    @classmethod
    def beside(cls, candidate: pytest.Item) -> BaseSeedItem:
        """The other item of a seed's pair.

        Args:
            candidate: the item of the candidate's seed.

        Returns:
            The item.
        """
        assert candidate.parent is not None
        seed = candidate.stash[SEED_ITEM].seed
        item: BaseSeedItem = cls.from_parent(
            candidate.parent,
            name=base_seed_id(candidate.name, seed),
            nodeid=base_seed_id(candidate.nodeid, seed),
            candidate=candidate,
        )
        return item

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The place of the test function."""
        return self._place

    @property
    def record(self) -> SeedItem:
        """What the candidate's item knows of its test once the collection is complete."""
        return self._candidate.stash[SEED_ITEM]

    def runtest(self) -> None:
        """Nothing: `BaseExecution.run` takes the place of pytest's protocol."""


def base_seed_id(name: str, seed: int) -> str:
    """The name or node id of the base's seed, from that of the candidate's.

    Args:
        name: of the candidate's seed.
        seed: the seed.

    Returns:
        The name.
    """
    return replace_seed(name, seed, f"{seed_id(seed)}-{BASE}")


def insert_base_items(items: list[pytest.Item]) -> None:
    """Put the base's seeds beside the candidate's, in the order A B, B A, A B.

    Which seed of its test comes first depends on its place among them alone, so that every process
    has the same order.

    Args:
        items: those that are left after all deselection, changed in place.
    """
    items[:] = list(_paired(items))


def _paired(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    for item in items:
        record = item.stash.get(SEED_ITEM, None)
        if record is None:
            yield item
            continue
        pair = (item, BaseSeedItem.beside(item))
        first = record.declaration.seeds.index(record.seed) % 2
        yield pair[first]
        yield pair[1 - first]


def pair_of(nodeid: str) -> str:
    """What both items of a pair have in common: the candidate's node id; any other id as it is.

    Args:
        nodeid: of an item.

    Returns:
        The id.
    """
    end = f"-{BASE}]"
    return f"{nodeid.removesuffix(end)}]" if nodeid.endswith(end) else nodeid
