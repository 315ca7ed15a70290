"""How many processes may wait for their next seed: each holds the packages of the tests in memory.

A process that was ended starts again when its state of the code is trained next, which takes as
long as its imports: seconds, where torch is among them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

MOST: Final = 24
"""Processes of one command, however much memory there is."""

MOST_WITH_GPUS: Final = 6
"""Each may hold a context of CUDA on a device, hundreds of MB that no one can take back."""

LEAST: Final = 2
"""A comparison goes back and forth between two states at least."""

_SPARE_SHARE: Final = 0.2
_SPARE_BYTES: Final = 2 * 2**30
"""What has to stay available of the machine's memory for another process to be kept: this share of
it, or as many bytes where that is less."""

_MEMINFO: Final = Path("/proc/meminfo")
_GPUS: Final = Path("/proc/driver/nvidia/gpus")


def may_keep(kept: int) -> bool:
    """Whether one more process may wait beside those that do.

    Args:
        kept: the processes that wait or train.

    Returns:
        False where the one that was used least recently has to end first.
    """
    if kept < LEAST:
        return True
    most = MOST_WITH_GPUS if _GPUS.exists() else MOST
    if kept >= most:
        return False
    total, available = _memory()
    return available > min(_SPARE_SHARE * total, _SPARE_BYTES)


def _memory() -> tuple[int, int]:
    """The machine's memory and what is available of it, in bytes."""
    try:
        text = _MEMINFO.read_text(encoding="ascii", errors="replace")
        found = {name: int(value) * 1024 for name, value in _ENTRY.findall(text)}
        return found["MemTotal"], found["MemAvailable"]
    except (OSError, KeyError):
        pass
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not known on this system
        return 0, 0


_ENTRY: Final = re.compile(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", re.MULTILINE)
