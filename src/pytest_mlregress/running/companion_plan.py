"""How this pytest was started, read from its configuration; and how its companion is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.checkouts import absolute
from pytest_mlregress.revisions.companion import CompanionPlan
from pytest_mlregress.revisions.pytest_start import PytestStart
from pytest_mlregress.running.threads import THREAD_VARIABLES
from pytest_mlregress.settings import Settings

PLAIN_WORKER: Final = frozenset({"workerid", "workercount", "testrunuid", "mainargv"})
"""What pytest-xdist itself tells a worker; whatever else there is comes from a plugin."""


def companion_plan(config: pytest.Config, settings: Settings, side: BaseSide) -> CompanionPlan:
    """The start of the companion of this process.

    The candidate's pytest configuration holds on both sides.

    Args:
        config: pytest's, of this process.
        settings: the settings of the run.
        side: the base.

    Returns:
        The plan.
    """
    return start_of(config, settings).plan(side)


def start_of(config: pytest.Config, settings: Settings) -> PytestStart:
    """How pytest was started in this process.

    Args:
        config: pytest's, of this process.
        settings: the settings of the run.

    Returns:
        The start.
    """
    variables: dict[str, str | None] = {}
    if settings.threads != "keep":
        variables = dict.fromkeys(THREAD_VARIABLES, str(settings.threads))
    return PytestStart(
        args=tuple(str(argument) for argument in config.invocation_params.args),
        collect=tuple(config.args),
        directory=config.invocation_params.dir,
        inipath=config.inipath,
        confcutdir=_confcutdir(config),
        python_paths=tuple(_python_paths(config)),
        workerinput=_workerinput(config),
        variables=variables,
        basetemp=_basetemp(config),
        measures_coverage=config.pluginmanager.hasplugin("_cov"),
    )


def _confcutdir(config: pytest.Config) -> Path:
    given: str | None = config.getoption("confcutdir", None)
    if given:
        return Path(absolute(config.invocation_params.dir / given))
    return config.inipath.parent if config.inipath is not None else config.rootpath


def _python_paths(config: pytest.Config) -> list[Path]:
    with suppress(KeyError, ValueError):  # the plugin that knows this setting may be blocked
        return [Path(path) for path in config.getini("pythonpath")]
    return []


def _workerinput(config: pytest.Config) -> dict[str, Any]:
    """What plugins expect in a process that xdist started: what this one got, or a worker would."""
    own: Mapping[str, Any] | None = getattr(config, "workerinput", None)
    if own is not None:
        return dict(own)
    return _compat.worker_input(config, worker="gw0", count=1, run="mlregress", argv=["pytest"])


def _basetemp(config: pytest.Config) -> str | None:
    """A folder of its own where the user gave one, which pytest empties at its start."""
    given = config.option.basetemp
    return str(Path(absolute(given)) / "base") if given else None
