"""How a run tells of its progress: a live display, single lines, or not at all."""

from __future__ import annotations

import os
from typing import Any, Final, Literal

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.settings import Settings

Mode = Literal["live", "lines", "off"]

_CI_VARIABLES: Final = ("CI", "BUILD_NUMBER")
"""Those by which pytest knows that it runs on CI, where a terminal may be pretended."""


def progress_mode(config: pytest.Config, settings: Settings) -> Mode:
    """How this run tells of its progress.

    A live display needs a terminal that nothing else draws on or prints into; where one was asked
    for without, single lines take its place.

    Args:
        config: pytest's, configured.
        settings: the settings of the run.

    Returns:
        The mode.
    """
    option = config.option
    nothing_runs = option.collectonly or option.setuponly or option.setupplan
    reporter = config.pluginmanager.getplugin("terminalreporter")
    wanted = settings.progress
    if nothing_runs or settings.plan or settings.preflight or wanted == "off" or reporter is None:
        return "off"
    if wanted == "auto" and option.verbose < 0:
        return "off"
    if wanted == "lines" or not _may_draw(config, reporter):
        return "lines"
    on_ci = wanted == "auto" and any(os.environ.get(name) for name in _CI_VARIABLES)
    return "lines" if on_ci else "live"


def _may_draw(config: pytest.Config, reporter: Any) -> bool:
    option = config.option
    return (
        os.name == "posix"
        and _compat.is_plain_terminal(reporter)
        and os.environ.get("TERM", "dumb") != "dumb"
        and option.capture not in ("no", "tee-sys")
        and not option.usepdb
        and not option.trace
    )
