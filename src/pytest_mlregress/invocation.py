"""The command of this run as baselines and reports keep it, from the options as pytest read them.

pytest knows which words are names of tests and which are values of other plugins' options; a list
of words does not tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_mlregress.baselines.urls import shareable
from pytest_mlregress.node_ids import in_file, split_file
from pytest_mlregress.options import OPTIONS


def invocation(config: pytest.Config) -> tuple[str, ...]:
    """``pytest``, the tests that were named, `-k`, `-m` and the plugin's own options.

    Options from `addopts` are among them. Paths are relative to the rootdir, and no text has
    credentials or an absolute path.
    """
    names = (
        _named(config, str(name)) for name in getattr(config.option, "file_or_dir", None) or ()
    )
    return ("pytest", *names, *_expressions(config), *own_options(config))


def _named(config: pytest.Config, name: str) -> str:
    """A node id or a path relative to the rootdir; `--pyargs` names no path and stays as it is."""
    path, names = split_file(name)
    place = (config.invocation_params.dir / path).resolve()
    if place.exists():
        path = shareable(str(place), config.rootpath.resolve())
    return _text(in_file(path, names), config.rootpath)


def _expressions(config: pytest.Config) -> Iterator[str]:
    for flag, dest in (("-k", "keyword"), ("-m", "markexpr")):
        expression = getattr(config.option, dest, "")
        if expression:
            yield from (flag, _text(str(expression), config.rootpath))


def own_options(config: pytest.Config) -> Iterator[str]:
    """The plugin's own options of a run."""
    for option in OPTIONS:
        given = config.getoption(option.dest)
        if given is None or given is False:
            continue
        if option.value is None:
            yield option.flag
            continue
        for value in given if option.repeat else (given,):
            yield f"{option.flag}={_text(str(value), config.rootpath)}"


def _text(word: str, root: Path) -> str:
    """The word as valid Unicode, which a command line may not be."""
    return shareable(word.encode(errors="backslashreplace").decode(), root)
