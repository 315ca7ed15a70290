"""A meta path finder that takes first-party code from the base's checkout alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ModuleSpec,
    PathFinder,
)
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

from pytest_mlregress.revisions.checkouts import CheckoutPair, Side

__all__ = ["PLUGIN", "FinderPlan", "FirstPartyFinder", "is_extension"]

PLUGIN: Final = "pytest_mlregress"
"""Both sides run the plugin that is running: it is never first-party."""

_BEFORE_US: Final = "AssertionRewritingHook"
"""pytest's finder of test files, which must come first: it rewrites their assertions."""


def is_extension(file: str) -> bool:
    """Whether a file is a compiled extension module.

    Args:
        file: its path.

    Returns:
        True for the suffixes of this interpreter.
    """
    return file.endswith(tuple(EXTENSION_SUFFIXES))


@dataclass(frozen=True, slots=True, kw_only=True)
class FinderPlan:
    """What a finder finds, and where; it reaches child processes as JSON.

    Attributes:
        own: the top folder of the base's code.
        other: the one of the candidate's.
        roots: the folders that the base's code is imported from.
        names: the modules that they provide.
        label: the base, as texts name it.
        builds: the folders that compiled extensions are imported from: the candidate's roots, or
            where another environment has built the project.
        borrows: whether the candidate's extensions may be imported from any other folder of its
            checkout, too.
    """

    own: str
    other: str
    roots: list[str]
    names: list[str]
    label: str
    builds: list[str]
    borrows: bool


class FirstPartyFinder:
    """Finds the base's modules, whatever else is installed or on the path.

    A top-level module that the base's roots provide comes from there. What another finder would
    take from the candidate's checkout comes from the same place in the base's checkout, so that
    every kind of editable install leads to the base. A compiled extension that the base's checkout
    does not hold comes from where it has been built: a worktree has no build of its own.

    Args:
        plan: what it finds, and where.
    """

    def __init__(self, plan: FinderPlan) -> None:
        self._pair = CheckoutPair(Path(plan.own), Path(plan.other))
        self._roots = plan.roots
        self._tops = {name.partition(".")[0] for name in plan.names} - {PLUGIN}
        self._label = plan.label
        self._builds = plan.builds
        self._borrows = plan.borrows

    def install(self) -> None:
        """Put the finder first in ``sys.meta_path``, behind pytest's rewriting of assertions."""
        others = [finder for finder in sys.meta_path if finder is not self]
        place = next(
            (n for n, finder in enumerate(others) if type(finder).__name__ != _BEFORE_US),
            len(others),
        )
        if sys.meta_path[place : place + 1] != [self] or len(others) + 1 != len(sys.meta_path):
            sys.meta_path[:] = [*others[:place], self, *others[place:]]

    def uninstall(self) -> None:
        """Take the finder out of ``sys.meta_path``."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder.find_spec`.

        Raises:
            ModuleNotFoundError: the module is in the candidate's checkout only.
        """
        own = None
        if path is None and fullname in self._tops:
            own = PathFinder.find_spec(fullname, self._roots, target)
            if own is not None and own.loader is not None:
                return own
        found = self._from_others(fullname, path, target)
        if found is None:
            return own or self._only_in_candidate(fullname, path)
        if found.origin is None and found.submodule_search_locations is not None:
            return self._namespace(fullname, own, found)
        file = found.origin if found.has_location else None
        if file is None or self._pair.side_of(file) is not Side.OTHER or self._is_plugin(fullname):
            return found
        if is_extension(file) and self._pair.holds(file):  # a link that the checkout was given
            return found
        return self._mirrored(found, file)

    def _from_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(fullname, path, target)
            if spec is not None:
                return spec
        return None

    def _mirrored(self, found: ModuleSpec, file: str) -> ModuleSpec:
        """The module at the place in the base where the candidate has it."""
        place = self._pair.mirrored(file)
        if place is not None and Path(place).is_file():
            folders = found.submodule_search_locations
            locations = None if folders is None else self._moved(folders)
            spec = spec_from_file_location(found.name, place, submodule_search_locations=locations)
            if spec is not None:
                return spec
        if is_extension(file):
            if self._borrows:
                return found
            built = self._built(found.name)
            if built is not None:
                return built
        raise self._missing(found.name, file)

    def _namespace(self, fullname: str, own: ModuleSpec | None, found: ModuleSpec) -> ModuleSpec:
        """A package in several folders: the base's, then those that are not the candidate's."""
        theirs = found.submodule_search_locations or ()
        mine = [] if own is None else list(own.submodule_search_locations or ())
        folders = list(dict.fromkeys([*mine, *self._moved(theirs)]))
        if not folders:
            raise self._missing(fullname, next(iter(theirs), "?"))
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = _NamespacePath(folders)
        return spec

    def _moved(self, folders: Iterable[str]) -> list[str]:
        """Folders, the candidate's replaced by those of the base where there are such."""
        kept = []
        for folder in folders:
            if not Path(folder).is_absolute():  # a mark of setuptools for its path hook
                kept.append(folder)
                continue
            side = self._pair.side_of(folder)
            place = self._pair.mirrored(folder) if side is Side.OTHER else folder
            if place is not None and (side is not Side.OTHER or Path(place).is_dir()):
                kept.append(place)
        return kept

    def _only_in_candidate(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """What no finder has: it may be a part of the candidate that the base does not have."""
        if self._pair.same_code or self._is_plugin(fullname):
            return None
        built = self._built(fullname)
        if built is not None:
            return built
        tail = fullname.rpartition(".")[2]
        for folder in self._roots if path is None else path:
            there = self._pair.in_other(folder)
            if there is None:
                continue
            for suffix in (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES):
                for file in (Path(there, tail + suffix), Path(there, tail, f"__init__{suffix}")):
                    if file.is_file():
                        raise self._missing(fullname, str(file))
        return None

    def _built(self, fullname: str) -> ModuleSpec | None:
        """A compiled extension of a first-party package, as it was built elsewhere."""
        if fullname.partition(".")[0] not in self._tops:
            return None
        for folder in self._builds:
            for suffix in EXTENSION_SUFFIXES:
                file = Path(folder, *fullname.split(".")[:-1], fullname.rpartition(".")[2] + suffix)
                if file.is_file():
                    return spec_from_file_location(fullname, file)
        return None

    def _missing(self, fullname: str, file: str) -> ModuleNotFoundError:
        """The error; without a ``name``, for ``from package import module`` would replace it."""
        return ModuleNotFoundError(
            f"{fullname!r} is in the candidate only, {file}; {self._label} does not have it",
            path=file,
        )

    @staticmethod
    def _is_plugin(fullname: str) -> bool:
        return fullname.partition(".")[0] == PLUGIN


class _NamespacePath(list[str]):
    """The folders of a package without ``__init__.py``, in a fixed order.

    `importlib.resources` takes a namespace package for one by the name of this class in its text.
    """

    def __repr__(self) -> str:
        return f"_NamespacePath({os.pathsep.join(self)!r})"
