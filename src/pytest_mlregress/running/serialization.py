"""What a report sends from a worker to the controller: builtins, and text that can be encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_mlregress.running.scalars import to_plain


def plain(value: Any) -> Any:
    """The value with everything that xdist cannot send made plain, at any depth.

    One lone surrogate (for example from a file name) in a message or user property of a test, or
    one numpy number, would otherwise end the whole run with an internal error.

    Args:
        value: any value.

    Returns:
        Builtins only.
    """
    if type(value) in (float, str, int):  # as most values are
        return to_plain(value)
    if isinstance(value, (bytes, complex, set, frozenset)):
        return value
    if isinstance(value, Mapping):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, list):
        return list(map(plain, value))
    return to_plain(value)
