"""What child processes of a test log: it comes back to the test's process in a file.

A framework may train in processes of its own (`ddp_spawn` of Lightning, `notebook_launcher` of
Accelerate, `torch.multiprocessing`), whose memory ends with them. Learning curves and
hyper-parameters are carried over, on one machine; metrics are refused there, with what to do.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4


class ForwardedLog:
    """A file that the children of one seed's process write, and that process reads and removes.

    It exists only while it holds something.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._file = Path(tempfile.gettempdir(), f"mlregress-{uuid4().hex}.jsonl")

    @property
    def in_child(self) -> bool:
        """Whether this is another process than the one that runs the test."""
        return os.getpid() != self._process

    def append(self, step: int | None, values: Mapping[str, Any]) -> None:
        """In a child: leave points, or hyper-parameters, for the test's process.

        Args:
            step: the step of the points; None for hyper-parameters.
            values: plain values by name.
        """
        line = json.dumps([step, dict(values)]) + "\n"
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(line)  # one write a line: children share the file

    def take(self) -> list[tuple[int | None, dict[str, Any]]]:
        """In the test's process: what has been left since the last call, in its order.

        Returns:
            The arguments of each `append`; a line that a killed child left unfinished is dropped.
        """
        if self.in_child or not self._file.exists():
            return []
        taken = self._file.with_suffix(".taken")
        self._file.replace(taken)  # what a child adds from now on is in a new file
        text = taken.read_text(encoding="utf-8")
        taken.unlink()
        entries: list[tuple[int | None, dict[str, Any]]] = []
        for line in text.splitlines():
            with suppress(json.JSONDecodeError):
                step, values = json.loads(line)
                entries.append((step, values))
        return entries
