"""Numbers of things in messages."""

from __future__ import annotations


def count_of(number: int, thing: str) -> str:
    """``1 seed``, ``2 seeds``."""
    return f"{number} {plural(thing, number)}"


def plural(thing: str, number: int) -> str:
    """``seed`` for one, ``seeds`` for any other number."""
    return thing if number == 1 else f"{thing}s"
