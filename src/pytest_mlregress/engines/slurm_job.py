"""What a job of a cluster does: it runs a worker process and passes its messages on through files.

When the worker process died, the job runs another one, and when Slurm has queued the job again, it
starts with another one, each with a channel of its own. There the job says ``("here", machine,
process)``, ``("alive",)`` now and then and ``("lost", reason)`` of a worker process that died, and
passes on what that says. It is sent ``("close",)`` when it is not needed any more, and what is
meant for the worker process.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.engines.child_worker import ChildWorker
from pytest_mlregress.engines.job_channels import LONGEST_PAUSE_S, Pause, claim_channel
from pytest_mlregress.engines.life_sign import EVERY_S, LOOKS, LifeSignWatch
from pytest_mlregress.engines.message_files import MessageWriter
from pytest_mlregress.engines.messages import ConnectionLost
from pytest_mlregress.engines.workers import Message

_KILL_WAIT_S: Final = 60.0
"""After SIGTERM Slurm kills a job that it takes the node from within this time, as a rule."""
_STARTING_S: Final = 15.0
"""Slurm's clock of a job runs before its first line does."""
_END_S: Final = 60.0
"""A worker process that has nothing left to run gets so long to end by itself."""


@dataclass
class WorkerJob:
    """The function of a job; submitit sends it to where the job runs.

    Attributes:
        folder: of the job's channels.
        sign: the file that the process that hands out the items changes while it is there.
        minutes: the job's time limit.
        signal_s: so many seconds before it the job is told.
        look_every_s: how often to look at that file, in seconds.
        looks: how many times to find it unchanged.
    """

    folder: Path
    sign: Path
    minutes: float
    signal_s: int
    look_every_s: float = EVERY_S
    looks: int = LOOKS
    _relay: _Relay | None = field(default=None, init=False, repr=False, compare=False)

    def __call__(self) -> None:
        """Run worker processes until none is needed."""
        self._relay = _Relay(self)
        self._relay.run()

    def checkpoint(self) -> object:
        """End the worker process, since the job is about to be queued again.

        Submitit calls this in the handler of the signal that Slurm sends before it takes the node
        away, or before the time limit.

        Returns:
            What the job runs then.
        """
        from pytest_mlregress.integrations.submitit import later

        if self._relay is not None:
            self._relay.interrupt()
        return later(self)

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to this process."""
        return {**self.__dict__, "_relay": None}


class _Relay:
    """Passes messages on between files and a worker process."""

    def __init__(self, job: WorkerJob) -> None:
        self._job = job
        self._outbox: MessageWriter | None = None
        self._worker: ChildWorker | None = None
        self._sign = LifeSignWatch(job.sign, job.look_every_s, job.looks)
        self._began = self._spoke = time.monotonic()
        self._terminated = float("-inf")

    def run(self) -> None:
        """Run one worker process after the other."""
        self._note_sigterm()
        try:
            while self._serve():
                self._wait_for_the_end()
        except ConnectionLost as error:  # nobody is left who could be told
            print(f"mlregress: this job ends: {error}", file=sys.stderr)
        finally:
            self._end_worker()

    def interrupt(self) -> None:
        """End the worker process since the job is queued again."""
        running = self._worker is not None
        self._end_worker()
        if running:
            with suppress(ConnectionLost):
                self._say(("lost", f"its job {self._why_interrupted()}"))

    def _why_interrupted(self) -> str:
        job = self._job
        if time.monotonic() - self._began < 60 * job.minutes - job.signal_s - _STARTING_S:
            return "was pre-empted"
        return (
            f"reached its time limit of {job.minutes:.3g} min, see time in "
            "mlregress_slurm_parameters"
        )

    def _note_sigterm(self) -> None:
        others: Any = signal.getsignal(signal.SIGTERM)

        def on_sigterm(number: int, frame: Any) -> None:
            self._terminated = time.monotonic()
            if callable(others):
                others(number, frame)

        with suppress(ValueError):  # not in the main thread, as in a test
            signal.signal(signal.SIGTERM, on_sigterm)

    def _wait_for_the_end(self) -> None:
        """Start no process in a job that Slurm is about to kill."""
        while time.monotonic() < self._terminated + _KILL_WAIT_S:
            self._sign.look()
            time.sleep(LONGEST_PAUSE_S)

    def _serve(self) -> bool:
        """Run one worker process.

        Returns:
            Whether the job should go on with the next one.
        """
        inbox, self._outbox = claim_channel(self._job.folder)
        self._say(("here", platform.node(), os.getpid()))
        pause = Pause()
        found = False
        while True:
            for message in inbox.received():
                if message == ("close",):
                    return False
                self._send(message)
                found = True
            messages = self._hear(pause.after(found))
            found = bool(messages)
            if found:
                self._say(*messages)
                if messages[-1][0] == "lost":
                    self._end_worker()
                    return True
                if messages[-1] == ("end",):
                    if self._worker is not None:
                        self._worker.let_end(_END_S)
                    return False
            self._sign.look()
            if time.monotonic() >= self._spoke + self._job.look_every_s:
                self._say(("alive",))

    def _say(self, *messages: tuple[Any, ...]) -> None:
        if self._outbox is not None:
            self._outbox.send(*messages)
            self._spoke = time.monotonic()

    def _send(self, message: Message) -> None:
        if self._worker is None:
            self._worker = ChildWorker(os.environ, str(Path.cwd()), keeps_output=False)
        self._worker.send(message)

    def _hear(self, seconds: float) -> list[Message]:
        """What the worker process says within that time; ``("lost", reason)`` where it is gone."""
        if self._worker is None:
            time.sleep(seconds)
            return []
        return self._worker.received() if self._worker.wait(seconds) else []

    def _end_worker(self) -> None:
        """End the worker process, and all that it has started."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()
