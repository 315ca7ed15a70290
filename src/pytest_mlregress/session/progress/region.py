"""The live region below pytest's own output, drawn by rich.

It is taken away before pytest writes anything. The cursor stays visible, so that nothing has to be
restored whatever ends the process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TextIO

from pytest_mlregress.session.progress.writer import ProgressWriter

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

Lines = Callable[[int, int], list[str]]
"""The lines to draw, from the width and the height that they may have."""

_LARGEST_SHARE: Final = 0.5
"""Of the terminal's lines that the region may take."""

_FREE_CELLS: Final = 5
"""At the end of each line, for the ``^C`` that the terminal writes itself."""


class ProgressRegion(ProgressWriter):
    """A region of lines that is drawn again and again.

    Args:
        reporter: pytest's terminal reporter.
        lines: makes what is drawn.
        every: seconds from one drawing to the next.
    """

    def __init__(self, reporter: Any, lines: Lines, every: float) -> None:
        self._lines = lines
        self._live: Live | None = None
        self._console: Console | None = None
        self._column = 0
        super().__init__(reporter, every)
        self.tick()  # here, so that what rich imports is imported outside of any test

    def _write(self) -> None:
        from rich.live import Live
        from rich.text import Text

        width, height = self._size()
        lines = self._lines(width - _FREE_CELLS, max(1, int(height * _LARGEST_SHARE)))
        text = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
        if self._console is None:
            self._console = _console(self._stream)
        self._console.size = (width, height)
        if self._live is not None:
            self._live.update(text, refresh=True)
            return
        self._column = self._file.column
        if self._column:
            self._stream.write("\n")
        self._live = Live(
            text,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def _make_room(self) -> None:
        """Take the region away and put the cursor back to where pytest left it."""
        live, self._live = self._live, None
        if live is None:
            return
        live.stop()
        self._wake.set()
        width, _ = self._size()
        column = self._column % width
        if column:  # else pytest was at the end of a full line, or at the begin of one
            self._stream.write(f"\x1b[1A\x1b[{column + 1}G")
        self._stream.flush()

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return size.columns or 80, size.lines or 24


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    class VisibleCursorConsole(Console):
        """Leaves the cursor alone: a process that is killed could not show it again."""

        def show_cursor(self, show: bool = True) -> bool:
            return False

    return VisibleCursorConsole(
        file=stream,
        force_terminal=True,
        force_interactive=True,
        highlight=False,
        markup=False,
        emoji=False,
        no_color=True,
        legacy_windows=False,
    )
