"""What a seed read, as hashes that can be compared with another state of the same checkout."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any, Final

ABSENT: Final = "absent"
"""In place of the hash of a file that did not exist when the seed first wrote it."""

_DIGITS: Final = 16
_SETTLED_S: Final = 2.0
"""A file that was written this recently may change again within one tick of its clock."""

_DERIVED: Final = frozenset({"__pycache__", ".pytest_cache", "__baselines__"})
"""Folders of what runs write themselves: no training depends on them."""


@dataclass(frozen=True, slots=True)
class Reads:
    """The part of a checkout that a seed depends on.

    Attributes:
        files: the hash of each file by its path in the checkout, or `ABSENT`.
        listings: the hash of the names in each folder that was listed, likewise.
        absent: paths without suffix of modules that would be imported if they existed.
        unseen: what else the seed depends on and no hash covers, in words; with any of these its
            result is used for no other run.
        variables: the hash of each environment variable that the code reads by a constant name,
            or `ABSENT`.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    listings: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def to_builtins(self) -> dict[str, Any]:
        """The reads as plain builtins, which reports and files can hold."""
        return {
            "files": dict(sorted(self.files.items())),
            "listings": dict(sorted(self.listings.items())),
            "absent": sorted(self.absent),
            "unseen": list(self.unseen),
            "variables": dict(sorted(self.variables.items())),
        }

    @classmethod
    def from_builtins(cls, record: Mapping[str, Any]) -> Reads:
        """From what `to_builtins` returned.

        Args:
            record: the builtins.

        Returns:
            The reads.

        Raises:
            KeyError: a part is missing.
            TypeError: a part is of another kind.
        """
        return cls(
            files=_texts_by_name(record["files"]),
            listings=_texts_by_name(record["listings"]),
            absent=_texts(record["absent"]),
            unseen=_texts(record["unseen"]),
            variables=_texts_by_name(record["variables"]),
        )

    def change_in(self, checkout: Path) -> str | None:
        """The first thing that is otherwise in a checkout, or in this process, than for the seed.

        Args:
            checkout: the top folder of the code.

        Returns:
            In words, such as ``src/model.py has changed``; None where all is equal.
        """
        for path, digest in self.files.items():
            now = file_digest(checkout / path)
            if now != digest:
                if now == ABSENT:
                    return f"{path} is gone"
                return f"{path} has {'changed' if digest != ABSENT else 'been added'}"
        for path, digest in self.listings.items():
            if listing_digest(checkout / path) != digest:
                return f"the names in the folder {path} have changed"
        for stem in self.absent:
            if (found := module_at(checkout / stem)) is not None:
                return f"{found.relative_to(checkout).as_posix()} has been added"
        for name, digest in self.variables.items():
            if variable_digest(os.environ.get(name)) != digest:
                return f"the environment variable {name} has changed"
        return None


def merged(reads: Iterable[Reads]) -> Reads:
    """What several seeds of one test read together.

    Args:
        reads: of each seed.

    Returns:
        All of it; a file that changed between the seeds is named in ``unseen``.
    """
    files: dict[str, str] = {}
    listings: dict[str, str] = {}
    absent: dict[str, None] = {}
    unseen: dict[str, None] = {}
    variables: dict[str, str] = {}
    for each in reads:
        for together, own in ((files, each.files), (listings, each.listings)):
            for path, digest in own.items():
                if together.setdefault(path, digest) != digest:
                    unseen[f"{path} changed while the seeds trained"] = None
        for name, digest in each.variables.items():
            if variables.setdefault(name, digest) != digest:
                unseen[f"the environment variable {name} changed while the seeds trained"] = None
        absent.update(dict.fromkeys(each.absent))
        unseen.update(dict.fromkeys(each.unseen))
    return Reads(files, listings, tuple(absent), tuple(unseen), variables)


def checkout_of(rootpath: Path) -> Path:
    """The top folder of the code that a folder belongs to.

    Args:
        rootpath: pytest's rootdir, on any side.

    Returns:
        The nearest folder above it with a ``.git`` in it (a file, in a worktree or a submodule),
        otherwise the folder itself.
    """
    top = rootpath.resolve()
    return next((folder for folder in (top, *top.parents) if (folder / ".git").exists()), top)


def is_derived(inside: str) -> bool:
    """Whether a path lies among what runs write themselves, such as bytecode.

    Args:
        inside: the path below the checkout, with ``/``. Never the absolute one: the checkout of a
            base itself lies in pytest's cache folder.

    Returns:
        True for what no training depends on.
    """
    return not _DERIVED.isdisjoint(inside.split("/")) or inside.endswith(".pyc")


_digests: dict[tuple[str, int, int, int], str] = {}


def file_digest(path: Path) -> str:
    """The hash of a file's content, remembered within the process as long as it does not change.

    Args:
        path: the file.

    Returns:
        Hexadecimal digits, or `ABSENT` where no file can be read.
    """
    try:
        state = path.stat()
        key = (str(path), state.st_ino, state.st_mtime_ns, state.st_size)
        if (known := _digests.get(key)) is not None:
            return known
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]
    except (OSError, ValueError):
        return ABSENT
    if time.time() - state.st_mtime > _SETTLED_S:
        _digests[key] = digest
    return digest


def listing_digest(folder: Path) -> str:
    """The hash of the names in a folder, without what runs write themselves.

    Args:
        folder: the folder.

    Returns:
        Hexadecimal digits, or `ABSENT` where no folder can be listed.
    """
    try:
        names = sorted(name for name in os.listdir(folder) if not is_derived(name))  # noqa: PTH208 - as text
    except OSError:
        return ABSENT
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def variable_digest(value: str | None) -> str:
    """The hash of the value of an environment variable.

    Args:
        value: the value; None where it is not set.

    Returns:
        Hexadecimal digits, or `ABSENT`.
    """
    if value is None:
        return ABSENT
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def module_at(stem: Path) -> Path | None:
    """The file that an import finds at a path without suffix; None for no file.

    Args:
        stem: the path of the module or package, as ``src/package/module``.

    Returns:
        The file of the module, or the ``__init__`` of the package.
    """
    for suffix in _SUFFIXES:
        for file in (stem / f"__init__{suffix}", stem.with_name(stem.name + suffix)):
            if file.is_file():
                return file
    return None


_SUFFIXES: Final = tuple(suffix for suffix in all_suffixes() if suffix != ".pyc")


def _texts_by_name(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError("expected texts by name")
    _texts([*value.keys(), *value.values()])
    return dict(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
        raise TypeError("expected a list of texts")
    return tuple(value)
