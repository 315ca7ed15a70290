"""What a run says of attempts that were made again."""

from __future__ import annotations


def rerun_note(reruns: int) -> str:
    """A line for the end of the summary.

    Args:
        reruns: failed attempts that pytest-rerunfailures made again, at least one.

    Returns:
        The line.
    """
    return (
        f"failed attempts that pytest-rerunfailures made again: {reruns}; only the last attempt "
        "counts, and a seed that fails and then passes is not deterministic"
    )
