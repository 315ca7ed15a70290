"""The environment variables of a process in another Python environment."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import outside_hooks

__all__ = ["process_environment", "variables_of"]

_OF_ONE_INTERPRETER: Final = frozenset(
    {"PYTHONHOME", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "__PYVENV_LAUNCHER__"}
)


def process_environment(python: Path) -> dict[str, str]:
    """The environment variables of a process in another Python environment.

    They are those of this process, without what belongs to its interpreter: entries of PYTHONPATH
    that hold installed packages are left out, those with source code stay. Commands are looked up
    beside the interpreter first, as in an activated environment.

    Args:
        python: the interpreter of the other environment.

    Returns:
        The variables.
    """
    variables = {k: v for k, v in outside_hooks().items() if k not in _OF_ONE_INTERPRETER}
    paths = variables.pop("PYTHONPATH", "").split(os.pathsep)
    if kept := [path for path in paths if path and not _holds_packages(Path(path))]:
        variables["PYTHONPATH"] = os.pathsep.join(kept)
    commands = [str(python.parent), variables.get("PATH", os.defpath)]
    variables["PATH"] = os.pathsep.join(commands)
    if "VIRTUAL_ENV" in variables:
        variables["VIRTUAL_ENV"] = str(python.parent.parent)
    return variables


def _holds_packages(folder: Path) -> bool:
    own = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    return folder in own or any(folder.glob("*.dist-info"))


@contextmanager
def variables_of(python: Path) -> Iterator[None]:
    """Let the processes that are started meanwhile have the variables of `process_environment`.

    For starters that pass on those of this process, such as execnet.

    Args:
        python: the interpreter of the other environment.

    Yields:
        Once, with the variables set.
    """
    before, wanted = dict(os.environ), process_environment(python)
    try:
        _set(wanted)
        yield
    finally:
        _set(before)


def _set(wanted: dict[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)
