"""Every hunt check, chapter by chapter."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from pytest_mlregress.bughunt import checks

CHAPTERS: Final = (
    "reshaping",
    "losses",
    "gradients",
    "training_step",
    "parameters",
    "evaluation",
    "leakage",
    "learning",
)
"""Checks of one cost run in this order: what explains the findings of others comes first."""


def files(chapter: str) -> dict[str, tuple[str, ...]]:
    """The files of each mistake of a chapter, by its slug."""
    found: dict[str, tuple[str, ...]] = import_module(f"{checks.__name__}.{chapter}").FILES
    return found


def load() -> None:
    """Import every hunt check, which enters it into the registry; a second call does nothing."""
    for chapter in CHAPTERS:
        for names in files(chapter).values():
            for name in names:
                if not name.endswith("_guard"):
                    import_module(f"{checks.__name__}.{chapter}.{name}")
