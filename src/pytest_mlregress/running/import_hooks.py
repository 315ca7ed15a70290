"""Call a function right after the first import of a module, whatever imports it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


@contextmanager
def after_import_of(*names: str, action: Callable[[str], object]) -> Iterator[None]:
    """Call `action` right after each of the modules that the block is the first to import.

    Args:
        *names: names of modules.
        action: called with the name of the module.

    Yields:
        Once, around the block.
    """
    finder = _ActingFinder(names, action)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _ActingFinder(MetaPathFinder):
    """Finds nothing itself; wraps a module's loader, to act when it is done."""

    def __init__(self, names: Sequence[str], action: Callable[[str], object]) -> None:
        self._names = names
        self._action = action
        self._busy = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if self._busy or fullname not in self._names:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._busy = False
        if spec is not None and spec.loader is not None:
            _act_after_execution(spec.loader, partial(self._action, fullname))
        return spec


def _act_after_execution(loader: Any, action: Callable[[], object]) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        action()

    loader.exec_module = exec_module
