"""Which installed distribution has which top-level modules."""

from collections.abc import Iterable, Iterator, Sequence
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
    found = [installed for installed in _installed() if installed.has(module)]
    names = {installed.distribution.metadata["Name"] for installed in found}
    return tuple(sorted(name for name in names if name))


class _Installed:
    """An installed distribution and the text that says which modules it has.

    Few are asked for, and to look for one in a RECORD takes far less than to read all of its lines.
    """

    def __init__(self, distribution: metadata.Distribution) -> None:
        self.distribution = distribution
        self._declared: frozenset[str] | None = frozenset()
        self._record = ""
        try:
            declared = distribution.read_text("top_level.txt")
            if declared and declared.split():
                self._declared = frozenset(declared.split())
                return
            record = distribution.read_text("RECORD")
            if record is None:  # an egg: its files stand elsewhere
                paths = [PurePosixPath(file).as_posix() for file in distribution.files or ()]
                self._declared = _top_level_modules(paths)
            else:
                self._declared, self._record = None, f"\n{record}"
        except (OSError, ValueError):
            pass

    def has(self, module: str) -> bool:
        """Whether it declares that top-level module, or RECORD (PEP 376) lists a file of it."""
        if self._declared is not None:
            return module in self._declared
        begins = (f"{quote}{module}{end}" for quote in ("", '"') for end in "/.")
        return any(
            module in _top_level_modules([_path_of(line)])
            for begin in begins
            for line in self._lines_with(begin)
        )

    def _lines_with(self, begin: str) -> Iterator[str]:
        """The lines of its RECORD that begin so."""
        place = self._record.find(f"\n{begin}")
        while place >= 0:
            end = self._record.find("\n", place + 1)
            yield self._record[place + 1 : end if end >= 0 else None].rstrip("\r")
            place = self._record.find(f"\n{begin}", place + 1)


@cache
def _installed() -> tuple[_Installed, ...]:
    return tuple(map(_Installed, metadata.distributions()))


def _top_level_modules(paths: Iterable[str]) -> frozenset[str]:
    parts = (path.partition("/") for path in paths if path.endswith(_MODULE_SUFFIXES))
    names = {top if inside else top.partition(".")[0] for top, inside, _ in parts}
    return frozenset(name for name in names - {"__pycache__"} if name.isidentifier())


def _path_of(line: str) -> str:
    """The first field of a line of comma-separated values."""
    return line[1:].partition('"')[0] if line.startswith('"') else line.partition(",")[0]
