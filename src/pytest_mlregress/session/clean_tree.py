"""An update is recorded from a commit, unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.baselines.provenance import WorkingTree, working_tree

_FILES_SHOWN: Final = 3


def clean_tree(rootdir: Path, *, allow_dirty: bool, own: Iterable[Path] = ()) -> WorkingTree:
    """The state of the code that an update belongs to.

    Args:
        rootdir: pytest's rootdir.
        allow_dirty: whether any state will do.
        own: files that the run writes, as `working_tree` takes them.

    Returns:
        The state.

    Raises:
        pytest.UsageError: it is no commit, and ``allow_dirty`` was not given.
    """
    tree = working_tree(rootdir, own=own)
    if tree.unknown is not None and not allow_dirty:
        raise pytest.UsageError(
            "--mlregress-update: git cannot tell which code these baselines belong to: "
            f"{tree.unknown}; fix that first, or pass --mlregress-allow-dirty"
        )
    if tree.dirty and not allow_dirty:
        more = ", ..." if len(tree.changed) > _FILES_SHOWN else ""
        shown = ", ".join(tree.changed[:_FILES_SHOWN]) + more
        raise pytest.UsageError(
            f"--mlregress-update: the working tree has uncommitted changes ({shown}), so no "
            "commit identifies the code of these baselines; commit them first, or pass "
            "--mlregress-allow-dirty"
        )
    return tree
