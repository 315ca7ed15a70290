"""Where a history is: a file, a URL, or nowhere.

Without a choice it is `.mlregress/history.sqlite` in pytest's rootdir. Not pytest's cache folder:
what is there may be deleted at any time (``--cache-clear``, ``rm -rf .pytest_cache``, a CI cache
that expires), and a history cannot be computed again. The folder has a `.gitignore` of its own, so
that the repository stays clean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Protocol

from pytest_mlregress.history.database import Database
from pytest_mlregress.history.records import RunRecord

__all__ = ["DEFAULT_PLACE", "OFF", "RunHistory", "open_history"]

DEFAULT_PLACE: Final = ".mlregress/history.sqlite"
"""Relative to pytest's rootdir."""

OFF: Final = "off"
"""The value of `--mlregress-history` that keeps none."""


class RunHistory(Protocol):
    """A place where runs are kept; every method raises `HistoryError`."""

    @property
    def place(self) -> str:
        """The file or URL, as a message prints it: without credentials."""

    def append(self, runs: tuple[RunRecord, ...]) -> int:
        """Add runs.

        Args:
            runs: the runs; one that is there already is left alone.

        Returns:
            How many were added.
        """

    def read(self, *, test: str | None = None, since: str | None = None) -> tuple[RunRecord, ...]:
        """The runs, oldest first.

        Args:
            test: only tests whose node id contains this text; None for all.
            since: only runs that began at this time (ISO 8601, UTC) or later; None for all.

        Returns:
            The runs.
        """

    def baseline(self, revision: str) -> Any:
        """The document of a baseline that runs were judged by.

        Args:
            revision: its revision.

        Returns:
            Builtins; None where it is not there.
        """


def open_history(setting: str | None, rootdir: Path) -> RunHistory | None:
    """The history that `--mlregress-history` names.

    Args:
        setting: None for the default; ``off``; a URL of fsspec's; otherwise a file, relative to the
            rootdir.
        rootdir: pytest's rootdir.

    Returns:
        The history, which need not exist yet; None for ``off``.

    Raises:
        HistoryError: the URL cannot be used.
    """
    if setting == OFF:
        return None
    if setting is not None and "://" in setting:
        from pytest_mlregress.history.remote import RemoteHistory

        folder = rootdir / Path(DEFAULT_PLACE).parent
        return RemoteHistory(setting, folder)
    if setting is None:
        return Database(rootdir / DEFAULT_PLACE)
    return Database(rootdir / Path(setting).expanduser())
