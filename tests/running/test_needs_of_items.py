from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlregress.resources.need import Need
from pytest_mlregress.running.declared_needs import needs_of
from pytest_mlregress.running.pairs import BaseSeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.settings import Settings


def seed_item(*, shortfall: str | None = None, **declared: float) -> Any:
    record: Any = SimpleNamespace(
        shortfall=shortfall, declaration=SimpleNamespace(settings=Settings(**declared))
    )
    stash = pytest.Stash()
    stash[SEED_ITEM] = record
    return SimpleNamespace(stash=stash)


def test_the_items_of_a_pair_have_one_need_and_what_is_skipped_has_none() -> None:
    candidate = seed_item(num_gpus=1.0)
    base = BaseSeedItem.__new__(BaseSeedItem)
    base._candidate = candidate
    plain: Any = SimpleNamespace(stash=pytest.Stash())
    skipped = seed_item(num_gpus=9.0, shortfall="no node has 9 GPUs")
    of_item, needs = needs_of([plain, candidate, base, skipped, seed_item(num_gpus=1.0)])
    assert of_item == [0, 1, 1, 0, 1]
    assert needs == [Need(), Need(gpus=1.0)]
