"""The GPUs that the caller lets this process use, without initialising any.

CUDA reads ``CUDA_VISIBLE_DEVICES`` once, when a process first uses a GPU: what is said here has to
be said before.
"""

from __future__ import annotations

import ctypes
import math
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

DEVICES: Final = "CUDA_VISIBLE_DEVICES"
_NVML: Final = {"win32": "nvml.dll"}.get(sys.platform, "libnvidia-ml.so.1")
_ROCM_NODES: Final = Path("/sys/class/kfd/kfd/topology/nodes")


def visible_devices(environ: Mapping[str, str], present: int | None = None) -> tuple[str, ...]:
    """The GPUs that a process with these variables may use, as the variable names them.

    Args:
        environ: environment variables.
        present: the number of GPUs of the machine; None to ask the driver.

    Returns:
        Numbers and UUIDs in the caller's order, none twice; numbers of GPUs that are not there,
        and as in CUDA all that follow one, are left out.
    """
    there = present_devices() if present is None else present
    given = environ.get(DEVICES)
    if given is None:
        return tuple(map(str, range(there)))
    found: list[str] = []
    for entry in map(str.strip, given.split(",")):
        known = there > 0 and bool(entry) and (not _is_number(entry) or 0 <= int(entry) < there)
        if not known or entry in found:
            break
        found.append(entry)
    return tuple(found)


def _is_number(entry: str) -> bool:
    return entry.lstrip("-").isdecimal()


@cache
def present_devices() -> int:
    """How many GPUs this machine has; the driver is asked, and none is initialised."""
    if sys.platform == "darwin":
        return int(platform.machine() == "arm64")
    return _nvidia_devices() or _rocm_devices()


def _nvidia_devices() -> int:
    try:
        nvml = ctypes.CDLL(_NVML)
        if nvml.nvmlInit_v2() != 0:
            return 0
        count = ctypes.c_uint()
        failed = nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        nvml.nvmlShutdown()
    except (OSError, AttributeError):
        return 0
    return 0 if failed else int(count.value)


def _rocm_devices() -> int:
    """Nodes of the kernel's topology that compute: a processor has no SIMD units."""
    found = 0
    for properties in _ROCM_NODES.glob("*/properties"):
        with suppress(OSError):
            lines = properties.read_text("ascii", "replace").splitlines()
            words = dict(line.split(None, 1) for line in lines if " " in line)
            found += words.get("simd_count", "0").strip() != "0"
    return found


def block_of(worker: int, devices: Sequence[str], need: float) -> tuple[str, ...]:
    """The GPUs of one worker: as many as its seeds need, and the same for each of its seeds.

    Args:
        worker: the number of the worker, from 0.
        devices: the caller's.
        need: GPUs that one seed needs; below 1, workers share one.

    Returns:
        Devices of the caller's; workers beyond their number take them in turn.
    """
    size = max(1, math.ceil(need))
    blocks = len(devices) // size
    if not blocks:
        return tuple(devices)
    first = worker % blocks * size
    return tuple(devices[first : first + size])
