"""What seeds import while they run, in a forked worker.

An import may read variables of the environment, such as ``KERAS_BACKEND``, or what it finds in the
working folder or on the path. Where a test has changed one of these, its imports are its own: the
process that workers are forked from would import something else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from functools import cached_property
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from pytest_mlregress.engines.early_imports import repeat_notes
from pytest_mlregress.running.places import Places
from pytest_mlregress.running.reads import checkout_of
from pytest_mlregress.running.seed_keys import SEED_ITEM

_OURS: Final = "pytest_mlregress"
_OF_PYTEST: Final = "PYTEST_CURRENT_TEST"


class SeedImports:
    """The hooks of a worker that tells what its seeds import.

    Args:
        config: pytest's.
        tell: called after a seed with its item and the modules of installed packages that it
            imported, without those that they imported themselves.
    """

    def __init__(
        self, config: pytest.Config, tell: Callable[[pytest.Item, list[str]], object]
    ) -> None:
        self._config = config
        self._tell = tell
        self._surroundings = _surroundings()

    @cached_property
    def _places(self) -> Places:
        return Places(checkout_of(self._config.rootpath))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note what a seed imports in any phase."""
        if SEED_ITEM not in item.stash:
            return (yield)
        finder = _NotingFinder(self._surroundings)
        sys.meta_path.insert(0, finder)
        try:
            return (yield)
        finally:
            sys.meta_path.remove(finder)
            names = [name for name in finder.names if self._is_installed(name)]
            if names:
                self._tell(item, names)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Let the first seed say what imports before the fork have said."""
        if SEED_ITEM in item.stash:
            repeat_notes()

    def _is_installed(self, name: str) -> bool:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if spec is None or not spec.has_location or name.partition(".")[0] == _OURS:
            return False
        return self._places.is_installed(Path(str(spec.origin)))


class _NotingFinder(MetaPathFinder):
    """Finds nothing itself; notes what is looked for while no other import is under way.

    Args:
        surroundings: those that the process that workers are forked from has, too.

    Attributes:
        names: what was looked for in these surroundings.
    """

    def __init__(self, surroundings: tuple[object, ...]) -> None:
        self._surroundings = surroundings
        self._last: str | None = None
        self.names: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if self._last is None or not _is_initializing(self._last):
            self._last = name
            if _surroundings() == self._surroundings:
                self.names.append(name)
        return None


def _surroundings() -> tuple[object, ...]:
    """What an import may depend on and a test may change."""
    variables = {name: value for name, value in os.environ.items() if name != _OF_PYTEST}
    return variables, os.getcwd(), list(sys.path)  # noqa: PTH109 - a text is what is compared


def _is_initializing(name: str) -> bool:
    """Whether the import of a module is under way; by ``ModuleSpec._initializing`` of importlib."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))
