"""A command on a pseudo-terminal, and what a person sees on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyte

COLUMNS, LINES = 100, 40
_INTERRUPT = b"\x03"
_LONGEST_S = 120.0


@dataclass
class Watched:
    """What was on the screen until the command ended.

    Attributes:
        screens: every screen that was seen, as lines, the last one being what is left.
        status: the exit status; -9 for a command that took too long and was killed.
        cursor_shown: whether the cursor is visible at the end.
        hidden: whether it was hidden at any time.
    """

    screens: list[list[str]] = field(default_factory=list)
    status: int = -1
    cursor_shown: bool = False
    hidden: bool = False

    @property
    def last(self) -> list[str]:
        """The lines that are left."""
        return self.screens[-1]

    def saw(self, *texts: str) -> bool:
        """Whether one line of one screen had all of the texts."""
        return any(
            all(text in line for text in texts) for screen in self.screens for line in screen
        )


def watch(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    *,
    interrupt_at: Callable[[list[str]], bool] | None = None,
    type_at: tuple[str, bytes] | None = None,
) -> Watched:
    """Run a command on a terminal of its own.

    Args:
        command: the command.
        folder: where it runs.
        variables: its environment.
        interrupt_at: tells from the lines of the screen when Ctrl-C is typed, once.
        type_at: a text, and what is typed once that is on the screen.

    Returns:
        What was seen.
    """
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    process, terminal = pty.fork()
    if process == 0:  # the child is the command, whatever happens
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored below a job in the background
            os.chdir(folder)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
            os.execve(command[0], list(command), dict(variables))
        finally:
            os._exit(127)
    seen = Watched()
    end = time.monotonic() + _LONGEST_S
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.05)[0]:
            continue
        try:
            text = os.read(terminal, 65536)
        except OSError:  # the last process has closed it
            break
        if not text:
            break
        seen.hidden = seen.hidden or b"\x1b[?25l" in text
        stream.feed(text)
        lines = [line.rstrip() for line in screen.display]
        seen.screens.append(lines)
        if interrupt_at is not None and interrupt_at(lines):
            interrupt_at = None
            os.write(terminal, _INTERRUPT)
        if type_at is not None and any(type_at[0] in line for line in lines):
            os.write(terminal, type_at[1])
            type_at = None
    else:  # nobody reads what it writes from now on, so that it would never end
        os.kill(process, signal.SIGKILL)
    seen.status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    seen.cursor_shown = not screen.cursor.hidden
    os.close(terminal)
    return seen
