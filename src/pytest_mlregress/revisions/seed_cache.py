"""Seeds that were trained before, found again as long as nothing that they read has changed.

The cache saves time and decides nothing: an entry that cannot be read, or is not what it says, is
left out with a warning, and the seed is trained.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.packages import installed_version
from pytest_mlregress.revisions.cache_entry import (
    CachedSeed,
    EntryError,
    SeedKey,
    bytes_of_entry,
    entry_in,
)
from pytest_mlregress.revisions.entry_store import LARGEST_ENTRY, EntryStore

MOST_ENTRIES: Final = 8
"""So many states of the code are remembered for one seed."""


class SeedCache:
    """The trained seeds at one place.

    Args:
        entries: where they are kept.
        warn: told once of what cannot be used, and once of a place that cannot be reached.
    """

    def __init__(self, entries: EntryStore, warn: Callable[[str], None]) -> None:
        self._entries = entries
        self._warn = warn
        self._reachable = True
        self._warned: set[str] = set()

    def lookup(
        self,
        key: SeedKey,
        checkout: Path,
        environment_digest: str,
        *,
        guarded: bool = False,
        run: str = "",
    ) -> CachedSeed | None:
        """The newest result of a seed that holds for the code in a checkout.

        Args:
            key: which seed.
            checkout: the top folder of the code.
            environment_digest: the hash of the machine and the interpreter.
            guarded: whether only a training counts that bug guards have watched.
            run: the run that asks. What it has trained itself does not count: otherwise one side
                would be a copy of the other, and equal whatever the training does.

        Returns:
            The seed; None where none has read exactly what lies there now.
        """
        for name in self._names(key):
            cached = self._read(key, name)
            if (
                cached is not None
                and (not run or cached.run != run)
                and cached.machine == environment_digest
                and (cached.guarded or not guarded)
                and all(installed_version(package) == v for package, v in cached.packages.items())
                and not cached.reads.unseen
                and cached.reads.change_in(checkout) is None
            ):
                return cached
        return None

    def store(self, key: SeedKey, cached: CachedSeed) -> None:
        """Keep a seed that passed; one that read what no hash covers is not kept.

        Args:
            key: which seed.
            cached: what it gave and read.
        """
        if cached.reads.unseen or cached.result.get("outcome") != "finished" or not self._reachable:
            return
        content = bytes_of_entry(key, cached)
        if len(content) > LARGEST_ENTRY:
            return
        alike = bytes_of_entry(
            key, replace(cached, run="", spent={})
        )  # the same again, by another run
        end = f"-{hashlib.sha256(alike).hexdigest()[:16]}.json.gz"
        try:
            if any(name.endswith(end) for name in self._entries.names(key.digest)):
                return
            name = f"{time.time_ns():020d}{end}"
            self._entries.write(key.digest, name, content)
            for old in self._entries.names(key.digest)[MOST_ENTRIES:]:
                self._entries.remove(key.digest, old)
        except (OSError, StoreError) as error:
            self._give_up(error)

    def _names(self, key: SeedKey) -> list[str]:
        if not self._reachable:
            return []
        try:
            return self._entries.names(key.digest)
        except (OSError, StoreError) as error:
            self._give_up(error)
            return []

    def _read(self, key: SeedKey, name: str) -> CachedSeed | None:
        try:
            return entry_in(self._entries.read(key.digest, name), key)
        except EntryError as error:
            place = self._entries.shown(key.digest, name)
            if place not in self._warned:
                self._warned.add(place)
                self._warn(f"cache: {place} is not used: {error}; delete it to be rid of this")
        except FileNotFoundError:
            pass  # another process has removed it since
        except (OSError, StoreError) as error:
            self._give_up(error)
        return None

    def _give_up(self, error: Exception) -> None:
        if self._reachable:
            self._reachable = False
            self._warn(f"cache: {error}; this run goes on without it")
