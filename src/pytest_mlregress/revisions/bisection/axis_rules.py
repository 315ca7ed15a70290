"""What kind of change a file belongs to: the code, its environment, its data, its configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final, Literal, TypeAlias

from pytest_mlregress.revisions.bisection.data_template import DataTemplate

__all__ = ["AXES", "Axis", "AxisRules"]

Axis: TypeAlias = Literal["commits", "env", "data", "config"]

AXES: Final[tuple[Axis, ...]] = ("commits", "env", "data", "config")
"""All axes; ``commits`` is the code, and whatever is none of the others."""

_LOCK_NAMES: Final = frozenset(
    {
        *("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "conda-lock.yml", "pixi.lock"),
        *("environment.yml", "environment.yaml", "pylock.toml"),
    }
)
_REQUIREMENTS: Final = re.compile(r"(.*[-_.])?(requirements|constraints)([-_.].*)?\.(txt|in)$")
_DATA_NAMES: Final = frozenset({"dvc.lock"})
_DATA_SUFFIX: Final = ".dvc"
_CONFIG_SUFFIXES: Final = (
    *(".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".conf", ".gin", ".jsonnet"),
    ".properties",
)
_PROJECT_NAMES: Final = frozenset(
    {
        *("pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini", "mypy.ini", "package.json"),
        *("mkdocs.yml", "dvc.yaml", "ruff.toml", "codecov.yml", "package-lock.json"),
    }
)


@dataclass(frozen=True, slots=True)
class AxisRules:
    """Which axis a path belongs to.

    Attributes:
        locks: paths or patterns that the user calls lock files.
        configs: paths or patterns that the user calls configuration.
        data: where versions of the data lie; None where the user has not said.
    """

    locks: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    data: DataTemplate | None = None

    def axis_of(self, path: str) -> Axis:
        """The axis of a file.

        Args:
            path: its path below the top of the repository.

        Returns:
            The axis; what the user has said comes first.
        """
        if _matches(path, self.locks):
            return "env"
        if _matches(path, self.configs):
            return "config"
        if self.data is not None and self.data.version_of_path(path) is not None:
            return "data"
        return _by_name(path)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(path == pattern or fnmatch(path, pattern) for pattern in patterns)


def _by_name(path: str) -> Axis:
    folder, _, name = path.rpartition("/")
    if name in _LOCK_NAMES or _REQUIREMENTS.fullmatch(name):
        return "env"
    if folder.rpartition("/")[2] == "requirements" and name.endswith((".txt", ".in")):
        return "env"
    if name in _DATA_NAMES or name.endswith(_DATA_SUFFIX):
        return "data"
    hidden = any(part.startswith(".") for part in path.split("/"))
    if name.endswith(_CONFIG_SUFFIXES) and name not in _PROJECT_NAMES and not hidden:
        return "config"
    return "commits"
