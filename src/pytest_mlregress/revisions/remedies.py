"""Why a module came from the wrong place, and what to do about it."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.machinery import BYTECODE_SUFFIXES
from pathlib import Path
from typing import Final

from pytest_mlregress.revisions.checkouts import CheckoutPair, Side, is_inside
from pytest_mlregress.revisions.import_roots import project_of
from pytest_mlregress.revisions.installed_copies import install_command, installations, owner_of

__all__ = ["remedy_for"]

_INI_FILES: Final = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml")
_OTHER_INI_FILES: Final = ("tox.ini", "setup.cfg")


def remedy_for(file: str, pair: CheckoutPair, roots: Sequence[Path]) -> str:
    """The cause of a wrong origin and how to remove it, in the words of an error.

    Args:
        file: where the module came from.
        pair: the checkouts, that of the side under test first.
        roots: the folders that its code is imported from.

    Returns:
        A clause without a full stop.
    """
    root = roots[0] if roots else pair.own
    project = project_of(root, pair.own)
    archive = _archive_of(file)
    if archive is not None:
        return f"{archive} is on the path: remove it from PYTHONPATH, sys.path and .pth files"
    if pair.side_of(file) is Side.OWN and file.endswith(tuple(BYTECODE_SUFFIXES)):
        return f"its source is missing: restore it, or delete {file}"
    owner = owner_of(file, installations(pair.own, roots))
    if pair.is_installed(os.path.realpath(file)):
        what = "it" if owner is None else owner.name
        return (
            f"{what} is installed as a copy, so that no change of {pair.own} is tested; install it "
            f"in editable mode: {install_command(project)}"
        )
    entries = [entry for entry in sys.path if entry and _contains(entry, file)]
    named = _file_that_names([file, str(Path(file).parent), *entries, str(pair.other)], pair.own)
    if named is not None:
        return f"{named} has this absolute path; build it from Path(__file__) instead"
    ini = _ini_with(entries, (project, pair.own))
    if ini is not None:
        return (
            f"`pythonpath` in {ini} is absolute; write it relative to that file: "
            f"pythonpath = {os.path.relpath(root, ini.parent)}"
        )
    for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if entry and _contains(entry, file):
            return f"PYTHONPATH names {entry}; start pytest with PYTHONPATH={root}"
    if owner is not None:
        return (
            f"{owner.name} is installed in editable mode from {owner.project}; install it from "
            f"this checkout: {install_command(project)}"
        )
    leads = _pth_file_with(entries)
    if leads is not None:
        return f"{leads} leads there; install this checkout instead: {install_command(project)}"
    return (
        "it was loaded by an absolute path; look for it in the conftests and tests and build it "
        "from Path(__file__) instead"
    )


def _contains(folder: str, file: str) -> bool:
    return is_inside(os.path.realpath(file), os.path.realpath(folder))


def _archive_of(file: str) -> Path | None:
    return next((place for place in Path(file).parents if place.is_file()), None)


def _file_that_names(paths: Iterable[str], checkout: Path) -> str | None:
    """The conftest or test file that has one of these paths in its text."""
    for file in sorted({*_imported_files("conftest"), *_imported_files("test_")}):
        if not is_inside(file, str(checkout.resolve())):
            continue
        text = _text(Path(file))
        if any(path in text for path in paths):
            return file
    return None


def _imported_files(prefix: str) -> Iterator[str]:
    for name, module in sys.modules.copy().items():
        if name.rpartition(".")[2].startswith(prefix):
            file = getattr(module, "__file__", None)
            if isinstance(file, str):
                yield os.path.realpath(file)


def _ini_with(entries: Iterable[str], folders: Iterable[Path]) -> Path | None:
    for folder in dict.fromkeys(folders):
        for name in (*_INI_FILES, *_OTHER_INI_FILES):
            text = _text(folder / name)
            if "pythonpath" in text and any(entry in text for entry in entries):
                return folder / name
    return None


def _pth_file_with(entries: Sequence[str]) -> Path | None:
    for folder in (*site.getsitepackages(), site.getusersitepackages()):
        for file in sorted(Path(folder).glob("*.pth")):
            lines = _text(file).splitlines()
            if any(entry in lines for entry in entries):
                return file
    return None


def _text(file: Path) -> str:
    with suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace")
    return ""
