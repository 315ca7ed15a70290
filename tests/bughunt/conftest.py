"""Nothing below is collected where torch is missing, and no defect of a check goes unnoticed.

Because of this file pytest puts its folder on `sys.path`: that is where the tests of the folders
below find `snippets` and the other modules that they share.
"""

from importlib.util import find_spec
from typing import NoReturn

import pytest

collect_ignore_glob = [] if find_spec("torch") else ["*"]


@pytest.fixture(autouse=True)
def checks_that_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a check that raises fail the test; users find it in what a hunt has skipped."""
    from pytest_mlregress.bughunt import hunt_runner

    def raise_again(error: Exception) -> NoReturn:
        raise error

    monkeypatch.setattr(hunt_runner, "internal_error", raise_again)
