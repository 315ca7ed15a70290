"""Processes that the base's tests start: finders of editable installs lead to the base, too.

``PYTHONPATH`` precedes every folder that an environment adds, but not the finders that some build
backends install when an interpreter starts (setuptools for renamed packages, meson-python,
scikit-build-core, ``editables``). A ``.pth`` file imports each of them by name. A folder on
``PYTHONPATH`` holds a module of the same name, which runs the backend's and then puts the base's
finder in front.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.revisions.first_party_finder import FinderPlan, FirstPartyFinder
from pytest_mlregress.revisions.installed_copies import Installation

__all__ = ["run_backend_finder", "write_backend_finders"]

_IMPORTED: Final = re.compile(r"\bimport\s+([A-Za-z_]\w*)")
_STARTS: Final = ("install", "init")
"""The functions that a ``.pth`` file calls to install the backend's finder."""

_STAND_IN: Final = '''\
"""Written by pytest-mlregress: runs {original} and puts the base's finder in front."""

from pytest_mlregress.revisions.child_imports import run_backend_finder

__file__ = {original!r}
run_backend_finder(globals(), {record!r})
'''


def write_backend_finders(folder: Path, found: Iterable[Installation], plan: FinderPlan) -> bool:
    """Write a module for each finder that an editable install adds to new processes.

    Args:
        folder: where; it belongs first on ``PYTHONPATH``.
        found: the installations of the project under test.
        plan: of the base's finder.

    Returns:
        Whether there was any.
    """
    record = json.dumps(asdict(plan))
    written = False
    for original in _finder_files(found):
        text = _STAND_IN.format(original=str(original), record=record)
        (folder / original.name).write_text(text, encoding="utf-8")
        written = True
    return written


def run_backend_finder(namespace: dict[str, Any], record: str) -> None:
    """Run a backend's module in the namespace of its stand-in, then install the base's finder.

    Args:
        namespace: the globals of the stand-in; ``__file__`` is the backend's module.
        record: what `write_backend_finders` was given, as JSON.
    """
    finder = FirstPartyFinder(FinderPlan(**json.loads(record)))
    file = Path(namespace["__file__"])
    exec(compile(file.read_bytes(), str(file), "exec"), namespace)
    for name in _STARTS:
        if callable(namespace.get(name)):
            namespace[name] = _Start(namespace[name], finder)
    finder.install()


class _Start:
    """Calls what installs the backend's finder, then puts the base's in front."""

    def __init__(self, function: Any, finder: FirstPartyFinder) -> None:
        self._function = function
        self._finder = finder

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        result = self._function(*arguments, **named)
        self._finder.install()
        return result


def _finder_files(found: Iterable[Installation]) -> Iterator[Path]:
    """The modules of editable installs that their own ``.pth`` files import."""
    for entry in found:
        if not entry.editable:
            continue
        files = [
            Path(str(entry.distribution.locate_file(file)))
            for file in entry.distribution.files or ()
            if len(file.parts) == 1
        ]
        imported = set(_imports_of(file for file in files if file.suffix == ".pth"))
        yield from (file for file in files if file.suffix == ".py" and file.stem in imported)


def _imports_of(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        if file.is_file():
            lines: Sequence[str] = file.read_text(encoding="utf-8", errors="replace").splitlines()
            for line in lines:
                if line.startswith(("import ", "import\t")):
                    yield from _IMPORTED.findall(line)
