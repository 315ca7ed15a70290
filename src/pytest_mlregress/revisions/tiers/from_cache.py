"""States of the code at which both tiers were trained, among the seeds that are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.revisions.cache_entry import CachedSeed, EntryError, entry_in
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest
from pytest_mlregress.revisions.cells.trainer import seed_key
from pytest_mlregress.revisions.entry_store import EntryStore, entries_at
from pytest_mlregress.revisions.tiers.state import TierSample
from pytest_mlregress.running.reads import checkout_of
from pytest_mlregress.running.result import SeedResult, with_spent

__all__ = ["cached_samples"]

_DIGITS: Final = 16


def cached_samples(suite: Suite, test: SuiteTest) -> dict[str, TierSample]:
    """What is kept of one tier, by a hash of the code and packages that its seeds read.

    Two tiers of one test read the same files where only their parameters differ, so that equal
    hashes are one state of the code.

    Args:
        suite: the tests, collected with that tier.
        test: the test.

    Returns:
        The samples, in the order in which their first seeds were kept; none where none are.
    """
    if suite.cache_place is None:
        return {}
    entries = entries_at(suite.cache_place)
    found: dict[str, dict[int, SeedResult]] = {}
    for seed in test.seeds:
        for cached in _entries(entries, suite, test, seed):
            if cached.machine == test.machine:
                result = with_spent(SeedResult.from_builtins(cached.result), cached.spent)
                found.setdefault(_state(cached), {})[seed] = result  # the newest counts
    return {state: TierSample.of_results(seeds.values()) for state, seeds in found.items()}


def _entries(entries: EntryStore, suite: Suite, test: SuiteTest, seed: int) -> Iterable[CachedSeed]:
    key = seed_key(test, seed, checkout_of(suite.rootdir))
    with suppress(OSError, StoreError):
        for name in reversed(entries.names(key.digest)):
            with suppress(EntryError, OSError):
                yield entry_in(entries.read(key.digest, name), key)


def _state(cached: CachedSeed) -> str:
    reads = cached.reads
    text = json.dumps(
        [
            sorted(reads.files.items()),
            sorted(reads.listings.items()),
            sorted(reads.variables.items()),
            sorted(cached.packages.items()),
        ]
    )
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]
