"""Lock files: the one version of each package that an installer takes."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from pytest_mlregress.doctor.project_folder import text_of
from pytest_mlregress.revisions.project_files import table

__all__ = ["LOCK_NAMES", "LockFile", "read_lock"]

LOCK_NAMES: Final = (
    *("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock"),
    *("conda-lock.yml", "conda-lock.yaml", "pixi.lock"),
)

_COMMANDS: Final = {
    "uv.lock": "uv lock",
    "poetry.lock": "poetry lock",
    "pdm.lock": "pdm lock",
    "pylock.toml": "pip lock (or uv export --format pylock.toml)",
    "Pipfile.lock": "pipenv lock",
    "conda-lock.yml": "conda-lock",
    "conda-lock.yaml": "conda-lock",
    "pixi.lock": "pixi install",
}


@dataclass(frozen=True, slots=True)
class LockFile:
    """A lock file.

    Attributes:
        file: where it is.
        versions: the versions of each package by normalised name; one per platform or marker.
        command: what writes it again.
    """

    file: Path
    versions: Mapping[str, frozenset[str]]
    command: str


def read_lock(file: Path) -> LockFile:
    """Read a lock file.

    Args:
        file: a file with one of the `LOCK_NAMES`.

    Returns:
        What it locks.

    Raises:
        ValueError: it cannot be parsed.
    """
    text = text_of(file)
    if file.name == "Pipfile.lock":
        found = _of_pipfile(text)
    elif file.suffix in (".lock", ".toml") and file.name != "pixi.lock":
        found = _of_toml(text)
    else:
        found = _of_conda(text)
    return LockFile(
        file, {name: frozenset(all_) for name, all_ in found.items()}, _COMMANDS[file.name]
    )


def _of_toml(text: str) -> dict[str, set[str]]:
    document = tomllib.loads(text)
    packages = document.get("package", document.get("packages", []))
    found: dict[str, set[str]] = {}
    for package in packages if isinstance(packages, list) else ():
        if isinstance(package, dict):
            name = canonicalize_name(str(package.get("name")))
            found.setdefault(name, set()).add(str(package.get("version", "")))
    return found


def _of_pipfile(text: str) -> dict[str, set[str]]:
    document = json.loads(text or "{}")
    return {
        canonicalize_name(name): {str(entry.get("version", "")).removeprefix("==")}
        for section in ("develop", "default")
        for name, entry in table(document, section).items()
        if isinstance(entry, dict)
    }


def _of_conda(text: str) -> dict[str, set[str]]:
    """``name: x`` followed by ``version: y``, and the file names of archives in pixi's."""
    found: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines():
        if matched := re.match(r"[\s-]*name:\s*[\"']?([\w.-]+)", line):
            name = canonicalize_name(matched[1])
        elif name and (matched := re.match(r"\s*version:\s*[\"']?([\w.+!-]+)", line)):
            found.setdefault(name, set()).add(matched[1])
            name = ""
        elif matched := re.search(r"/([\w.-]+?)-(\d[\w.+!]*)-[\w.]+\.(conda|tar\.bz2)", line):
            found.setdefault(canonicalize_name(matched[1]), set()).add(matched[2])
    return found
