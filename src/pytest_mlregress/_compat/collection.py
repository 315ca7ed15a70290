"""Private parts of pytest's configuration and collection."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Collection
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    pass


def ini_keys(config: pytest.Config) -> tuple[str, ...]:
    """The keys of the ini file and of ``--override-ini``, known to pytest or not.

    ``Config.inicfg``, pytest 8.0 to 8.4, deprecated in 9.0; ``Config._inicfg``, 9.0 to 9.2.
    """
    stored = getattr(config, "_inicfg", None)
    overrides = config.getoption("override_ini", None) or ()
    return (
        *(stored if stored is not None else config.inicfg),
        *(entry.partition("=")[0].strip() for entry in overrides),
    )


def parameter_ids(item: pytest.Item) -> tuple[str, ...]:
    """The ids of the item's parameters, in order.

    ``CallSpec2._idlist``, pytest 8.0 to 9.2; the public ``callspec.id`` joins them with dashes,
    which ids may contain.
    """
    callspec = getattr(item, "callspec", None)
    return tuple(map(str, callspec._idlist)) if callspec is not None else ()


def parameter_values(item: pytest.Item) -> dict[str, Any]:
    """The parameters of an item by name; ``Function.callspec`` is not in the public API."""
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec is not None else {}


def marks_of_parameters(metafunc: pytest.Metafunc) -> set[str]:
    """Names of the marks given through ``pytest.param(..., marks=...)`` so far.

    ``Metafunc._calls``, pytest 8.0 to 9.2.
    """
    return {mark.name for call in metafunc._calls for mark in call.marks}


def resolves_to(metafunc: pytest.Metafunc, name: str, module: str) -> bool:
    """True where the fixture ``name``, as this test sees it, is defined in ``module``.

    ``Metafunc._arg2fixturedefs``, pytest 8.0 to 9.2.
    """
    definitions = metafunc._arg2fixturedefs.get(name)
    return definitions is not None and definitions[-1].func.__module__ == module


def place_of(metafunc: pytest.Metafunc, name: str) -> str | None:
    """``conftest.py:12`` of the fixture ``name``, as this test sees it, None where there is none.

    ``Metafunc._arg2fixturedefs``, pytest 8.0 to 9.2.
    """
    definitions = metafunc._arg2fixturedefs.get(name)
    if definitions is None:
        return None
    code = inspect.unwrap(definitions[-1].func).__code__
    file = os.path.relpath(code.co_filename, metafunc.config.rootpath)
    return f"{Path(file).as_posix()}:{code.co_firstlineno}"


def count_collected(session: pytest.Session) -> None:
    """Count a test that is reported beyond those that were collected.

    pytest-sugar keeps a number of its own on the terminal reporter, and its bar would pass 100 %.
    """
    session.testscollected += 1
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if isinstance(getattr(reporter, "tests_count", None), int):
        reporter.tests_count += 1


def called_by_pytest_or(package: str) -> bool:
    """True where the hook that is running was called by pytest itself, or from the package.

    The caller is the next frame but those of pluggy, 1.3 to 1.7; its module tells whose it is.
    """
    frame = sys._getframe(3)  # beyond this function, its caller and the hook
    while frame.f_back is not None and _package_of(frame) == "pluggy":
        frame = frame.f_back
    return _package_of(frame) in ("_pytest", package)


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def deselect_as_asked(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let ``-k``, ``-m`` and ``--deselect`` have their turn now; a second one changes nothing.

    The hooks of ``_pytest.mark`` and ``_pytest.main``, pytest 8.0 to 9.2.
    """
    from _pytest import main, mark

    mark.pytest_collection_modifyitems(items, config)
    main.pytest_collection_modifyitems(items, config)


def take_back_deselection(config: pytest.Config, items: Collection[pytest.Item]) -> None:
    """Do not count items as deselected that run after all.

    ``TerminalReporter.stats``, pytest 8.0 to 9.2, which the line of the collection counts from.
    """
    terminal = config.pluginmanager.getplugin("terminalreporter")
    if terminal is not None and items and "deselected" in terminal.stats:
        left = [item for item in terminal.stats["deselected"] if item not in items]
        terminal.stats["deselected"] = left


def is_ignored(config: pytest.Config, warning: warnings.WarningMessage) -> bool:
    """True where a ``filterwarnings`` or ``-W`` of its very category says to ignore a warning.

    ``_pytest.config.apply_warning_filters`` and ``parse_warning_filter``, pytest 8.0 to 9.2.
    """
    from _pytest.config import apply_warning_filters, parse_warning_filter

    assert isinstance(warning.message, Warning)

    def own(filters: list[str], *, escape: bool) -> list[str]:
        categories = {text: parse_warning_filter(text, escape=escape)[2] for text in filters}
        return [text for text in filters if issubclass(categories[text], warning.category)]

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        apply_warning_filters(
            own(config.getini("filterwarnings"), escape=False),
            own(config.known_args_namespace.pythonwarnings or [], escape=True),
        )
        try:
            warnings.warn_explicit(warning.message, None, warning.filename, warning.lineno)
        except warning.category:
            return False
    return not shown
