"""Which tests need no more seeds: a folder with one empty file for each.

The controller touches a file and workers look before each seed: the one channel that needs no
message to a busy worker.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import pytest

_FLAGS = pytest.StashKey["StopFlags"]()
WORKER_INPUT = "mlregress_flags"


class StopFlags:
    """The flags of one session, shared by its processes through a folder."""

    def __init__(self, folder: Path, *, owner: bool) -> None:
        self.folder = folder
        self._owner = owner

    def raise_for(self, test: str) -> None:
        """Let the seeds of ``test`` that have not started be skipped."""
        self._file(test).touch()

    def is_raised(self, test: str) -> bool:
        """True where the seeds of ``test`` need not run."""
        return self._file(test).exists()

    def _file(self, test: str) -> Path:
        return self.folder / hashlib.sha256(test.encode("utf-8", "replace")).hexdigest()[:32]

    def remove(self) -> None:
        """Delete the folder, if this process made it."""
        if self._owner:
            shutil.rmtree(self.folder, ignore_errors=True)


def stop_flags(config: pytest.Config) -> StopFlags:
    """The session's flags, made when first asked for; a worker gets its controller's."""
    if _FLAGS not in config.stash:
        given = getattr(config, "workerinput", {}).get(WORKER_INPUT)
        folder = Path(given or tempfile.mkdtemp(prefix="pytest-mlregress-"))
        config.stash[_FLAGS] = StopFlags(folder, owner=given is None)
    return config.stash[_FLAGS]


def remove_stop_flags(config: pytest.Config) -> None:
    """Delete the session's flags, where any were made."""
    if _FLAGS in config.stash:
        config.stash[_FLAGS].remove()
