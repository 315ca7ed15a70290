"""Which side of an A/B run a file belongs to, by its place."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Final

__all__ = ["CheckoutPair", "Side", "absolute", "is_inside"]

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_CACHED_FILES: Final = 16_384


class Side(Enum):
    """Where a file lies, as seen from one side."""

    OWN = "own"
    OTHER = "other"
    NEITHER = "neither"


def is_inside(path: str, folder: str) -> bool:
    """Whether an absolute path is a folder or lies in it; no file is touched.

    Args:
        path: the path.
        folder: the folder, without a separator at its end.

    Returns:
        True where it does.
    """
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def absolute(path: str | os.PathLike[str]) -> str:
    """A path from the root of the file system, symbolic links kept.

    Args:
        path: the path; an empty one is the current folder.

    Returns:
        The path without ``..``.
    """
    text = os.fspath(path)
    return os.path.normpath(text if os.path.isabs(text) else Path(text).absolute())  # noqa: PTH117


@lru_cache(maxsize=_CACHED_FILES)
def _resolved(path: str) -> str:
    """A path without symbolic links; those of a folder are followed once for all of its files."""
    folder, name = os.path.split(path)
    place = os.path.join(_resolved_folder(folder), name)  # noqa: PTH118
    return os.path.realpath(place) if os.path.islink(place) else place  # noqa: PTH114


@lru_cache(maxsize=_CACHED_FILES)
def _resolved_folder(folder: str) -> str:
    return os.path.realpath(folder)


@lru_cache(maxsize=1)
def _environment() -> str:
    return os.path.realpath(sys.prefix)


@dataclass(frozen=True, slots=True)
class CheckoutPair:
    """The checkouts of both sides, as seen from the process of one of them.

    The base's checkout may lie inside the candidate's, in pytest's cache folder: the innermost
    folder decides. Packages of a virtual environment inside a checkout belong to neither side.

    Args:
        own: the top folder of this side's code.
        other: the one of the other side; the same where only the environments differ.
    """

    own: Path
    other: Path
    _own: str = field(init=False, repr=False)
    _other: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_own", os.path.realpath(self.own))
        object.__setattr__(self, "_other", os.path.realpath(self.other))

    @property
    def same_code(self) -> bool:
        """Whether both sides are the same files."""
        return self._own == self._other

    def side_of(self, path: str | os.PathLike[str]) -> Side:
        """The side that a file or folder belongs to, symbolic links resolved.

        A link in this side's checkout to a place outside both belongs to this side.

        Args:
            path: the path, absolute or relative to the current folder.

        Returns:
            The side; `Side.NEITHER` for installed packages and for all other places.
        """
        lexical = absolute(path)
        real = _resolved(lexical)
        side = self._containing(real)
        if side is Side.NEITHER and lexical != real and not self.is_installed(real):
            return self._containing(lexical)
        return side

    def holds(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path is written as one of this side's checkout, wherever links lead.

        Args:
            path: the path, absolute or relative to the current folder.

        Returns:
            True where it is.
        """
        lexical = absolute(path)
        return any(is_inside(lexical, folder) for folder in (self._own, absolute(self.own)))

    def is_installed(self, path: str) -> bool:
        """Whether a resolved path belongs to the packages of an environment.

        Args:
            path: the path, resolved.

        Returns:
            True for what lies below ``site-packages`` or in a virtual environment in a checkout.
        """
        checkout = self._innermost(path)
        relative = path if checkout is None else path[len(checkout) :]
        if not _INSTALLED.isdisjoint(Path(relative).parts):
            return True
        prefix = _environment()
        return checkout is not None and is_inside(prefix, checkout) and is_inside(path, prefix)

    def mirrored(self, path: str | os.PathLike[str]) -> str | None:
        """The place in this side's checkout of a path of the other's.

        Args:
            path: the path.

        Returns:
            The place, whether there is anything or not; None where the path is not the other's.
        """
        if self.side_of(path) is not Side.OTHER:
            return None
        for place in (absolute(path), _resolved(absolute(path))):
            if self._innermost(place) == self._other:
                return self._own + place[len(self._other) :]
        return None

    def in_other(self, path: str | os.PathLike[str]) -> str | None:
        """The place in the other side's checkout of a path of this one's.

        Args:
            path: the path.

        Returns:
            The place, whether there is anything or not; None where the path is not this side's.
        """
        real = _resolved(absolute(path))
        if self.same_code or self._innermost(real) != self._own:
            return None
        return self._other + real[len(self._own) :]

    def _containing(self, path: str) -> Side:
        checkout = self._innermost(path)
        if checkout is None or self.is_installed(path):
            return Side.NEITHER
        return Side.OWN if checkout == self._own else Side.OTHER

    def _innermost(self, path: str) -> str | None:
        own, other = is_inside(path, self._own), is_inside(path, self._other)
        if own and other:
            return max(self._own, self._other, key=len)
        return self._own if own else self._other if other else None
