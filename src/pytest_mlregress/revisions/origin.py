"""A pytest plugin for runs in a worktree: the code under test must come from there.

An installed or inherited path can shadow the worktree, and the run would then compare the working
tree with itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pytest_mlregress.revisions.fresh import OTHER_CHECKOUT


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Fail a seed that has imported the code of another checkout."""
    foreign = foreign_module(Path(os.environ[OTHER_CHECKOUT]))
    if foreign is not None:
        name, file = foreign
        pytest.fail(
            f"{item.nodeid}: module {name} was imported from {file}, not from the worktree under "
            "test; install the package with its source folder at the top or in src/, or set "
            "PYTHONPATH relative to the repository",
            pytrace=False,
        )


def foreign_module(checkout: Path) -> tuple[str, Path] | None:
    """The first imported module whose file lies in ``checkout``, installed packages excepted."""
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or name.split(".")[0] == "pytest_mlregress":
            continue
        path = Path(file)
        if path.is_relative_to(checkout) and "site-packages" not in path.parts:
            return name, path
    return None
