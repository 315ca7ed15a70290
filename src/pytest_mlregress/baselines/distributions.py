"""Which installed distribution has which top-level modules."""

from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import PurePosixPath

__all__ = ["distributions_of"]

_MODULE_SUFFIXES = (".py", ".pyc", ".so", ".pyd")


@cache
def distributions_of(module: str) -> Sequence[str]:
    """The installed distributions that have a top-level module.

    As `importlib.metadata.packages_distributions` gives them, which makes a path object for every
    installed file and so takes half a second of every process in an environment of 160 packages.

    Args:
        module: its name.

    Returns:
        Their names, sorted; empty where none has it.
    """
    names = {found.metadata["Name"] for found in _distributions_by_module().get(module, ())}
    return tuple(sorted(name for name in names if name))


@cache
def _distributions_by_module() -> dict[str, list[metadata.Distribution]]:
    found: dict[str, list[metadata.Distribution]] = {}
    for distribution in metadata.distributions():
        for module in _top_level_modules(distribution):
            found.setdefault(module, []).append(distribution)
    return found


def _top_level_modules(distribution: metadata.Distribution) -> frozenset[str]:
    """Those that it declares, otherwise those of the files that its RECORD lists (PEP 376)."""
    try:
        declared = distribution.read_text("top_level.txt")
        if declared and declared.split():
            return frozenset(declared.split())
        record = distribution.read_text("RECORD")
        if record is None:  # an egg: its files stand elsewhere
            paths = [PurePosixPath(file).as_posix() for file in distribution.files or ()]
        else:
            paths = [_path_of(line) for line in record.splitlines()]
    except (OSError, ValueError):
        return frozenset()
    parts = (path.partition("/") for path in paths if path.endswith(_MODULE_SUFFIXES))
    names = {top if inside else top.partition(".")[0] for top, inside, _ in parts}
    return frozenset(name for name in names - {"__pycache__"} if name.isidentifier())


def _path_of(line: str) -> str:
    """The first field of a line of comma-separated values."""
    return line[1:].partition('"')[0] if line.startswith('"') else line.partition(",")[0]
