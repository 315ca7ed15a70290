"""The folder of this machine's runs, of which git is to see nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

_IGNORED: Final = "# Created by pytest-mlregress: what this machine has run.\n*\n"


def ignore_folder(folder: Path) -> None:
    """Make the default folder, of which git is to see nothing.

    Args:
        folder: the folder; one that is there is left as it is.
    """
    with suppress(OSError):  # the database says so in its own words
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
