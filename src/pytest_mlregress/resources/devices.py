"""The GPUs that the caller lets this process use, without initialising any.

CUDA reads ``CUDA_VISIBLE_DEVICES`` once, when a process first uses a GPU: what is said here has to
be said before.
"""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

DEVICES: Final = "CUDA_VISIBLE_DEVICES"
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
    if DEVICES not in environ:
        return tuple(map(str, range(there)))
    return tuple(_up_to_unknown(environ[DEVICES], there)) if there else ()


def listed_devices(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The GPUs that the variable names, also where no driver tells whether they are there.

    Args:
        environ: environment variables.

    Returns:
        As `visible_devices`; nothing where the variable is not set.
    """
    given = environ.get(DEVICES, "").strip()
    return tuple(_up_to_unknown(given, present_devices() or None)) if given else ()


def _up_to_unknown(given: str, present: int | None) -> Iterator[str]:
    """The entries before the first that names no GPU, or one again, as CUDA reads them."""
    found: set[str] = set()
    for entry in map(str.strip, given.split(",")):
        known = bool(entry) and entry not in found
        if _is_number(entry):
            known = known and int(entry) >= 0 and (present is None or int(entry) < present)
        if not known:
            return
        found.add(entry)
        yield entry


def _is_number(entry: str) -> bool:
    return entry.lstrip("-").isdecimal()


@cache
def present_devices() -> int:
    """How many GPUs this machine has; the driver is asked, and none is initialised."""
    if sys.platform == "darwin":
        return int(platform.machine() == "arm64")
    from pytest_mlregress.resources.nvml import device_count

    return device_count() or _rocm_devices()


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
