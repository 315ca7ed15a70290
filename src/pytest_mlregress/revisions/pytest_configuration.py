"""Where the two sides configure pytest differently; the candidate's configuration is in force."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.revisions.candidate_files import CandidateFiles
from pytest_mlregress.revisions.project_files import read_text, read_toml, table

__all__ = ["changed_configuration"]

_INI_SECTIONS: Final = {
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "tox.ini": "pytest",
    "setup.cfg": "tool:pytest",
}
_TOML_TABLES: Final = {
    "pytest.toml": ("pytest",),
    ".pytest.toml": ("pytest",),
    "pyproject.toml": ("tool", "pytest"),
}


def changed_configuration(
    files: CandidateFiles, root: str, *, candidate: Path, base: Path
) -> tuple[str, ...]:
    """The settings of pytest that differ, each file as ``file: keys``.

    Args:
        files: the candidate's files.
        root: pytest's rootdir, below the top.
        candidate: the top of the candidate's checkout.
        base: the top of the base's.

    Returns:
        One text per file, sorted by file.
    """
    found = []
    for name in sorted((*_INI_SECTIONS, *_TOML_TABLES)):
        path = f"{root}/{name}" if root else name
        if path not in files.changed:
            continue
        before, now = _settings(base / path), _settings(candidate / path)
        keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        if keys:
            found.append(f"{path}: {', '.join(keys)}")
    return tuple(found)


def _settings(path: Path) -> dict[str, Any]:
    if path.name in _TOML_TABLES:
        settings = table(read_toml(path), *_TOML_TABLES[path.name])
        direct = {key: value for key, value in settings.items() if key != "ini_options"}
        return {**direct, **table(settings, "ini_options")}
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(path))
    except configparser.Error:
        return {}
    section = _INI_SECTIONS[path.name]
    if not parser.has_section(section):
        return {}
    return {key: value.split() for key, value in parser.items(section)}
