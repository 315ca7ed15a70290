"""How a process ended, in words, and whether it was for lack of memory."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from pytest_mlregress.resources.memory_limit import CGROUPS, OWN_CGROUPS, memory_groups
from pytest_mlregress.resources.need import in_bytes

KILLED: Final = "killed by SIGKILL"

_LITTLE: Final = 0.1
"""The share of the memory below which a process that is killed was probably killed for it."""

_STATISTICS: Final = Path("/proc/vmstat")
_MEMORY: Final = Path("/proc/meminfo")


def process_end(status: int | None) -> str:
    """How a process ended.

    Args:
        status: its exit status, the negative number of the signal that killed it, or None where it
            is unknown. Shells and batch systems add 128 to the number of a signal.

    Returns:
        ``killed by SIGKILL``, ``ended with exit status 3``, or nothing.
    """
    if status is None:
        return ""
    number = -status if status < 0 else status - 128
    with suppress(ValueError):
        return f"killed by {signal.Signals(number).name}"
    return f"killed by signal {number}" if status < 0 else f"ended with exit status {status}"


class MemoryKills:
    """Notices whether the kernel has killed a process for lack of memory since this was made.

    Linux counts that for each cgroup and for the whole machine; no other system does.

    Args:
        own: the file that names the cgroups of this process.
        mount: where the cgroups are.
        statistics: the counters of the kernel.
        memory: what memory is left.
    """

    def __init__(
        self,
        own: Path = OWN_CGROUPS,
        mount: Path = CGROUPS,
        statistics: Path = _STATISTICS,
        memory: Path = _MEMORY,
    ) -> None:
        self._places = (own, mount, statistics)
        self._memory = memory
        self._before = self._count()

    def cause(self) -> str:
        """What speaks for a lack of memory as the cause of a SIGKILL; empty where nothing does."""
        now = self._count()
        if now > self._before:
            self._before = now
            return "the kernel has killed a process for it"
        left, whole = (self._amount(name) for name in ("MemAvailable", "MemTotal"))
        if left is not None and whole is not None and left < _LITTLE * whole:
            return f"probably: {in_bytes(left)} of {in_bytes(whole)} are left"
        return ""

    def _count(self) -> int:
        own, mount, statistics = self._places
        counted = [_number("oom_kill", file) for file in _counters(own, mount)]
        known = [number for number in counted if number is not None]
        if not known:  # not in a container, where that counts what others lose, too
            known = [_number("oom_kill", statistics) or 0]
        return sum(known)

    def _amount(self, name: str) -> int | None:
        kilobytes = _number(f"{name}:", self._memory)
        return None if kilobytes is None else 1024 * kilobytes


def _counters(own: Path, mount: Path) -> Iterator[Path]:
    """The files with the counter of each cgroup of this process, of version 2 or 1."""
    for group, root, file in memory_groups(own, mount):
        name = "memory.events" if file == "memory.max" else "memory.oom_control"
        for folder in (group, PurePosixPath("/")):
            yield root / folder.relative_to("/") / name


def _number(name: str, file: Path) -> int | None:
    """The number after a name at the beginning of a line."""
    try:
        found = re.search(rf"^{re.escape(name)}\s+(\d+)", file.read_text("ascii", "replace"), re.M)
    except OSError:
        return None
    return int(found[1]) if found is not None else None
