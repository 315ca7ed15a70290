"""Messages between processes on machines that share nothing but a file system.

One process writes a file, another reads it: each message after its length and its checksum. The
reader gives a message once all of it is there. On NFS a file can grow before its pages arrive, so
that a part of it reads as zeros for a while; and only opening a file asks the server for what is
new (RFC 1813, section 4.7; nfs(5), "Close-to-open cache consistency"), so that both sides open it
every time. Both files exist before either side looks: a client may remember for long that a file
does not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.engines.messages import ConnectionLost, decoded, encoded

_HEADER: Final = struct.Struct("!QI")
"""Length and CRC-32 of the message; all zeros are no header, since no message is empty."""


class MessageWriter:
    """Appends messages to a file that no other process writes.

    Where a call is interrupted, as by the handler of a signal or a full disk, the next one writes
    what it has left, at the same place.

    Args:
        path: the file, which exists and is empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._due = (0, b"")  # one value, so that a handler of a signal finds both or neither
        """Where to write, and what."""

    def send(self, *messages: tuple[Any, ...]) -> None:
        """Write messages.

        Args:
            messages: plain builtins.

        Raises:
            ConnectionLost: the file is gone, or cannot be written.
            MessageError: a message holds something else.
        """
        data = b"".join(framed(message) for message in messages)
        self._due = start, data = (self._due[0], self._due[1] + data)
        try:
            with self._path.open("r+b", buffering=0) as file:
                file.seek(start)
                written = 0
                while written < len(data):
                    written += file.write(data[written:])
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        self._due = (start + len(data), b"")


class MessageReader:
    """Reads what a `MessageWriter` writes.

    Args:
        path: the file, which exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = 0

    def received(self) -> list[tuple[Any, ...]]:
        """The messages that have become whole since the last call; does not wait.

        Raises:
            ConnectionLost: the file is gone, or cannot be read.
        """
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(self._end)
                data = file.readall()
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        messages = []
        for content in _whole(data):
            messages.append(decoded(content))
            self._end += _HEADER.size + len(content)
        return messages


def framed(message: tuple[Any, ...]) -> bytes:
    """A message as a file has it.

    Args:
        message: plain builtins.

    Returns:
        Its header and its content.
    """
    content = encoded(message)
    return _HEADER.pack(len(content), zlib.crc32(content)) + content


def _whole(data: bytes) -> Iterable[bytes]:
    """The contents of the messages at the front that are whole."""
    start = 0
    while start + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, start)
        start += _HEADER.size
        content = data[start : start + length]
        if not length or len(content) < length or zlib.crc32(content) != checksum:
            return
        yield content
        start += length
