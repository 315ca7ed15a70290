"""pytest's configuration file of a project: which one is in force, and what it says."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.doctor.project_folder import text_of

__all__ = ["Configuration", "find_configuration", "find_rootdir", "settings_in"]

TABLES: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "pytest.toml": (("pytest",),),
    ".pytest.toml": (("pytest",),),
    "pyproject.toml": (("tool", "pytest", "ini_options"), ("tool", "pytest")),
}
"""The tables of TOML files, in the order in which pytest looks; the last needs pytest 9."""

SECTIONS: Final[Mapping[str, str]] = {
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}

_ORDER: Final = (
    *("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
    *("pyproject.toml", "tox.ini", "setup.cfg"),
)
ALONE: Final = frozenset({"pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"})
"""Files that are pytest's own: one without a section is in force, too."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration file that pytest reads in a folder.

    Attributes:
        file: the file; None where there is none.
        place: the table or section in it, such as ``tool.pytest.ini_options``.
        values: its keys as text, as pytest splits them: lists by lines.
        broken: why a file that may configure pytest cannot be parsed; empty if none is broken.
    """

    file: Path | None = None
    place: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    broken: str = ""

    def words(self, key: str) -> list[str]:
        """The value of a key as words."""
        return self.values.get(key, "").split()

    def line_of(self, key: str) -> int:
        """The line on which a key is set; 0 where it cannot be found."""
        if self.file is None:
            return 0
        for number, line in enumerate(text_of(self.file).splitlines(), start=1):
            if line.partition("=")[0].partition(":")[0].strip().strip("\"'") == key:
                return number
        return 0


def find_configuration(folder: Path, top: Path) -> Configuration:
    """The configuration that is in force for a folder, as pytest looks for it.

    Args:
        folder: pytest's rootdir, or a folder below it.
        top: the last folder to look in.

    Returns:
        The configuration; an empty one where no file configures pytest.
    """
    broken = ""
    for place in (folder, *folder.parents):
        for name in _ORDER:
            file = place / name
            if not file.is_file():
                continue
            try:
                found = settings_in(name, text_of(file))
            except ValueError as error:
                broken = broken or _cannot_be_parsed(name, error)
                continue
            if found is not None:
                section, values = found
                return Configuration(file, section, values, broken or _broken_beside(file))
        if place == top:
            break
    return Configuration(broken=broken)


def find_rootdir(folder: Path) -> Path:
    """The rootdir that pytest finds when it is started in a folder without arguments.

    Args:
        folder: the folder.

    Returns:
        The nearest folder above it, or itself, whose file configures pytest; else the nearest one
        with a ``pyproject.toml``, else with a ``setup.py``; else the folder itself.
    """
    folder = folder.resolve()
    configuration = find_configuration(folder, Path(folder.anchor))
    if configuration.file is not None:
        return configuration.file.parent
    for name in ("pyproject.toml", "setup.py"):
        for place in (folder, *folder.parents):
            if (place / name).is_file():
                return place
    return folder


def _broken_beside(file: Path) -> str:
    """Why a TOML file cannot be parsed that pytest 9 reads after the one that is in force."""
    for name in _ORDER[_ORDER.index(file.name) + 1 :]:
        if name in TABLES and (file.parent / name).is_file():
            try:
                settings_in(name, text_of(file.parent / name))
            except ValueError as error:
                return _cannot_be_parsed(name, error)
    return ""


def _cannot_be_parsed(name: str, error: ValueError) -> str:
    return f"{name} cannot be parsed: {' '.join(str(error).split())}"


def settings_in(name: str, text: str) -> tuple[str, dict[str, str]] | None:
    """What a file of a name says to pytest.

    Args:
        name: the name of the file, which says where in it pytest looks.
        text: its text.

    Returns:
        The table or section, and its values as text; None where the file is not pytest's.

    Raises:
        ValueError: it cannot be parsed.
    """
    if name in TABLES:
        return _in_toml(name, tomllib.loads(text))
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error)) from None
    section = SECTIONS[name]
    if parser.has_section(section):
        return section, dict(parser.items(section))
    return (section, {}) if name in ALONE else None


def _in_toml(name: str, document: dict[str, Any]) -> tuple[str, dict[str, str]] | None:
    for keys in TABLES[name]:
        table: Any = document
        for key in keys:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict):
            return ".".join(keys), {key: _as_text(value) for key, value in table.items()}
    return (TABLES[name][0][0], {}) if name in ALONE else None


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
