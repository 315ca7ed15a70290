"""A pytest plugin for runs in a worktree: the code under test must come from there.

It isolates when it is imported: ``-p`` imports it before any installed plugin, which may be a part
of the code under test.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pytest_mlregress.revisions.first_party import isolate
from pytest_mlregress.revisions.fresh import WORKTREE

_START = json.loads(os.environ[WORKTREE])
_FIRST_PARTY = isolate(
    Path(_START["checkout"]),
    Path(_START["rootdir"]),
    Path(_START["candidate"]),
    _START["label"],
)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Fail a seed that has imported the code of another checkout."""
    problem = _FIRST_PARTY.check(item.nodeid)
    if problem is not None:
        pytest.fail(problem, pytrace=False)
