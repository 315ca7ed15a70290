"""What pytest's node ids name."""

from __future__ import annotations


def name_parts(test: str) -> tuple[str, ...]:
    """The classes and the function that a node id names, the latter with its parameters' id."""
    names, bracket, parameters = test.partition("::")[2].partition("[")
    *classes, function = names.split("::")
    return (*classes, function + bracket + parameters)
