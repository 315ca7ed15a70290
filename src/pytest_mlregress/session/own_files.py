"""The files that a run writes by its options: untracked, they are no change of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeGuard

import pytest

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.git_ref import is_git_ref
from pytest_mlregress.baselines.store import Store, open_store
from pytest_mlregress.history.place import DEFAULT_PLACE, OFF
from pytest_mlregress.settings import Settings

_BESIDE_A_DATABASE: Final = ("-wal", "-shm", "-journal")


_CACHE_KEY: Final = "mlregress/reports"
_REMEMBERED: Final = 100


def remember_reports(config: pytest.Config, settings: Settings) -> None:
    """Keep the names of the reports that a run writes, for a later run with other options.

    Args:
        config: pytest's.
        settings: of the run.
    """
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if cache is None or not settings.report:
        return
    known = _remembered(config)
    written = [str((config.invocation_params.dir / path).resolve()) for path in settings.report]
    new = [path for path in written if path not in known]
    if new:
        cache.set(_CACHE_KEY, [*known, *new][-_REMEMBERED:])


def _remembered(config: pytest.Config) -> list[str]:
    """Of earlier runs here; whatever else the cache has is none."""
    cache: pytest.Cache | None = getattr(config, "cache", None)
    stored = cache.get(_CACHE_KEY, []) if cache is not None else []
    return [path for path in stored if isinstance(path, str)] if isinstance(stored, list) else []


def own_files(config: pytest.Config, settings: Settings) -> tuple[Path, ...]:
    """Reports, history, cache and baselines of a run, with what earlier runs of it left there.

    Args:
        config: pytest's.
        settings: of the run.

    Returns:
        Absolute paths; a folder stands for all in it.
    """
    started, root = config.invocation_params.dir, config.rootpath
    found = [root / Path(DEFAULT_PLACE).parent, *(started / path for path in settings.report)]
    found += map(Path, _remembered(config))
    junit = getattr(config.option, "xmlpath", None)
    if junit:
        found.append(started / junit)
    if settings.history != OFF and _is_local(settings.history):
        database = root / Path(settings.history).expanduser()
        found += [database.with_name(database.name + end) for end in ("", *_BESIDE_A_DATABASE)]
    if _is_local(settings.cache):
        found.append(started / settings.cache)
    if _is_local(settings.baseline) and not is_git_ref(settings.baseline):
        found += _baselines(open_store(settings.baseline, rootdir=root))
    return tuple(found)


def _baselines(store: Store) -> list[Path]:
    """One by one, since their folder may have other files."""
    try:
        return [Path(store.describe(key)) for key in store.list()]
    except BaselineError:  # said where the baselines are needed
        return []


def _is_local(place: str | None) -> TypeGuard[str]:
    return bool(place) and "://" not in (place or "")
