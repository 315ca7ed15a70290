"""Environments that cannot be compared with, and what to do about each."""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest_mlregress
from pytest_mlregress import __version__
from pytest_mlregress.revisions.environment_question import digest_of_sources
from pytest_mlregress.revisions.interpreters import EnvironmentProbeError

if TYPE_CHECKING:
    from pytest_mlregress.revisions.environments import EnvironmentFacts

OLDEST_PYTHON: Final = (3, 11)
"""The oldest Python that pytest-mlregress runs on."""


def refuse_old_python(facts: EnvironmentFacts) -> None:
    """Refuse a Python that the plugin does not run on.

    Args:
        facts: those of the other environment; of an old Python little more than its version.

    Raises:
        EnvironmentProbeError: it is too old.
    """
    numbers = tuple(int(part) for part in facts.version.split(".")[:2])
    if numbers < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise EnvironmentProbeError(
            f"{facts.python} is Python {facts.version}; pytest-mlregress {__version__} needs "
            f"{oldest} or newer: create the environment with such a Python"
        )


def refuse_same_environment(facts: EnvironmentFacts) -> None:
    """Refuse the environment of this very process.

    Args:
        facts: those of the other environment.

    Raises:
        EnvironmentProbeError: it is the same one.
    """
    here = (os.path.realpath(sys.prefix), platform.python_version())
    if (facts.prefix, facts.version) == here:
        raise EnvironmentProbeError(
            f"{facts.python} belongs to the environment that pytest runs in ({sys.prefix}): "
            "nothing would be compared; name the other environment's interpreter, or leave env: out"
        )


def refuse_other_plugin(facts: EnvironmentFacts) -> None:
    """Refuse an environment without pytest or without this very pytest-mlregress.

    Args:
        facts: those of the other environment.

    Raises:
        EnvironmentProbeError: either is missing, or the plugin is another version; the text has
            the command that installs it.
    """
    remedy = f"install it there: {_install_command(facts)}"
    if facts.pytest is None:
        raise EnvironmentProbeError(f"the environment of {facts.python} lacks pytest; {remedy}")
    if facts.plugin is None:
        raise EnvironmentProbeError(
            f"the environment of {facts.python} lacks pytest-mlregress; both sides need "
            f"{__version__}: {remedy}"
        )
    if facts.plugin != __version__:
        raise EnvironmentProbeError(
            f"the environment of {facts.python} has pytest-mlregress {facts.plugin}, this one "
            f"{__version__}; both sides need the same: {remedy}"
        )
    if facts.plugin_digest != digest_of_sources(_package()):
        raise EnvironmentProbeError(
            f"the environment of {facts.python} has other sources of pytest-mlregress "
            f"{__version__} than this one; both sides need the same: {remedy}"
        )


def _package() -> Path:
    return Path(pytest_mlregress.__file__).parent


def _install_command(facts: EnvironmentFacts) -> str:
    """The command that installs the running plugin in the other environment."""
    words = [*_installer(facts), *_requirement()]
    return " ".join(shlex.quote(word) for word in words)


def _installer(facts: EnvironmentFacts) -> list[str]:
    python = str(facts.python)
    if facts.has_pip:
        return [python, "-m", "pip", "install"]
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", python]
    return [sys.executable, "-m", "pip", "--python", python, "install"]


def _requirement() -> list[str]:
    """What to install: the release, or the same source where this is none."""
    source = _package().parents[1]
    if _package().parent.name == "src" and (source / "pyproject.toml").is_file():
        return ["-e", str(source)]
    origin = _origin()
    url = str(origin.get("url", ""))
    if "vcs_info" in origin:
        version = origin["vcs_info"]
        return [f"pytest-mlregress @ {version['vcs']}+{url}@{version['commit_id']}"]
    if "dir_info" in origin:
        path = url2pathname(urlsplit(url).path)
        return ["-e", path] if origin["dir_info"].get("editable") else [path]
    if url:
        return [f"pytest-mlregress @ {url}"]
    return [f"pytest-mlregress=={__version__}"]


def _origin() -> Mapping[str, Any]:
    """Where the running plugin was installed from (PEP 610); empty for a release."""
    try:
        text = metadata.distribution("pytest-mlregress").read_text("direct_url.json")
        found: Mapping[str, Any] = json.loads(text or "{}")
    except (metadata.PackageNotFoundError, OSError, ValueError):
        return {}
    return found
