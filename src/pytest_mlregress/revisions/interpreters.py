"""Where the interpreter of another environment is, from what a person writes on a command line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["EnvironmentProbeError", "find_interpreter"]

_INSIDE: Final = (
    *("bin/python", "bin/python3"),  # a virtual environment, a conda or pixi prefix
    *("Scripts/python.exe", "python.exe"),  # the same on Windows
    *("python", "python3"),  # the bin folder itself
    *(".venv/bin/python", ".venv/Scripts/python.exe"),  # a project of uv, poetry or hatch
    *("venv/bin/python", "venv/Scripts/python.exe"),
    *(".pixi/envs/default/bin/python", ".pixi/envs/default/python.exe"),  # a project of pixi
    *("envs/default/bin/python", "envs/default/python.exe"),
)
"""Where a folder holds its interpreter, the likeliest place first."""

_EXAMPLE: Final = "such as env:/path/to/venv or env:python3.12"


class EnvironmentProbeError(Exception):
    """An environment that cannot be compared with; the text names it and the remedy."""


def find_interpreter(text: str, invocation_dir: Path) -> Path:
    """The interpreter that a person named.

    Args:
        text: the path of an interpreter, a folder that holds one, or the name of a command on PATH;
            `~` and environment variables are expanded, since a shell leaves those inside of
            ``--mlregress-against=env:~/old`` alone.
        invocation_dir: where pytest was started; relative paths start there.

    Returns:
        The absolute path. Its symbolic links are kept: through them a virtual environment's
        interpreter knows that it is one.

    Raises:
        EnvironmentProbeError: nothing that can be run is there.
    """
    name = os.path.expandvars(Path(text.strip()).expanduser()) if text.strip() else ""
    if not name:
        raise EnvironmentProbeError(
            f"env: names no interpreter; give one, or a folder that holds one, {_EXAMPLE}"
        )
    place = Path(os.path.normpath(invocation_dir.absolute() / name))
    if place.is_dir():
        return _inside(place)
    if not os.path.lexists(place) and (command := _on_path(name)) is not None:
        return command
    return _executable(place, named=name)


def _on_path(name: str) -> Path | None:
    """The command of this name, if it is a plain name and there is one."""
    if Path(name).name != name:
        return None
    found = shutil.which(name)
    return Path(found).absolute() if found is not None else None


def _inside(folder: Path) -> Path:
    """The interpreter that a folder holds.

    Raises:
        EnvironmentProbeError: it holds none.
    """
    for place in _candidates(folder):
        if os.path.lexists(place) and not place.is_dir():
            return _executable(place, named=str(place))
    raise EnvironmentProbeError(
        f"the folder {folder} holds no Python interpreter: neither bin/python nor "
        f"Scripts/python.exe nor .venv nor .pixi is there; name the interpreter itself, {_EXAMPLE}"
    )


def _candidates(folder: Path) -> Iterator[Path]:
    yield from (folder / place for place in _INSIDE)
    yield from sorted((folder / "bin").glob("python3.[0-9]*[0-9]"))


def _executable(place: Path, *, named: str) -> Path:
    """The path, if it is a file that can be run.

    Raises:
        EnvironmentProbeError: it is not.
    """
    if place.is_symlink() and not place.exists():
        raise EnvironmentProbeError(
            f"{place} is a link to {place.readlink()}, which does not exist: the Python that the "
            "environment was made with is gone; create the environment again"
        )
    if not place.exists():
        nor = f", and no command {named} on PATH" if Path(named).name == named else ""
        raise EnvironmentProbeError(
            f"there is no {place}{nor}; name an interpreter, or a folder that holds one, {_EXAMPLE}"
        )
    if not place.is_file() or not os.access(place, os.X_OK):
        raise EnvironmentProbeError(
            f"{place} is no executable file; name a Python interpreter, {_EXAMPLE}"
        )
    return place
