"""What this machine has for the seeds of this run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from pytest_mlregress.resources.devices import DEVICES, visible_devices
from pytest_mlregress.resources.memory_limit import (
    CGROUPS,
    OWN_CGROUPS,
    cgroup_limit,
    physical_memory,
)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What seeds may use here.

    Attributes:
        cpus: processors that this process may use; a quota of its cgroup may be a fraction.
        memory: in bytes; None where it is unknown.
        limited: whether a cgroup leaves less memory than the machine has.
        devices: the GPUs, as ``CUDA_VISIBLE_DEVICES`` names them.
        visible: the value of that variable; None where it is not set.
    """

    cpus: float
    memory: int | None
    limited: bool
    devices: tuple[str, ...]
    visible: str | None


def capacity(environ: Mapping[str, str]) -> Capacity:
    """What this machine has for a process with these variables.

    Args:
        environ: environment variables.

    Returns:
        The capacity.
    """
    physical, limit = _memory()
    known = [number for number in (physical, limit) if number is not None]
    return Capacity(
        cpus=_cpus(),
        memory=min(known, default=None),
        limited=limit is not None and (physical is None or limit < physical),
        devices=visible_devices(environ),
        visible=environ.get(DEVICES),
    )


@cache
def _memory() -> tuple[int | None, int | None]:
    return physical_memory(), cgroup_limit()


@cache
def _cpus() -> float:
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    number = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    quota = cpu_quota()
    return number if quota is None else min(number, quota)


def cpu_quota(own: Path = OWN_CGROUPS, mount: Path = CGROUPS) -> float | None:
    """The processors that a cgroup of this process allows, of version 1 or 2.

    Args:
        own: the file that names the groups of this process.
        mount: where the groups are.

    Returns:
        A number of processors, maybe a fraction; None without a quota.
    """
    try:
        lines = own.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        path = PurePosixPath(group).relative_to("/") if group.startswith("/") else PurePosixPath()
        for part in (path, *path.parents):
            if controllers == "":
                quotas.append(_ratio(mount / part / "cpu.max"))
            elif "cpu" in controllers.split(","):
                folder = mount / "cpu" / part
                quotas.append(_ratio(folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"))
    return min((quota for quota in quotas if quota is not None), default=None)


def _ratio(*files: Path) -> float | None:
    """Quota by period, from one file or two; None for no quota, which is ``max`` or -1."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = " ".join(file.read_text("ascii") for file in files).split()
        return int(quota) / int(period) if int(quota) > 0 else None
    return None
