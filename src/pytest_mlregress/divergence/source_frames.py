"""Which lines of the user's own code ran when something happened."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

from pytest_mlregress.divergence.events import Frame

MAX_FRAMES: Final = 12
_PACKAGE: Final = str(Path(__file__).resolve().parents[1])
_NOT_OURS: Final = ("site-packages", "dist-packages", "/lib/python3", "/.venv/", "/.tox/", "/.nox/")


class FirstParty:
    """The code below a folder that no environment has installed there.

    Args:
        root: the top folder of the checkout.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._names: dict[str, str | None] = {}

    def name_of(self, filename: str) -> str | None:
        """The file relative to the checkout; None for one that is not first-party.

        Args:
            filename: as code objects have it.
        """
        if filename not in self._names:
            self._names[filename] = self._find(filename)
        return self._names[filename]

    def _find(self, filename: str) -> str | None:
        if filename.startswith(("<", _PACKAGE)):
            return None
        try:
            path = Path(filename).resolve().relative_to(self._root)
        except (ValueError, OSError):
            return None
        text = "/" + path.as_posix()
        return None if any(part in text for part in _NOT_OURS) else path.as_posix()

    def holds(self, code: CodeType) -> bool:
        """Whether a function is first-party.

        Args:
            code: its code.
        """
        return self.name_of(code.co_filename) is not None

    def frames(self, frame: FrameType | None = None) -> tuple[Frame, ...]:
        """The first-party frames of a stack, innermost first, at most `MAX_FRAMES`.

        Args:
            frame: its innermost frame; the caller's by default.
        """
        return tuple(self._walk(frame or sys._getframe(1)))

    def line_of_error(self, error: BaseException) -> Frame | None:
        """The innermost first-party line that an exception passed; None where there is none.

        Args:
            error: with its traceback.
        """
        found = None
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            name = self.name_of(code.co_filename)
            if name is not None:
                found = Frame(name, trace.tb_lineno, function_name(code))
            trace = trace.tb_next
        return found

    def _walk(self, frame: FrameType | None) -> Iterator[Frame]:
        found = 0
        while frame is not None and found < MAX_FRAMES:
            name = self.name_of(frame.f_code.co_filename)
            if name is not None:
                found += 1
                yield Frame(name, frame.f_lineno, function_name(frame.f_code))
            frame = frame.f_back

    def innermost(self, frame: FrameType | None) -> FrameType | None:
        """The innermost first-party frame of a stack itself.

        Args:
            frame: the innermost frame of any kind.
        """
        while frame is not None and not self.holds(frame.f_code):
            frame = frame.f_back
        return frame


def function_name(code: CodeType) -> str:
    """The qualified name of a function, without the marks of nesting and of comprehensions.

    Args:
        code: of the function.
    """
    parts = code.co_qualname.split(".<locals>.")
    while len(parts) > 1 and parts[-1].startswith("<"):
        parts.pop()
    return ".".join(parts)
