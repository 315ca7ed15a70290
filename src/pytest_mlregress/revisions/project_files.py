"""Reading the files that declare a project: what is missing or malformed is empty."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

__all__ = ["is_aside", "read_text", "read_toml", "table"]

_ASIDE: Final = frozenset(
    {"doc", "docs", "example", "examples", "test", "tests", "benchmark", "benchmarks"}
)


def is_aside(path: str) -> bool:
    """Whether a file belongs to documentation, examples or tests, and not to the project's build.

    Args:
        path: the file, below the top of the repository.

    Returns:
        True where a folder above it says so.
    """
    return any(part.lower() in _ASIDE for part in path.split("/")[:-1])


def read_text(path: Path) -> str:
    """The text of a file.

    Args:
        path: the file.

    Returns:
        The text; empty for a file that is missing or cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        path: the file.

    Returns:
        The content; empty for a file that is missing or malformed.
    """
    try:
        return tomllib.loads(read_text(path))
    except ValueError:
        return {}


def table(document: object, *keys: str) -> dict[str, Any]:
    """A table within a document.

    Args:
        document: the document, or a table of it.
        *keys: the way to the table.

    Returns:
        The table; empty if there is none.
    """
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}
