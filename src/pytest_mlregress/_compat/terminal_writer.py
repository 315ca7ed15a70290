"""Private parts of pytest's terminal, and of the debugger that writes to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


def is_plain_terminal(reporter: Any) -> bool:
    """Whether a terminal reporter is pytest's own, and writes to a terminal.

    Others, such as pytest-sugar's, draw themselves. Seen in pytest 8 and 9.
    """
    from _pytest.terminal import TerminalReporter

    file = reporter._tw._file
    try:
        return type(reporter) is TerminalReporter and file.isatty() and file.fileno() >= 0
    except (OSError, ValueError, AttributeError):
        return False


class WatchedFile:
    """The file of pytest's terminal writer, with a context around everything that is written to it.

    ``TerminalReporter._tw._file`` and ``width_of_current_line``, pytest 8.0 to 9.2.

    Attributes:
        column: how many cells of the last line are written.
    """

    def __init__(self, reporter: Any, around: Callable[[], AbstractContextManager[None]]) -> None:
        """``around`` makes the context in which each text is written and flushed."""
        self._writer = reporter._tw
        self._file = reporter._tw._file
        self._around = around
        self.column = int(self._writer.width_of_current_line)
        self._writer._file = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    @property
    def unwatched(self) -> Any:
        """The file itself."""
        return self._file

    def write(self, text: str) -> int:
        """Write and flush, so that the order on the terminal is that of the calls."""
        with self._around():
            count = self._file.write(text)
            self._file.flush()
            self.column = int(self._writer.width_of_current_line)  # it knows the text already
        return int(count or 0)

    def restore(self) -> None:
        """Give the terminal writer its file back."""
        if self._writer._file is self:
            self._writer._file = self._file


def call_before_debugger(call: Callable[[], None]) -> Callable[[], None]:
    """Have something called before pytest's debugger prints its first line; returns the undoing.

    It prints on a writer of its own before the hook ``pytest_enter_pdb``.
    ``pytestPDB._init_pdb``, pytest 8.0 to 9.2.
    """
    from _pytest.debugging import pytestPDB

    original: Any = pytestPDB._init_pdb.__func__  # type: ignore[attr-defined]

    def init(cls: Any, *args: Any, **kwargs: Any) -> Any:
        call()
        return original(cls, *args, **kwargs)

    def undo() -> None:
        pytestPDB._init_pdb = classmethod(original)  # type: ignore[assignment,method-assign]

    pytestPDB._init_pdb = classmethod(init)  # type: ignore[assignment,method-assign]
    return undo
