"""Single lines that tell of a run's progress, for logs and where nothing can be drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_mlregress.session.progress.writer import ProgressWriter


class ProgressLines(ProgressWriter):
    """Writes a line now and then, first after that time.

    Args:
        reporter: pytest's terminal reporter.
        line: makes the line.
        every: seconds from one line to the next.
    """

    def __init__(self, reporter: Any, line: Callable[[], str], every: float) -> None:
        self._line = line
        super().__init__(reporter, every)

    def _write(self) -> None:
        begin = "\n" if self._file.column else ""
        self._stream.write(f"{begin}{self._line()}\n")
        self._file.column = 0

    def _make_room(self) -> None:
        """Nothing: pytest goes on below the line."""
