"""Seeds that need not be trained again in this process, and those that it keeps for later runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.node_ids import in_file, split_file
from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.cache_entry import CachedSeed, SeedKey
from pytest_mlregress.revisions.entry_store import entries_at
from pytest_mlregress.revisions.seed_cache import SeedCache
from pytest_mlregress.running.reads import Reads, checkout_of
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_reads import unrecorded
from pytest_mlregress.running.seed_settings import machine_of, settings_digest
from pytest_mlregress.running.stop_flags import stop_flags
from pytest_mlregress.session.mlregress_warning import MLRegressWarning
from pytest_mlregress.settings import Settings

FOLDER: Final = "mlregress-seeds"
"""The folder of the cache in pytest's cache folder."""

_REUSE: Final = pytest.StashKey["SeedReuse"]()


class SeedReuse:
    """The cache of trained seeds, as one process that runs items sees it.

    Args:
        config: pytest's.
        settings: the settings of the run.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._checkout = checkout_of(config.rootpath)
        self._run = stop_flags(config).folder.name  # random, and the same in all workers
        self._cache = None if settings.no_cache else _cache(config, settings)

    def key(self, record: SeedItem) -> SeedKey:
        """Under which name a seed is kept: the same on both sides of an A/B run.

        Args:
            record: what the item of the seed knows; on either side, that of the candidate.

        Returns:
            The key.
        """
        file = record.file.resolve()
        inside = file.relative_to(self._checkout) if self._in_checkout(file) else Path(file.name)
        return SeedKey(
            test=in_file(inside.as_posix(), split_file(record.test)[1]),
            tier=record.declaration.tier,
            seed=record.seed,
            settings=settings_digest(self._config, record.declaration),
        )

    def find(self, record: SeedItem, base: BaseSide | None = None) -> CachedSeed | None:
        """The result of a seed for the code in a checkout, if it was trained before.

        Args:
            record: what the item of the seed knows.
            base: the base, for a seed of it; None for one of the candidate.

        Returns:
            The seed; None where it has to be trained.
        """
        cache = self._cache
        if cache is None:
            return None
        key, machine = self.key(record), machine_of(self._config, record.declaration)
        checkout = self._checkout if base is None else base.checkout
        guarded = base is None and record.declaration.settings.guards != "off"
        return unrecorded(
            self._config,
            lambda: cache.lookup(key, checkout, machine, guarded=guarded, run=self._run),
        )

    def keep(
        self, record: SeedItem, payload: Mapping[str, Any], base: BaseSide | None = None
    ) -> None:
        """Keep a seed that was trained and passed; others are not kept.

        Args:
            record: what the item of the seed knows.
            payload: what its tear-down reported.
            base: the base, for a seed that its companion has trained.
        """
        cache, reads = self._cache, payload.get("reads")
        if cache is None or reads is None or not _is_whole(payload):
            return
        cached = CachedSeed(
            result=payload["result"],
            environment=payload["environment"],
            guards=tuple(payload["guards"]),
            reads=Reads.from_builtins(reads),
            packages=reads["packages"],
            # A companion has this interpreter and inherits this process' variables.
            machine=machine_of(self._config, record.declaration),
            guarded=base is None,
            run=self._run,
            spent=payload.get("spent", {}),
        )
        key = self.key(record)
        unrecorded(self._config, lambda: cache.store(key, cached))

    def _in_checkout(self, file: Path) -> bool:
        return file.is_relative_to(self._checkout)


def seed_reuse(config: pytest.Config, settings: Settings) -> SeedReuse:
    """The one `SeedReuse` of this process.

    Args:
        config: pytest's.
        settings: the settings of the run.

    Returns:
        It, made at the first call.
    """
    if _REUSE not in config.stash:
        config.stash[_REUSE] = SeedReuse(config, settings)
    return config.stash[_REUSE]


def _is_whole(payload: Mapping[str, Any]) -> bool:
    """Whether a seed was trained, passed in every phase, and imported its own side's code."""
    return (
        payload.get("passed", False)
        and not payload.get("cached")
        and payload["xfailed"] is None
        and payload["xfail"] is None
        and payload.get("wrong_origin") is None
    )


def _cache(config: pytest.Config, settings: Settings) -> SeedCache | None:
    place = settings.cache
    if place is None:
        cache = getattr(config, "cache", None)
        if cache is None:  # -p no:cacheprovider
            return None
        try:
            place = str(cache.mkdir(FOLDER))
        except OSError as error:
            _warn(config, f"cache: {error}; this run goes on without it")
            return None
    elif "://" not in place:
        place = str(config.invocation_params.dir / place)

    def warn(message: str) -> None:
        _warn(config, message)

    return SeedCache(entries_at(place), warn)


def _warn(config: pytest.Config, message: str) -> None:
    warning = warnings.WarningMessage(
        message=MLRegressWarning(message),
        category=MLRegressWarning,
        filename="pytest-mlregress",  # no code of the user's is the cause
        lineno=1,
        line="",
    )
    if not _compat.is_ignored(config, warning):
        config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": warning,
                "when": "runtest",
                "nodeid": "",
                "location": None,
            }
        )
