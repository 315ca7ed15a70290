"""Node ids without a seed on the command line: ``test_a.py::test_two[y]`` means all its seeds.

A verdict is reported under such an id, so users paste it; to pytest it names no item. The argument
is widened to the whole function, and what it does not name is deselected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.node_ids import (
    ends_with_seed,
    in_file,
    split_file,
    split_parameters,
    without_parameters,
)
from pytest_mlregress.running.seed_keys import SEED_ITEM


@dataclass(frozen=True, slots=True)
class _Widened:
    argument: str
    file: Path
    names: str

    @property
    def function(self) -> str:
        return split_parameters(self.names)[0]


_WIDENED: Final = pytest.StashKey[list[_Widened]]()


def widen_arguments(config: pytest.Config) -> None:
    """Let an argument with parameters but no seed collect every seed of its function.

    Args:
        config: pytest's, whose arguments are changed.
    """
    widened: list[_Widened] = []
    for position, argument in enumerate(config.args):
        path, names = split_file(argument)
        if not names.endswith("]") or ends_with_seed(names):
            continue
        one = _Widened(argument, (config.invocation_params.dir / path).resolve(), names)
        config.args[position] = in_file(path, one.function)
        widened.append(one)
    config.stash[_WIDENED] = widened


def deselect_unnamed(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what only a widened argument collected.

    Args:
        config: pytest's.
        items: the collected items, changed in place.

    Raises:
        pytest.UsageError: an argument names no collected test, as in pytest without the plugin.
    """
    widened = config.stash.get(_WIDENED, [])
    if not widened or _covered_otherwise(config, widened):
        return
    named: list[pytest.Item] = []
    unnamed: list[pytest.Item] = []
    found: set[_Widened] = set()
    for item in items:
        of_function = [one for one in widened if _is_of_function(item, one)]
        matching = [one for one in of_function if one.names in _names(item)]
        found.update(matching)
        (unnamed if of_function and not matching else named).append(item)
    lost = [one.argument for one in widened if one not in found]
    if lost:
        raise pytest.UsageError(f"not found: {', '.join(lost)} (no such parameters)")
    if unnamed:
        config.hook.pytest_deselected(items=unnamed)
        items[:] = named


def _covered_otherwise(config: pytest.Config, widened: Iterable[_Widened]) -> bool:
    """True if another argument selects the whole of a widened function."""
    originals = {without_parameters(one.argument) for one in widened}
    others = [argument for argument in config.args if argument not in originals]
    folders = [(config.invocation_params.dir / split_file(other)[0]).resolve() for other in others]
    return any(one.file.is_relative_to(folder) for one in widened for folder in folders)


def _is_of_function(item: pytest.Item, one: _Widened) -> bool:
    return item.path == one.file and any(
        split_parameters(names)[0] == one.function for names in _names(item)
    )


def _names(item: pytest.Item) -> tuple[str, ...]:
    """What follows the file in the ids that select this item: its own, and its test's."""
    record = item.stash.get(SEED_ITEM, None)
    ids = (item.nodeid,) if record is None else (item.nodeid, record.test)
    return tuple(split_file(node_id)[1] for node_id in ids)
