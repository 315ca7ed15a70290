"""A pytest plugin that describes the collected regression tests in a file, and runs none.

For the commands that train seeds themselves: `revisions.cells.suite` starts pytest with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress.baselines.atomic import replace_file
from pytest_mlregress.options.resolution import resolve
from pytest_mlregress.revisions.cells.suite import DESCRIPTION
from pytest_mlregress.running.companion_plan import PLAIN_WORKER, start_of
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.seed_settings import machine_of, settings_digest
from pytest_mlregress.session.base_of_run import WORKTREES
from pytest_mlregress.session.seed_reuse import FOLDER
from pytest_mlregress.settings import Settings

_STATE: Final = "mlregress-runs"

_STDIN: Final = os.dup(0) if DESCRIPTION in os.environ else None
"""The standard input, which pytest's capture is about to replace: closed when nobody reads on."""


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the description, where one is asked for; then stay as long as it is needed."""
    file = os.environ.get(DESCRIPTION)
    if file is None or hasattr(session.config, "workerinput"):
        return
    if session.testsfailed:  # pytest ends next, and says why
        return
    if not hasattr(session.config.option, "mlregress_update"):
        raise pytest.UsageError(
            "the plugin mlregress is not loaded: remove -p no:mlregress, or where "
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD is set add -p pytest_mlregress.plugin to addopts"
        )
    settings = resolve(session.config)
    description = _description(session, settings)
    text = json.dumps(description)
    replace_file(Path(file), text.encode("utf-8", "surrogateescape"))
    if _STDIN is not None and set(description["start"]["workerinput"]) - PLAIN_WORKER:
        _wait(_STDIN)


def _wait(descriptor: int) -> None:
    """Stay until the other end closes: a plugin serves the processes that are started next.

    Such as pytest-rerunfailures, which tells workers the port of a socket of this process.
    """
    while os.read(descriptor, 1):
        pass


def _description(session: pytest.Session, settings: Settings) -> dict[str, Any]:
    config = session.config
    return {
        "start": start_of(config, settings).to_builtins(),
        "rootdir": str(config.rootpath),
        "test_patterns": list(config.getini("python_files")),
        "test_folders": [str(config.rootpath / name) for name in config.getini("testpaths")],
        "tests": list(_tests(session, config).values()),
        "cache_place": None if settings.no_cache else _seeds_place(config, settings),
        "state_folder": _kept(config, _STATE),
        "worktrees": _kept(config, WORKTREES),
        "baseline": settings.baseline,
        "alpha": settings.alpha,
    }


def _tests(session: pytest.Session, config: pytest.Config) -> dict[str, dict[str, Any]]:
    tests: dict[str, dict[str, Any]] = {}
    for item in session.items:
        record = item.stash.get(SEED_ITEM, None)
        if record is None:
            continue
        if record.test not in tests:
            tests[record.test] = _test(item, record, config)
        tests[record.test]["node_ids"].append([record.seed, item.nodeid])
    return tests


def _test(item: pytest.Item, record: SeedItem, config: pytest.Config) -> dict[str, Any]:
    declared = record.declaration
    mark = item.get_closest_marker("tiers")
    tiers: Mapping[str, Any] = mark.kwargs if mark is not None else {declared.tier: {}}
    return {
        "test": record.test,
        "file": str(record.file),
        "tier": declared.tier,
        "tiers": list(tiers),
        "check_seeds": list(declared.check_seeds),
        "node_ids": [],
        "settings": settings_digest(config, declared),
        "machine": machine_of(config, declared),
        "deterministic": declared.settings.deterministic,
    }


def _seeds_place(config: pytest.Config, settings: Settings) -> str | None:
    if settings.cache is None:
        return _kept(config, FOLDER)
    if "://" in settings.cache:
        return settings.cache
    return str(config.invocation_params.dir / settings.cache)


def _kept(config: pytest.Config, name: str) -> str | None:
    """A folder in pytest's cache folder; None where that is off or cannot be written."""
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if cache is None:
        return None
    try:
        return str(cache.mkdir(name))
    except OSError:
        return None
