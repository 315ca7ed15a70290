"""Which files' code has run in this process, whether or not as an imported module."""

from __future__ import annotations

import sys
from types import CodeType
from typing import Final

__all__ = ["ExecutedCode"]


class ExecutedCode:
    """The files whose code has been executed since it was last asked.

    A module loaded by `importlib.util.spec_from_file_location` or run by `runpy` need not be in
    ``sys.modules``. An audit hook cannot be removed: there is one per process, which does nothing
    while no object listens.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()

    def start(self) -> None:
        """Listen from now on, instead of any other object."""
        if not _listening:
            sys.addaudithook(_note)
        _listening[:] = [self._files]

    def stop(self) -> None:
        """Listen no more."""
        if any(files is self._files for files in _listening):
            _listening[:] = [set()]

    def take(self) -> list[str]:
        """The files since the last call, sorted.

        Returns:
            File names as their code has them.
        """
        files = sorted(self._files)
        self._files.difference_update(files)
        return files


_listening: Final[list[set[str]]] = []


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "exec":
        code = arguments[0]
        if isinstance(code, CodeType) and not code.co_filename.startswith("<"):
            _listening[0].add(code.co_filename)
