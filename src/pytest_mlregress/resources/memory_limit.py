"""How much memory this process may use: what the machine has, and what its cgroups leave of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
OWN_CGROUPS: Final = Path("/proc/self/cgroup")


def physical_memory() -> int | None:
    """The memory of the machine, in bytes; None where the system does not tell."""
    with suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def cgroup_limit(own: Path = OWN_CGROUPS, mount: Path = CGROUPS) -> int | None:
    """The least memory limit of the cgroups that this process is in, of version 1 or 2.

    Limits hold for all that is below a group, so that each one up to the root counts.

    Args:
        own: the file that names the groups of this process.
        mount: where the groups are.

    Returns:
        In bytes; None where nothing is limited or there are no cgroups.
    """
    limits = list(_limits(own, mount))
    return min(limits, default=None)


def _limits(own: Path, mount: Path) -> Iterator[int]:
    for hierarchy, root, file in memory_groups(own, mount):
        for group in (hierarchy, *hierarchy.parents):
            limit = _read_limit(root / group.relative_to("/") / file)
            if limit is not None:
                yield limit


def memory_groups(own: Path, mount: Path) -> Iterator[tuple[PurePosixPath, Path, str]]:
    """The group of this process in each hierarchy that counts memory.

    In a container the group may be named as the host sees it; its folder is then the top one,
    which is to be read in any case.

    Args:
        own: the file that names the groups of this process.
        mount: where the groups are.

    Yields:
        The group, the top folder, and the name of the file with its limit.
    """
    try:
        lines = own.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        path = PurePosixPath("/") / group
        if controllers == "":
            yield path, mount, "memory.max"
            yield path, mount / "unified", "memory.max"
        elif "memory" in controllers.split(","):
            yield path, mount / "memory", "memory.limit_in_bytes"


def _read_limit(file: Path) -> int | None:
    """A limit in bytes; version 2 says ``max`` for none, version 1 a number beyond any machine."""
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None
