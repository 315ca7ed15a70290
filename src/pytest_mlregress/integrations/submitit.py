"""Jobs of a Slurm cluster, or processes of this machine in their place, through submitit."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_mlregress.engines.slurm_parameters import JobParameters

if TYPE_CHECKING:
    from submitit import Job

INSTALL: Final = "pip install 'pytest-mlregress[slurm]'"

ClusterName = Literal["slurm", "local"]

_REQUEUES: Final = 10_000
"""How often a job may reach its time limit; each seed's losses are counted elsewhere."""


class SubmissionError(Exception):
    """Jobs cannot be submitted; the text is that of sbatch."""


class Cluster:
    """Submits jobs.

    Args:
        name: ``"slurm"``, or ``"local"`` for processes of this machine.
        folder: for their logs and what submitit keeps.
    """

    def __init__(self, name: ClusterName, folder: Path) -> None:
        self._name = name
        self._folder = folder

    def submit(
        self, functions: Sequence[Callable[[], object]], parameters: JobParameters
    ) -> list[Job[Any]]:
        """Submit one array with a job for each function.

        Args:
            functions: what the jobs run.
            parameters: what each asks for.

        Returns:
            The jobs.

        Raises:
            SubmissionError: they cannot be submitted.
        """
        import submitit

        try:
            if self._name == "local":
                local = submitit.LocalExecutor(self._folder, max_num_timeout=_REQUEUES)
                local.update_parameters(**_for_this_machine(parameters))
                with _deaf_to_interrupts():
                    return list(local.submit_array(functions))
            slurm = submitit.SlurmExecutor(self._folder, max_num_timeout=_REQUEUES)
            slurm.update_parameters(**_for_sbatch(parameters))
            return list(slurm.submit_array(functions))
        except (RuntimeError, OSError) as error:
            raise SubmissionError(str(error).strip() or repr(error)) from error

    @property
    def is_local(self) -> bool:
        """Whether its jobs are processes of this machine, whose states cost nothing to know."""
        return self._name == "local"

    def refresh(self, jobs: Sequence[Job[Any]]) -> None:
        """Ask Slurm for the states of all jobs at once.

        Args:
            jobs: some of the jobs.
        """
        if not self.is_local and jobs:
            jobs[0].watcher.update()

    def state(self, job: Job[Any]) -> str:
        """The state of a job as sacct names it, as of the last `refresh`.

        Args:
            job: the job.

        Returns:
            One word; a process of this machine is RUNNING, FINISHED or INTERRUPTED.
        """
        if self.is_local:
            return str(job.state)
        words = job.watcher.get_state(job.job_id, mode="cache").split()
        return words[0].rstrip("+") if words else "UNKNOWN"

    def cancel(self, jobs: Sequence[Job[Any]]) -> None:
        """Kill jobs, whatever they do.

        Args:
            jobs: the jobs.
        """
        if self.is_local:
            for job in jobs:
                if job.state == "RUNNING":
                    with suppress(OSError):
                        os.kill(int(job.job_id), signal.SIGKILL)
        elif jobs:
            with suppress(OSError):
                subprocess.run(
                    ["scancel", *(job.job_id for job in jobs)], capture_output=True, check=False
                )

    def wait(self, jobs: Sequence[Job[Any]], seconds: float) -> bool:
        """Wait for jobs that were told to end.

        Args:
            jobs: the jobs.
            seconds: how long to wait at most.

        Returns:
            Whether all of them are over.
        """
        end = time.monotonic() + seconds
        while not all(self._is_over(job) for job in jobs):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def _is_over(self, job: Job[Any]) -> bool:
        if self.is_local:
            return bool(job.state != "RUNNING")
        with suppress(OSError):  # a client of NFS that has looked before asks the server again
            self._folder.chmod(self._folder.stat().st_mode)
        return bool(job.paths.result_pickle.exists())


def later(function: Callable[[], object]) -> object:
    """What the `checkpoint` of a job's function returns.

    Args:
        function: what the job runs when it starts again.
    """
    from submitit.helpers import DelayedSubmission

    return DelayedSubmission(function)


def _for_sbatch(parameters: JobParameters) -> dict[str, Any]:
    options: dict[str, Any] = {"requeue": "", "job-name": "mlregress"} | dict(parameters.sbatch)
    # Since Slurm 22.05 srun does not take this from sbatch.
    cpus = options.get("cpus-per-task")
    return {
        "time": math.ceil(parameters.minutes),
        "signal_delay_s": parameters.signal_s,
        "setup": list(parameters.setup) or None,
        "srun_args": [f"--cpus-per-task={cpus}"] if cpus else None,
        "additional_parameters": {
            name.replace("-", "_"): value or True for name, value in options.items()
        },
    }


def _for_this_machine(parameters: JobParameters) -> dict[str, Any]:
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    devices = [int(part) for part in given.split(",") if part.strip().isdigit()]
    gpus = int(parameters.sbatch.get("gpus-per-task", 0))
    return {
        "timeout_min": parameters.minutes,
        "signal_delay_s": parameters.signal_s,
        "gpus_per_node": gpus,
        **({"visible_gpus": devices} if devices else {}),
    }


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A Ctrl-C in this terminal is for pytest, which ends its jobs itself."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
