"""What forked workers of earlier runs imported while their seeds ran, kept in pytest's cache.

It is imported before the fork in later runs. In the first one it is known of torch alone, which
loads its compiler when an optimizer is made, a second and a half of every worker.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress.running.places import Places
from pytest_mlregress.running.reads import checkout_of, file_digest
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.settings import Settings

_CACHE_KEY: Final = "mlregress/imports"
_MOST_FILES: Final = 500
_MOST_MODULES: Final = 100
"""Of a file, or left out."""
_BY_OPTIMIZERS: Final = "torch._dynamo"
_OPTIMIZERS: Final = re.compile(rb"\boptim\b|\boptimizers?\b")


class RememberedImports:
    """The imports of the seeds in each test file, as earlier runs have seen them.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._cache: Any = getattr(config, "cache", None)
        self._root = config.rootpath
        self._places = Places(checkout_of(config.rootpath))
        stored = self._cache.get(_CACHE_KEY, {}) if self._cache is not None else {}
        stored = stored if isinstance(stored, Mapping) else {}
        self._files = dict(_readable(stored.get("files")))
        self._left_out = _names(stored.get("left_out"))
        self._has_changed = False

    def before_fork(self, items: Iterable[pytest.Item]) -> dict[str, list[pytest.Item]]:
        """The modules to import before workers are forked.

        Args:
            items: all that will run.

        Returns:
            Names of modules that are not imported yet, in the order of their imports, and the
            items of the seeds that would import each.
        """
        seeds: dict[Path, list[pytest.Item]] = {}
        for item in items:
            if SEED_ITEM in item.stash:
                seeds.setdefault(item.path, []).append(item)
        wanted: dict[str, list[pytest.Item]] = {}
        for file, own in seeds.items():
            for name in self._of_file(file):
                wanted[name] = [*wanted.get(name, []), *own]
        if seeds and _loads_compiler(self._places):
            wanted[_BY_OPTIMIZERS] = [item for own in seeds.values() for item in own]
        return {
            name: own
            for name, own in wanted.items()
            if name not in sys.modules and name not in self._left_out
        }

    def add(self, file: Path, names: Iterable[str]) -> None:
        """Remember what a seed of a test file has imported.

        Args:
            file: the test file.
            names: the modules.
        """
        before = self._of_file(file)
        after = list(dict.fromkeys([*before, *names]))[:_MOST_MODULES]
        if after != before:
            self._files.pop(self._key(file), None)
            self._files[self._key(file)] = (file_digest(file), after)
            self._has_changed = True

    def leave_out(self, names: Iterable[str]) -> None:
        """Remember what must not be imported before a fork, or cannot be.

        Args:
            names: the modules.
        """
        after = list(dict.fromkeys([*self._left_out, *names]))[:_MOST_MODULES]
        self._has_changed |= after != self._left_out
        self._left_out = after

    def save(self) -> None:
        """Write it, where it has changed and there is a cache."""
        if self._has_changed and self._cache is not None:
            latest = list(self._files.items())[-_MOST_FILES:]
            stored = {"files": dict(latest), "left_out": self._left_out}
            self._cache.set(_CACHE_KEY, stored)

    def _of_file(self, file: Path) -> list[str]:
        """What is known of a test file; nothing of one that has changed."""
        digest, names = self._files.get(self._key(file), ("", []))
        return names if names and digest == file_digest(file) else []

    def _key(self, file: Path) -> str:
        return file.relative_to(self._root).as_posix() if self._root in file.parents else str(file)


def imports_early(settings: Settings) -> bool:
    """Whether seeds will train for sure, so that what they import is not imported in vain.

    Args:
        settings: those of the run.

    Returns:
        False where seeds may come from the cache, or are left out since nothing has changed.
    """
    return not (settings.compares_sides or settings.unchanged == "skip")


def _loads_compiler(places: Places) -> bool:
    """Whether the code at hand trains with torch's optimizers, which load torch's compiler."""
    if "torch.optim" not in sys.modules or _BY_OPTIMIZERS in sys.modules:
        return False
    return any(_OPTIMIZERS.search(_content(file)) for file in _local_files(places))


def _local_files(places: Places) -> Iterator[Path]:
    """The files of what is imported and of no installed package."""
    for module in tuple(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or "site-packages" in file:
            continue
        path = Path(file)
        if path.suffix == ".py" and not places.is_installed(path):
            yield path


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _readable(stored: object) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """What can be read of a cache that anything may have written."""
    for file, entry in stored.items() if isinstance(stored, Mapping) else ():
        match entry:
            case [str() as digest, names]:
                yield str(file), (digest, _names(names))
            case _:
                pass


def _names(stored: object) -> list[str]:
    texts = [name for name in stored if isinstance(name, str)] if isinstance(stored, list) else []
    return [name for name in texts if all(part.isidentifier() for part in name.split("."))]
