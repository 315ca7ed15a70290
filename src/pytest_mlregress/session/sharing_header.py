"""What pytest's header says of a machine that workers share."""

from __future__ import annotations

import os

from pytest_mlregress.plurals import count_of, plural
from pytest_mlregress.resources.capacity import capacity
from pytest_mlregress.resources.mps import mps_runs
from pytest_mlregress.resources.nvml import device_count
from pytest_mlregress.settings import Settings


def sharing_header(workers: int, settings: Settings) -> list[str]:
    """The lines for a run with workers, none where there is nothing to share out.

    Args:
        workers: how many there are, 1 where that is not known yet.
        settings: of the run.

    Returns:
        A line where workers have more threads than there are processors, and one where there are
        GPUs.
    """
    machine = capacity(os.environ)
    lines = []
    threads = settings.threads
    if threads != "keep" and threads > 1 and workers * threads > machine.cpus:
        at_once = max(1, int(machine.cpus / threads))
        lines.append(
            f"mlregress: {count_of(workers, 'worker')} with {threads} threads each on "
            f"{machine.cpus:g} {plural('core', 1 if machine.cpus == 1 else 2)}, "
            f"so that {count_of(at_once, 'seed')} can train at once"
        )
    if machine.devices and device_count():  # of NVIDIA: nothing is known of how others share
        how = "train at the same time (CUDA MPS runs)"
        if not mps_runs(os.environ):
            how = "take turns (CUDA MPS does not run)"
        gpus = plural("GPU", len(machine.devices))
        lines.append(f"mlregress: {gpus} {','.join(machine.devices)}, seeds that share one {how}")
    return lines
