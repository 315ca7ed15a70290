"""Messages between processes: plain builtins, each after its length, over a stream socket.

The processes have the same Python, so that `marshal` does: a controller that takes in hundreds of
thousands of reports spends most of its time on execnet's serializer, which is written in Python.
"""

from __future__ import annotations

import marshal
import socket
import struct
from threading import Lock
from typing import Any, Final

_LENGTH: Final = struct.Struct("!Q")
_CHUNK: Final = 1 << 16


class MessageError(ValueError):
    """A message holds something else than plain builtins."""


class ConnectionLost(Exception):  # noqa: N818 - what happens to every worker that dies
    """The other process is gone."""


class Connection:
    """One end of a connection.

    Args:
        end: a connected stream socket, which is blocking.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._received = bytearray()
        self._sending = Lock()

    def fileno(self) -> int:
        """The file descriptor, for selectors."""
        return self._end.fileno()

    def send(self, message: tuple[Any, ...]) -> None:
        """Send a message.

        Args:
            message: plain builtins.

        Raises:
            ConnectionLost: the other process is gone.
            MessageError: it holds something else.
        """
        data = encoded(message)
        try:
            with self._sending:  # the thread of a time limit may report, too
                self._end.sendall(_LENGTH.pack(len(data)) + data)
        except OSError as error:
            raise ConnectionLost(str(error)) from error

    def receive(self) -> tuple[Any, ...]:
        """The next message; waits for it.

        Raises:
            ConnectionLost: the other process is gone.
        """
        while (message := self._next()) is None:
            self._read()
        return message

    def received(self) -> list[tuple[Any, ...]]:
        """Read once, and give all messages that are whole.

        Raises:
            ConnectionLost: the other process is gone, and every message of it was given.
        """
        self._read()
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _read(self) -> None:
        try:
            data = self._end.recv(_CHUNK)
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        if not data:
            raise ConnectionLost("the other process has closed its end")
        self._received += data

    def _next(self) -> tuple[Any, ...] | None:
        if len(self._received) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        end = _LENGTH.size + length
        if len(self._received) < end:
            return None
        with memoryview(self._received) as received:
            message: tuple[Any, ...] = marshal.loads(received[_LENGTH.size : end])
        del self._received[:end]
        return message


def encoded(message: tuple[Any, ...]) -> bytes:
    """A message in bytes.

    Args:
        message: plain builtins.

    Raises:
        MessageError: it holds something else.
    """
    try:
        return marshal.dumps(message)
    except ValueError as error:
        raise MessageError(f"only plain builtins can be sent: {error}") from None


def decoded(data: bytes) -> tuple[Any, ...]:
    """The message that `encoded` has made these bytes of.

    Args:
        data: the bytes.
    """
    message: tuple[Any, ...] = marshal.loads(data)
    return message
