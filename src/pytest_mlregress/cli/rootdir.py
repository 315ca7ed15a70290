"""pytest's rootdir for commands that start no pytest, and the node ids below it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from pytest_mlregress.node_ids import in_file, split_file

__all__ = ["from_rootdir", "rootdir_option"]


def _found(context: click.Context, parameter: click.Parameter, given: Path | None) -> Path:
    from pytest_mlregress.doctor.configuration import find_rootdir

    return find_rootdir(Path.cwd()) if given is None else given.resolve()


rootdir_option: Final = click.option(
    "--rootdir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    callback=_found,
    help="pytest's rootdir (default: the one that pytest finds from the current folder).",
)
"""Gives a command the absolute ``rootdir``."""


def from_rootdir(test: str, rootdir: Path) -> str:
    """A text that names tests; node ids of the current folder as they are from the rootdir.

    Args:
        test: the text, which may be any part of a node id.
        rootdir: pytest's rootdir.

    Returns:
        The text; where it begins with a test file of the current folder, with the file's path below
        the rootdir.
    """
    file, names = split_file(test)
    place = (Path.cwd() / file).resolve()
    if not (file.endswith(".py") and place.is_file() and place.is_relative_to(rootdir)):
        return test
    return in_file(place.relative_to(rootdir).as_posix(), names)
