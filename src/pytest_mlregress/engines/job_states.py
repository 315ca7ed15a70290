"""What Slurm's states of a job say of a worker, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_NOT_OVER: Final = frozenset(
    ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "READY", "REQUEUED", "REQUEUE_HOLD",
     "REQUEUE_FED", "RESIZING", "RESV_DEL_HOLD", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT",
     "STOPPED", "SUSPENDED", "PREEMPTED", "UNKNOWN")
)  # fmt: skip
"""A job that was pre-empted is queued again, or found to be silent."""

_WORDS: Final = {
    "BOOT_FAIL": "failed since its node did not boot",
    "CANCELLED": "was cancelled",
    "COMPLETED": "ended before its time",
    "DEADLINE": "reached its deadline",
    "FAILED": "failed",
    "FINISHED": "ended before its time",
    "INTERRUPTED": "was killed",
    "NODE_FAIL": "was lost with its node",
    "OUT_OF_MEMORY": 'ran out of memory, declare what a seed needs: memory="8GB" in the marker '
    "mlregress, or mem in mlregress_slurm_parameters",
    "TIMEOUT": "reached its time limit, see time in mlregress_slurm_parameters",
}
_TAIL: Final = 12
"""Lines of a log."""


def is_over(state: str) -> bool:
    """Whether a job in this state runs no more, nor will.

    Args:
        state: as sacct or submitit's local executor names it.
    """
    return state not in _NOT_OVER


def reason_of(state: str, job: str) -> str:
    """Why a worker is lost.

    Args:
        state: of its job, which is over.
        job: the name of the job.
    """
    return f"its job {job} {_WORDS.get(state, f'is in the state {state}')}"


def end_of_log(*files: Path) -> str:
    """The last lines of the first file that has any, and its path.

    Args:
        files: logs.
    """
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
        except OSError:
            continue
        if lines:
            return "\n".join([f"the end of {file}:", *lines[-_TAIL:]])
    return f"it has written nothing to {files[0]}"
