"""The most memory that a process used while it did one thing.

The system counts the high-water mark of a process since it began. Linux resets it on request, so
that the mark is that of one seed and not of the largest before it. Elsewhere it is an upper bound.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pytest_mlregress.resources.gpu_libraries import unmeasured_gpu

_RESET: Final = Path("/proc/self/clear_refs")
_STATUS: Final = Path("/proc/self/status")
_RESET_HIGH_WATER: Final = b"5"
"""See proc(5): resets the peak of the resident set to its present size."""


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """The most memory that was used, in bytes.

    Attributes:
        process: resident memory of the process, without the processes that it started; None
            where the system does not tell.
        gpu: memory that torch had allocated on the GPU that it used most; None without CUDA.
    """

    process: int | None
    gpu: int | None


def start_peak_memory() -> None:
    """Count from now on, as far as the system and torch allow."""
    with suppress(OSError):
        file = os.open(_RESET, os.O_WRONLY)
        try:
            os.write(file, _RESET_HIGH_WATER)
        finally:
            os.close(file)
    cuda = _used_cuda()
    if cuda is not None:
        for device in range(cuda.device_count()):
            with suppress(Exception):  # a device that failed in the test before
                cuda.reset_peak_memory_stats(device)


def peak_memory() -> PeakMemory:
    """The most memory that this process used since `start_peak_memory`.

    Returns:
        The peaks; of the process since it began, where its mark cannot be reset.
    """
    return PeakMemory(process=_high_water(), gpu=_most_allocated())


def _high_water() -> int | None:
    with suppress(OSError):
        found = re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text("ascii", "replace"), re.M)
        if found is not None:
            return int(found[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _most_allocated() -> int | None:
    cuda = _used_cuda()
    if cuda is None:
        return None
    with suppress(Exception):  # a device that failed in this very test
        peaks = [int(cuda.max_memory_allocated(device)) for device in range(cuda.device_count())]
        return max(peaks, default=None)
    return None


def held_gpu_memory() -> int | None:
    """The most GPU memory that this process held since `start_peak_memory`, for later use too.

    Returns:
        Bytes that torch had reserved on the GPU that it used most, which other processes cannot
        have; 0 where nothing here uses a GPU, None where another library may.
    """
    if unmeasured_gpu():
        return None
    cuda = _used_cuda()
    if cuda is None:
        return 0
    with suppress(Exception):  # a device that failed in this very test
        peaks = [int(cuda.max_memory_reserved(device)) for device in range(cuda.device_count())]
        return max(peaks, default=0)
    return None


def out_of_memory_errors() -> int:
    """How often torch found too little memory on a GPU of this process, caught or not."""
    cuda = _used_cuda()
    with suppress(Exception):  # a device that failed in this very test
        if cuda is not None:
            devices = range(cuda.device_count())
            return sum(int(cuda.memory_stats(device).get("num_ooms", 0)) for device in devices)
    return 0


def release_gpu_memory() -> None:
    """Give back the GPU memory that torch keeps for later, which other processes can then have."""
    cuda = _used_cuda()
    if cuda is not None:
        with suppress(Exception):  # a device that failed in this very test
            cuda.empty_cache()


def _used_cuda() -> Any | None:
    """``torch.cuda`` where this process has used it; nothing is initialised to find out."""
    torch: ModuleType | None = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    with suppress(Exception):  # a torch that is being imported, or no torch at all
        return cuda if cuda is not None and cuda.is_initialized() else None
    return None
