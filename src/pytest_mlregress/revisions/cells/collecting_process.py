"""The pytest that collects a suite: it stays as long as the suite is used."""

from __future__ import annotations

import time
import weakref
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Final

_POLL_S: Final = 0.01
_END_TIMEOUT_S: Final = 5.0


class CollectingProcess:
    """A pytest that has described its suite, and serves what its plugins offer to workers.

    It ends when this object or this process does, since its standard input is closed then.

    Args:
        process: it, with a pipe as its standard input.
    """

    def __init__(self, process: Popen[bytes]) -> None:
        self._process = process
        self.close = weakref.finalize(self, _end, process)

    def wait_for(self, file: Path) -> bool:
        """Wait until it has described its suite, or has ended.

        Args:
            file: what it writes.

        Returns:
            Whether it has written it; where it has not, it has ended.
        """
        while not file.exists():
            if self._process.poll() is not None:
                return file.exists()
            time.sleep(_POLL_S)
        return True


def _end(process: Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_END_TIMEOUT_S)
    except TimeoutExpired:
        process.kill()
        process.wait()
