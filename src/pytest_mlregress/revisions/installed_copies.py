"""What the environment has installed of the project under test: copies, and editable installs."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pytest_mlregress.revisions.declared_layout import project_names
from pytest_mlregress.revisions.import_roots import project_of

__all__ = [
    "Installation",
    "editable_projects",
    "install_command",
    "installations",
    "located",
    "owner_of",
]


@dataclass(frozen=True, slots=True)
class Installation:
    """A distribution of the project under test, as the environment has it.

    Attributes:
        name: of the distribution, with its version.
        project: the folder that it was installed from; None where it is not recorded.
        editable: whether imports lead to that folder.
        distribution: its metadata.
    """

    name: str
    project: Path | None
    editable: bool
    distribution: metadata.Distribution

    def owns(self, file: str) -> bool:
        """Whether the distribution installed a file.

        Args:
            file: the file, absolute.

        Returns:
            True where its record lists the file.
        """
        real = os.path.realpath(file)
        return any(
            os.path.realpath(str(self.distribution.locate_file(entry))) == real
            for entry in self.distribution.files or ()
            if entry.name == Path(file).name
        )


def installations(checkout: Path, roots: Iterable[Path]) -> list[Installation]:
    """The installed distributions of the projects in a checkout.

    Args:
        checkout: the top folder of the code.
        roots: the folders that it is imported from.

    Returns:
        Those that were installed from a folder in the checkout, and those of a project's name.
    """
    names: set[str] = set()
    for root in roots:
        names |= project_names(project_of(root, checkout))
    return list(_matching(checkout.resolve(), names))


def _matching(checkout: Path, names: set[str]) -> Iterator[Installation]:
    for found in metadata.distributions():
        project, editable = _installed_from(found)
        name = str(found.name or "")
        if (project is not None and project.is_relative_to(checkout)) or _normalized(name) in names:
            yield Installation(f"{name} {found.version}", project, editable, found)


def editable_projects(checkout: Path) -> list[Path]:
    """The project folders in a checkout that are installed in editable mode.

    Args:
        checkout: the top folder of the code.

    Returns:
        The folders, such as those of the other packages of a monorepo.
    """
    found = _matching(checkout.resolve(), set())
    return sorted({entry.project for entry in found if entry.editable and entry.project})


def owner_of(file: str, candidates: Iterable[Installation]) -> Installation | None:
    """The installation that a file belongs to.

    Args:
        file: the file, absolute.
        candidates: as `installations` gives them.

    Returns:
        The one that copied the file or leads to its folder; None where none does.
    """
    place = Path(file)
    for entry in candidates:
        if entry.editable:
            if entry.project is not None and place.is_relative_to(entry.project):
                return entry
        elif entry.owns(file):
            return entry
    return None


def located(name: str) -> ModuleSpec | None:
    """The module that an import would find now; nothing is imported.

    Args:
        name: the dotted name.

    Returns:
        Its specification; None where no finder has it.
    """
    path, spec = None, None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        spec = _found(".".join(parts[:end]), path)
        if spec is None:
            return None
        path = spec.submodule_search_locations or []
    return spec


def _found(name: str, path: Iterable[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is None:
            continue
        # KeyError: a namespace package within one that is not imported, whose path is unknown.
        with suppress(ImportError, KeyError):
            spec: ModuleSpec | None = find(name, path, None)
            if spec is not None:
                return spec
    return None


def install_command(project: Path) -> str:
    """The command that installs a project in editable mode into this environment.

    Args:
        project: the folder with its build files.

    Returns:
        A line for a shell.
    """
    words = [sys.executable, "-m", "pip", "install", "-e", str(project)]
    return " ".join(shlex.quote(word) for word in words)


def _installed_from(found: metadata.Distribution) -> tuple[Path | None, bool]:
    """The folder of PEP 610's record, and whether the install is editable."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        record = json.loads(found.read_text("direct_url.json") or "")
        url = urlsplit(record["url"])
        if url.scheme == "file":
            editable = bool(record.get("dir_info", {}).get("editable", False))
            return Path(url2pathname(url.path)).resolve(), editable
    return None, False


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
