"""Which tests need no more seeds: a folder with one empty file for each.

The controller creates a file and workers look before each seed: the one channel that needs no
message to a busy worker.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest

_FLAGS = pytest.StashKey["StopFlags"]()
WORKER_INPUT = "mlregress_flags"


class StopFlags:
    """The flags of one session, shared by its processes through a folder.

    They save time and decide nothing: if the folder cannot be made or is deleted during the run,
    seeds run that were not needed, and the verdicts are the same.
    """

    def __init__(self, folder: Path, *, owner: bool) -> None:
        self.folder = folder
        self._owner = owner
        self._raised: set[str] = set()

    def raise_for(self, test: str) -> None:
        """Skip the seeds of ``test`` that have not started.

        Args:
            test: the node id without the seed.
        """
        file = self._file(test)
        try:
            file.touch()
        except OSError:  # the first one makes the folder
            with contextlib.suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                file.touch()

    def is_raised(self, test: str) -> bool:
        """True if the seeds of ``test`` need not run.

        Args:
            test: the node id without the seed.

        Returns:
            Whether its flag exists.
        """
        if test not in self._raised and self._file(test).exists():
            self._raised.add(test)
        return test in self._raised

    def _file(self, test: str) -> Path:
        return self.folder / hashlib.sha256(test.encode("utf-8", "replace")).hexdigest()[:32]

    def remove(self) -> None:
        """Delete the folder, if this process made it."""
        if self._owner:
            shutil.rmtree(self.folder, ignore_errors=True)


def stop_flags(config: pytest.Config) -> StopFlags:
    """The session's flags, made when first requested; a worker gets its controller's.

    Args:
        config: pytest's.

    Returns:
        The flags.
    """
    if _FLAGS not in config.stash:
        given = getattr(config, "workerinput", {}).get(WORKER_INPUT)
        config.stash[_FLAGS] = StopFlags(Path(given or _new_folder()), owner=given is None)
    return config.stash[_FLAGS]


def share_stop_flags(config: pytest.Config, folder: Path) -> None:
    """Put the session's flags where other machines see them; before they are first requested.

    Args:
        config: pytest's.
        folder: the folder; the first flag makes it.
    """
    config.stash[_FLAGS] = StopFlags(folder, owner=True)


def _new_folder() -> str:
    """A new folder for this session.

    Without a place for temporary files, a name in the folder where pytest was started, which the
    first flag creates.
    """
    try:
        return tempfile.mkdtemp(prefix="pytest-mlregress-")
    except OSError:
        return str(Path.cwd() / f".pytest-mlregress-{uuid.uuid4().hex}")


def remove_stop_flags(config: pytest.Config) -> None:
    """Delete the session's flags, if any were made.

    Args:
        config: pytest's.
    """
    if _FLAGS in config.stash:
        config.stash[_FLAGS].remove()
