"""Which folders of this machine a file lies in: the checkout, the interpreter's, or elsewhere."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

import pytest_mlregress

_SYSTEM: Final = ("/proc", "/sys", "/dev", "/etc", "/usr/lib", "/usr/lib64", "/usr/share", "/lib")
"""The operating system's: what it says of processors, time zones and fonts."""

_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})


class Places:
    """The folders of one process.

    Args:
        checkout: the top folder of the code under test.
        temporary: folders of this run alone, such as pytest's ``basetemp``.
    """

    def __init__(self, checkout: Path, temporary: Iterable[Path] = ()) -> None:
        self.checkout = checkout
        self._roots = _spellings([checkout])
        self._installed = _spellings(
            [*_interpreter_folders(), Path(pytest_mlregress.__file__).parent]
        )
        self._installed_inside = tuple(
            folder for folder in self._installed if self._below_checkout(folder) not in (None, ".")
        )
        self._temporary = _spellings(temporary)
        self.code_in_checkout = lru_cache(maxsize=None)(self._code_in_checkout)

    def add_temporary(self, folder: Path) -> None:
        """Count a folder among those of this run alone."""
        self._temporary = tuple(dict.fromkeys([*self._temporary, *_spellings([folder])]))

    def in_checkout(self, path: Path) -> str | None:
        """The path of a first-party file or folder in the checkout, with ``/``; None for others."""
        return None if self.is_installed(path) else self._below_checkout(str(path))

    def is_installed(self, path: Path) -> bool:
        """Whether a path is the interpreter's, an installed package's or this plugin's.

        For what lies in the checkout, the folders above the checkout say nothing.
        """
        text = str(path)
        inside = self._below_checkout(text)
        parts = path.parts if inside is None else inside.split("/")
        folders = self._installed if inside is None else self._installed_inside
        return not _PACKAGES.isdisjoint(parts) or any(_is_below(text, folder) for folder in folders)

    def _below_checkout(self, text: str) -> str | None:
        for root in self._roots:
            if text == root:
                return "."
            if text.startswith(root + os.sep):
                return text[len(root) + 1 :].replace(os.sep, "/")
        return None

    def is_known(self, path: Path) -> bool:
        """Whether a file outside the checkout needs no comparison: it is part of the machine."""
        text = str(path)
        return self.is_installed(path) or any(
            _is_below(text, folder) for folder in (*_SYSTEM, *self._temporary)
        )

    def is_listed_freely(self, path: Path) -> bool:
        """Whether the names in a folder need no comparison; temporary ones are different anyway."""
        return self.is_known(path) or _is_below(str(path), tempfile.gettempdir())

    def shown(self, path: Path) -> str:
        """A path in a message: from the checkout, or from the home folder as ``~``."""
        inside = self.in_checkout(path)
        if inside is not None:
            return inside
        home = str(Path.home())
        text = str(path)
        return f"~{text[len(home) :]}" if text.startswith(home + os.sep) else text

    def _code_in_checkout(self, filename: str) -> str | None:
        """The path of the file that code comes from; None where it is not first-party."""
        return self.in_checkout(Path(filename)) if filename[:1] != "<" else None


def _interpreter_folders() -> list[Path]:
    names = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    folders = [Path(path) for name in names if (path := sysconfig.get_path(name))]
    folders += [Path(path) for path in (*site.getsitepackages(), site.getusersitepackages())]
    folders += [Path(os.__file__).parent]
    for prefix in {sys.prefix, sys.base_prefix}:
        # Not the whole prefix: below /usr or /opt lies the code of many a container.
        folders += [Path(prefix, name) for name in ("lib", "lib64", "share", "etc", "ssl", "bin")]
    return folders


def _spellings(folders: Iterable[Path]) -> tuple[str, ...]:
    """Each folder as it is named and with its links resolved."""
    found: dict[str, None] = {}
    for folder in folders:
        found[os.path.abspath(folder)] = None  # noqa: PTH100 - keeps links as they are
        found[os.path.realpath(folder)] = None
    return tuple(found)


def _is_below(text: str, folder: str) -> bool:
    return text == folder or text.startswith(folder + os.sep)
