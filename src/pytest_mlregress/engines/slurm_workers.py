"""Workers that are jobs of a cluster; `slurm_job` is what they run.

A job outlives its worker: after a worker process died, and after Slurm has queued the job again,
the next worker is given to the same job, and nothing waits in the queue a second time.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.engines.job_channels import JobChannels, Pause
from pytest_mlregress.engines.job_states import end_of_log, is_over, reason_of
from pytest_mlregress.engines.life_sign import EVERY_S, LifeSign
from pytest_mlregress.engines.messages import ConnectionLost
from pytest_mlregress.engines.queue_line import QueueLine
from pytest_mlregress.engines.slurm_job import WorkerJob
from pytest_mlregress.engines.slurm_parameters import JobParameters
from pytest_mlregress.engines.workers import Message, WorkersLostError
from pytest_mlregress.integrations.submitit import Cluster, SubmissionError

if TYPE_CHECKING:
    from submitit import Job

_STATES_EVERY_S: Final = 15.0
"""How often Slurm's accounting is asked, for all jobs at once and only where there is a need."""
_LOCAL_STATES_EVERY_S: Final = 0.5
_QUIET_S: Final = 3 * EVERY_S
"""After so long without a word of a job, Slurm is asked for it."""
_SILENT_S: Final = 300.0
"""After so long a job is given up, whatever Slurm says."""
_CLOSE_S: Final = 10.0
"""So long jobs are given to end when they are told to, before they are killed."""


@dataclass(frozen=True, slots=True)
class JobArray:
    """Jobs that ask for the same.

    Attributes:
        parameters: what each asks for.
        count: how many there are at first.
    """

    parameters: JobParameters
    count: int


@dataclass(eq=False)
class _Job:
    handle: Job[Any]
    kind: int
    channels: JobChannels
    worker: int | None = None
    machine: str | None = None
    """Where it runs; None where that is unknown, or was told of its worker."""

    @property
    def id(self) -> str:
        return str(self.handle.job_id)


