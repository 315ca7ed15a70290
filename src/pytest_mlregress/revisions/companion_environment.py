"""The import path of the base's processes: environment variables and ``sys.path``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest_mlregress
from pytest_mlregress.revisions.checkouts import CheckoutPair, Side, absolute

__all__ = ["PYTHONPATH", "companion_environment", "moved_path"]

PYTHONPATH: Final = "PYTHONPATH"
"""The environment variable with the first entries of a new interpreter's import path."""


def companion_environment(
    environ: Mapping[str, str], roots: Sequence[Path], candidate_checkout: Path, checkout: Path
) -> dict[str, str]:
    """The environment of the base's companion and of the processes that it starts.

    ``PYTHONPATH`` names the base's roots first, then what it named before: folders of the
    candidate's checkout are replaced by those of the base where there are such, else left out.

    Args:
        environ: the environment of the candidate's process.
        roots: the folders that the base's code is imported from.
        candidate_checkout: the top folder of the candidate's code.
        checkout: the one of the base's.

    Returns:
        All variables; nothing but ``PYTHONPATH`` differs from ``environ``.
    """
    pair = CheckoutPair(checkout, candidate_checkout)
    inherited = environ.get(PYTHONPATH)
    entries = [] if inherited is None else inherited.split(os.pathsep)
    moved = moved_path([absolute(entry) for entry in entries], pair)
    own = [] if pair.same_code else [str(root) for root in roots]
    paths = [*own, *_plugin_folder(), *moved]
    variables = {name: value for name, value in environ.items() if name != PYTHONPATH}
    if paths:
        variables[PYTHONPATH] = os.pathsep.join(dict.fromkeys(paths))
    return variables


def moved_path(entries: Iterable[str], pair: CheckoutPair) -> list[str]:
    """An import path of the candidate as the base needs it, in the same order.

    Args:
        entries: folders and archives; an empty one is the current folder.
        pair: the checkouts, the base's own first.

    Returns:
        The entries, the candidate's replaced by the base's where there are such, else left out.
    """
    kept = []
    for entry in entries:
        place: str | None = entry
        there = pair.in_other(entry)
        if there is not None and not Path(entry).exists() and pair.is_installed(there):
            place = there  # an environment inside the repository, which is not part of its code
        elif pair.side_of(entry) is Side.OTHER and not _is_plugin_folder(entry):
            place = pair.mirrored(entry)
            if place is None or not Path(place).exists():
                continue
        if place is not None:
            kept.append(place)
    return kept


def _plugin_folder() -> list[str]:
    """Where the plugin is imported from, unless that is an environment's packages."""
    folder = Path(pytest_mlregress.__file__).parents[1]
    return [] if {"site-packages", "dist-packages"} & set(folder.parts) else [str(folder)]


def _is_plugin_folder(entry: str) -> bool:
    return os.path.realpath(entry) in map(os.path.realpath, _plugin_folder())
