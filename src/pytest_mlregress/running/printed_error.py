"""The one line of what pytest prints of an error that says what the error is."""

from __future__ import annotations

__all__ = ["last_line"]


def last_line(text: str) -> str:
    """The error itself, of what pytest prints: it marks its lines with an ``E``.

    Args:
        text: what was printed.

    Returns:
        One line.
    """
    lines = [line.strip() for line in text.strip().splitlines()]
    marked = [line.removeprefix("E").strip() for line in lines if line.startswith("E  ")]
    return (marked or lines or ["unknown error"])[-1]
