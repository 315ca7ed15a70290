"""Work on an index of its own, so that the user's stays as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytest_mlregress.revisions.repository import ask_git

__all__ = ["temporary_index"]

_OPTIONS: Final = (
    *("-c", "core.splitIndex=false"),  # it would write a shared index into the repository
    *("-c", "rerere.enabled=false"),  # nor are resolutions of conflicts recorded
    *("-c", "apply.whitespace=nowarn"),
    *("-c", "core.safecrlf=false"),
    *("-c", "advice.addEmbeddedRepo=false"),
)


@contextmanager
def temporary_index(top: Path) -> Iterator[Callable[..., str]]:
    """A git that reads and writes another index than the checkout's.

    Args:
        top: the top of the checkout.

    Yields:
        A function that takes a command of git with its arguments and returns what git prints; it
        raises GitError where git fails.
    """
    with tempfile.TemporaryDirectory(prefix="mlregress-index-") as folder:
        variables = {"GIT_INDEX_FILE": str(Path(folder) / "index")}

        def run(*arguments: str) -> str:
            return ask_git(top, *arguments, options=_OPTIONS, variables=variables)

        yield run