class SlurmWorkers:
    """Submits jobs, gives each a worker, and listens to them.

    Args:
        cluster: where they run.
        folder: of this run, which jobs see as well.
        arrays: the kinds of jobs.
        start: the first message to the process of a worker, by its number.
        say: prints a line.

    Attributes:
        waits: whether items are left for a new worker of a kind; to be set before the first one.
        has_failures: whether any job or worker was lost.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        arrays: Sequence[JobArray],
        start: Callable[[int], Message],
        say: Callable[[str], None],
    ) -> None:
        self.waits: Callable[[int], bool] = lambda kind: True
        self.has_failures = False
        self._cluster = cluster
        self._folder = folder
        self._arrays = arrays
        self._start = start
        self._queue_line = QueueLine(say)
        self._sign = LifeSign(folder / "sign")
        self._jobs: list[_Job] = []
        self._ending: list[_Job] = []
        self._failed: list[_Job] = []
        """Over before any job has begun: each may be one of several, or stand for all."""
        self._job_of: dict[int, _Job] = {}
        self._made = 0
        self._any_here = False
        self._pause = Pause()
        self._polled = self._states_due = time.monotonic()

    def kind_of(self, number: int) -> int:
        """The kind of a worker's job.

        Args:
            number: of the worker, which has begun.
        """
        return self._job_of[number].kind

    def begin(self, number: int) -> None:
        """See `Workers`; the first one submits all jobs."""
        if not self._made:
            self._sign.start()
            for kind, array in enumerate(self._arrays):
                self._submit(kind, array.count)
        free = [job for job in self._jobs if job.worker is None and self.waits(job.kind)]
        if not free:
            live = [job.kind for job in self._jobs]
            kinds = [kind for kind in range(len(self._arrays)) if self.waits(kind)]
            free = self._submit(min(kinds or [0], key=live.count), 1)
        job = min(free, key=lambda job: not job.channels.here)
        job.worker = number
        self._job_of[number] = job
        if job.channels.here:
            self._send(job, self._start(number))

    def _submit(self, kind: int, count: int) -> list[_Job]:
        folders = [self._folder / f"job-{self._made + index}" for index in range(count)]
        channels = [JobChannels(folder) for folder in folders]
        asked = self._arrays[kind].parameters
        functions = [
            WorkerJob(folder, self._sign.file, asked.minutes, asked.signal_s) for folder in folders
        ]
        try:
            handles = self._cluster.submit(functions, asked)
        except SubmissionError as error:
            raise WorkersLostError(
                f"sbatch refuses the jobs: {error}\nwhat they ask for is in the marker mlregress "
                "(num_cpus, num_gpus, memory) and in mlregress_slurm_parameters"
            ) from error
        self._made += count
        jobs = [_Job(handle, kind, its) for handle, its in zip(handles, channels, strict=True)]
        self._jobs += jobs
        return jobs

    def send(self, number: int, message: Message) -> None:
        """See `Workers`."""
        job = self._job_of[number]
        if job.worker == number:
            self._send(job, message)

    def _send(self, job: _Job, message: Message) -> None:
        try:
            job.channels.send(message)
        except ConnectionLost as error:
            raise WorkersLostError(f"the folder of the run's jobs is gone: {error}") from error

    def receive(self) -> Iterable[tuple[int, Message]]:
        """See `Workers`."""
        self._let_idle_jobs_end()
        self._queue_line.show([job.channels.here for job in self._jobs])
        now = time.monotonic()
        if now > self._polled + EVERY_S:  # meanwhile this process could not listen
            for job in self._jobs:
                job.channels.heard = now
        self._polled = now
        found = [message for job in list(self._jobs) for message in self._hear(job)]
        found += self._of_lost_jobs(now)
        wait = self._pause.after(bool(found))
        if not found:
            time.sleep(wait)
        return found

    def end(self, number: int) -> None:
        """See `Workers`."""
        job = self._job_of[number]
        if job.worker == number:  # it has said that it ends, and so does its job
            job.worker = None
            self._leave(job)

    def close(self) -> None:
        """See `Workers`; removes the folder unless its logs may tell why something was lost."""
        for job in self._jobs + self._ending:
            with suppress(ConnectionLost):
                job.channels.send(("close",))
        left, ending = [[job.handle for job in jobs] for jobs in (self._jobs, self._ending)]
        if self._cluster.is_local:
            are_over = self._cluster.wait(left + ending, _CLOSE_S)
            self._cluster.cancel([] if are_over else left + ending)
        else:
            self._cluster.cancel(left)
            are_over = self._cluster.wait(ending, _CLOSE_S)
        self._sign.stop()
        if are_over and not self.has_failures:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _leave(self, job: _Job) -> None:
        self._jobs.remove(job)
        self._ending.append(job)

    def _let_idle_jobs_end(self) -> None:
        """Nothing is left for a job whose last worker was lost and that got no other one."""
        for job in [job for job in self._jobs if job.worker is None]:
            self._send(job, ("close",))
            self._leave(job)
            if not job.channels.here:
                self._cluster.cancel([job.handle])

    def _hear(self, job: _Job) -> Iterator[tuple[int, Message]]:
        try:
            messages = job.channels.received()
        except ConnectionLost as error:
            raise WorkersLostError(f"the folder of the run's jobs is gone: {error}") from error
        began = any(message[0] == "here" for message in messages)
        self._any_here |= began
        yield from self._tell_machine(job)
        for message in messages:
            if message[0] == "lost":
                log = job.handle.paths.stderr
                yield from self._lose(job, f"{message[1]} (log {log})")
            elif message[0] == "error" and job.worker is not None:
                self.has_failures = True
                yield job.worker, ("error", f"{message[1]}\n(log {job.handle.paths.stderr})")
            elif message[0] == "here":
                job.machine = message[1]
                yield from self._tell_machine(job)
            elif job.worker is not None:
                yield job.worker, message
        if began and job.channels.here and job.worker is not None:
            self._send(job, self._start(job.worker))

    def _tell_machine(self, job: _Job) -> Iterator[tuple[int, Message]]:
        if job.machine is not None and job.worker is not None:
            machine, job.machine = job.machine, None
            yield job.worker, ("here", machine)

    def _lose(self, job: _Job, reason: str) -> Iterator[tuple[int, Message]]:
        """Its worker is gone; the job may go on with another one."""
        self.has_failures = True
        number, job.worker = job.worker, None
        if number is not None:
            yield number, ("lost", reason)

    def _of_lost_jobs(self, now: float) -> Iterator[tuple[int, Message]]:
        """Of jobs that are over and could not say so."""
        if self._any_here:
            for job in self._failed:
                yield from self._lose(job, reason_of(self._cluster.state(job.handle), job.id))
            self._failed.clear()
        if now < self._states_due:
            return
        self._states_due = now + (
            _LOCAL_STATES_EVERY_S if self._cluster.is_local else _STATES_EVERY_S
        )
        jobs = [job for job in self._jobs if self._is_doubtful(job, now)]
        self._cluster.refresh([job.handle for job in jobs])
        for job in jobs:
            state = self._cluster.state(job.handle)
            silent = job.channels.here and now > job.channels.heard + _SILENT_S
            if is_over(state):
                yield from self._hear(job)  # its last words
                yield from self._lose_job(job, reason_of(state, job.id))
            elif silent:
                self._cluster.cancel([job.handle])
                reason = f"its job {job.id} has said nothing for {_SILENT_S:.0f} seconds"
                yield from self._lose_job(job, reason)

    def _is_doubtful(self, job: _Job, now: float) -> bool:
        quiet = now > job.channels.heard + _QUIET_S
        return self._cluster.is_local or not job.channels.here or quiet

    def _lose_job(self, job: _Job, reason: str) -> Iterator[tuple[int, Message]]:
        self._jobs.remove(job)
        if self._any_here:
            yield from self._lose(job, f"{reason} (log {job.handle.paths.stderr})")
            return
        self.has_failures = True
        self._failed.append(job)
        if not self._jobs:
            paths = job.handle.paths
            raise WorkersLostError(
                f"no job could start: {reason}\n{end_of_log(paths.stderr, paths.stdout)}"
            )
