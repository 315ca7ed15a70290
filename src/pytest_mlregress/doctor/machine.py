"""What this machine has: memory and GPUs, without a library."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["gpu_count", "memory_bytes"]

_GPUS: Final = Path("/proc/driver/nvidia/gpus")
_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_bytes() -> int | None:
    """The memory that a process may use: that of the machine, or the limit of its container.

    Returns:
        Bytes; None where the system does not say.
    """
    try:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):
        found = []
    for limit in _LIMITS:
        try:
            text = limit.read_text().strip()
        except OSError:
            continue
        if text.isdecimal():
            found.append(int(text))
    return min(found, default=None)


def gpu_count() -> int:
    """The GPUs that a process may use: those of the machine, or of ``CUDA_VISIBLE_DEVICES``."""
    try:
        present = sum(1 for _ in _GPUS.iterdir())
    except OSError:
        present = 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return present
    return min(present, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))
