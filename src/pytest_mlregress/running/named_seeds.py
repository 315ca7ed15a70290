"""The seeds that the command line names: the 2 of ``test_a.py::test_two[y-seed2]``."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from pytest_mlregress.node_ids import (
    last_seed,
    split_file,
    split_parameters,
    without_parameters,
)

_Functions: TypeAlias = dict[tuple[Path, str], set[int]]

_NAMED: Final = pytest.StashKey[_Functions]()


def named_seeds(node: pytest.Item) -> frozenset[int]:
    """The seeds of a test that arguments of pytest name, with whatever other parameters.

    Args:
        node: the item or function definition.

    Returns:
        The seeds.
    """
    stash = node.config.stash
    if _NAMED not in stash:
        stash[_NAMED] = _of_arguments(node.config)
    name = split_file(without_parameters(node.nodeid))[1]
    return frozenset(stash[_NAMED].get((node.path, name), ()))


def _of_arguments(config: pytest.Config) -> _Functions:
    found: _Functions = defaultdict(set)
    for argument in config.args:
        path, names = split_file(argument)
        seed = last_seed(names)
        if seed is not None:
            file = (config.invocation_params.dir / path).resolve()
            found[file, split_parameters(names)[0]].add(seed)
    return dict(found)
