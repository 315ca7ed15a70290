"""A worker process as a child of the process that passes its messages on, and its end.

The training has a process of its own, so that it can have its own environment, crash, or be killed
alone; it ends with its parent.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Final

from pytest_mlregress.engines.messages import Connection, ConnectionLost
from pytest_mlregress.engines.workers import Message

_PR_SET_PDEATHSIG: Final = 1
_END_S: Final = 10.0
"""A process that has closed its connection gets so long to be gone."""
_MOST_OUTPUT: Final = 2_000
"""Characters of its output that are told of a process that died."""


class ChildWorker:
    """A worker process.

    Args:
        environment: all of its environment variables.
        directory: where it starts.
        keeps_output: whether its output is kept for the reason of its loss; else it goes where that
            of this process goes.
    """

    def __init__(
        self, environment: Mapping[str, str], directory: str, *, keeps_output: bool = True
    ) -> None:
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours)
        self._output: IO[bytes] | None = None
        if keeps_output:
            self._output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as it is written
        descriptor = theirs.fileno()
        module = "pytest_mlregress.engines.worker_process"
        self._arguments = [sys.executable, "-m", module, str(descriptor)]
        self._environment = dict(environment)
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._error: OSError | None = None
        # Linux ends a child with the thread that started it: this one lives as long as the child.
        started = threading.Event()
        thread = threading.Thread(target=self._run, args=(descriptor, started), daemon=True)
        thread.start()
        started.wait()
        theirs.close()
        if self._error is not None:
            raise self._error

    def _run(self, descriptor: int, started: threading.Event) -> None:
        try:
            self._process = subprocess.Popen(
                self._arguments,
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT if self._output is not None else None,
                cwd=self._directory,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            self._error = error
            return
        finally:
            started.set()
        self._process.wait()

    def send(self, message: Message) -> None:
        """Send a message; one to a process that is gone is told when it is listened to."""
        with suppress(ConnectionLost):
            self._connection.send(message)

    def wait(self, seconds: float) -> bool:
        """Wait until it has said something, or is gone.

        Args:
            seconds: how long at most.

        Returns:
            Whether it has.
        """
        return bool(select.select([self._connection], [], [], max(0.0, seconds))[0])

    def received(self) -> list[Message]:
        """What it has said; ``("lost", reason)`` where it is gone."""
        try:
            messages = self._connection.received()
        except ConnectionLost:
            return [("lost", self._why_lost())]
        return [self._with_output(message) for message in messages]

    def _with_output(self, message: Message) -> Message:
        """An error of one line is pytest's exit status, and its reason was printed."""
        if message[0] == "error" and "\n" not in message[1]:
            return ("error", f"{message[1]}{self._last_output()}")
        return message

    def let_end(self, seconds: float) -> None:
        """Wait for the end of the process, which has said that it ends.

        Args:
            seconds: how long at most.
        """
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)

    def end(self) -> None:
        """End the process, and all that it has started."""
        self._connection.close()
        if self._process is not None:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)

    def _why_lost(self) -> str:
        """In words, how the process ended."""
        status: int | None = None
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                status = self._process.wait(_END_S)
        if status is None:
            return "its process has closed the connection"
        if status < 0:
            name = signal.Signals(-status).name
            hint = ", as happens where memory runs out" if name == "SIGKILL" else ""
            return f"its process was killed by {name}{hint}"
        return f"its process ended with status {status}{self._last_output()}"

    def _last_output(self) -> str:
        if self._output is None:
            return ""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _MOST_OUTPUT))
        text = self._output.read().decode("utf-8", "replace").strip()
        return f":\n{text}" if text else ""


def end_with_parent() -> None:
    """In a child on Linux: be killed when the thread that started this process is gone.

    Elsewhere the end of the connection alone tells it, which a long computation hears late.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
