"""The channels of a job of a cluster: folders with two message files each.

A job has one channel for each worker process that it runs, one after the other, so that what a
stopped process wrote half is never mixed with what another one writes. `slurm_job` is the other
end.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from pytest_mlregress.engines.message_files import MessageReader, MessageWriter
from pytest_mlregress.engines.messages import ConnectionLost
from pytest_mlregress.engines.workers import Message

_TO_WORKER: Final = "to-worker"
_FROM_WORKER: Final = "from-worker"
_CLAIMED: Final = "claimed"

LONGEST_PAUSE_S: Final = 0.2
_SHORTEST_PAUSE_S: Final = 0.01
_LOOK_AHEAD_S: Final = 1.0


class Pause:
    """How long to wait until files are looked into again: longer while nothing is there."""

    def __init__(self) -> None:
        self._seconds = _SHORTEST_PAUSE_S

    def after(self, found: bool) -> float:
        """The next wait.

        Args:
            found: whether something was there.

        Returns:
            Seconds.
        """
        longer = min(2 * self._seconds, LONGEST_PAUSE_S)
        self._seconds = _SHORTEST_PAUSE_S if found else longer
        return self._seconds


def make_channel(folder: Path) -> None:
    """Make a channel, unless it is there.

    Args:
        folder: its folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_TO_WORKER, _FROM_WORKER):
        (folder / name).touch()


def claim_channel(job: Path) -> tuple[MessageReader, MessageWriter]:
    """In a job: the first channel that no process of the job has used.

    Args:
        job: the job's folder.

    Returns:
        What is sent to it, and what it says.

    Raises:
        ConnectionLost: the folder is gone.
    """
    number = 0
    while True:
        channel = job / str(number)
        try:
            (channel / _CLAIMED).mkdir()
        except FileExistsError:
            number += 1
        except FileNotFoundError:
            if not job.is_dir():
                raise ConnectionLost(f"{job} is gone") from None
            make_channel(channel)
        else:
            return MessageReader(channel / _TO_WORKER), MessageWriter(channel / _FROM_WORKER)


class JobChannels:
    """The other end of a job's channels.

    Args:
        job: the job's folder, which is made.

    Attributes:
        here: whether the job runs.
        heard: when it last said something, by `time.monotonic`.
    """

    def __init__(self, job: Path) -> None:
        self.here = False
        self.heard = time.monotonic()
        self._job = job
        self._number = 0
        self._look_ahead = 0.0
        make_channel(job / "0")
        self._inbox, self._outbox = self._ends(0)
        self._following, _ = self._ends(1)

    def _ends(self, number: int) -> tuple[MessageReader, MessageWriter]:
        """A channel; it exists before a job that starts again looks for it."""
        channel = self._job / str(number)
        make_channel(channel)
        return MessageReader(channel / _FROM_WORKER), MessageWriter(channel / _TO_WORKER)

    def _go_on(self) -> None:
        self._number += 1
        _, self._outbox = self._ends(self._number)
        self._inbox = self._following
        self._following, _ = self._ends(self._number + 1)

    def send(self, message: Message) -> None:
        """Send a message to the job.

        Raises:
            ConnectionLost: the folder is gone.
        """
        self._outbox.send(message)

    def received(self) -> list[Message]:
        """What the job has said since the last call; does not wait.

        Returns:
            Messages, among them ``("here", machine, process)`` and ``("lost", reason)``.

        Raises:
            ConnectionLost: the folder is gone.
        """
        messages = self._inbox.received()
        if messages and messages[-1][0] == "lost":
            self._go_on()
        elif not messages and (following := self._first_of_next()):
            # Slurm has stopped it and started it again; its last words are there by now.
            messages = self._inbox.received()
            if self.here:
                messages.append(("lost", "its job was queued and started again"))
            messages += following
            self._go_on()
        if messages:
            self.heard = time.monotonic()
        for message in messages:
            self.here = message[0] == "here" or (self.here and message[0] != "lost")
        return [message for message in messages if message[0] != "alive"]

    def _first_of_next(self) -> list[Message]:
        now = time.monotonic()
        if now < self._look_ahead:
            return []
        self._look_ahead = now + _LOOK_AHEAD_S
        return self._following.received()
