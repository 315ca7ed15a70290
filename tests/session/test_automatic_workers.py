"""How many workers ``auto`` starts, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.resources import capacity as capacity_module
from pytest_mlregress.resources.capacity import Capacity
from pytest_mlregress.resources.nvml import DeviceMemory
from pytest_mlregress.session import sharing_header as header_module
from pytest_mlregress.session.automatic_workers import SeedUse, choose_workers
from pytest_mlregress.session.sharing_header import sharing_header
from pytest_mlregress.settings import Settings

GB = 10**9
MACHINE = Capacity(8, 16 * GB, False, ("0", "1"), "0,1")
UNNAMED = Capacity(8, 16 * GB, False, ("0", "1"), None)
MEMORIES = {"0": DeviceMemory(80 * GB, 0), "1": DeviceMemory(24 * GB, 0)}


@pytest.mark.parametrize(
    ("machine", "uses", "items", "chosen"),
    [
        (MACHINE, [], 40, (8, "8 cores, 1 a seed")),
        (MACHINE, [SeedUse()], 5, (5, "5 items")),
        (MACHINE, [SeedUse(cpus=4)], 40, (2, "8 cores, 4 a seed")),
        (MACHINE, [SeedUse(cpus=4), SeedUse(cpus=2)], 40, (4, "8 cores, 2 to 4 a seed")),
        (MACHINE, [SeedUse(cpus=0.5)], 40, (8, "8 cores, 1 a seed")),
        (MACHINE, [SeedUse(cpus=16)], 40, (1, "8 cores, 16 a seed")),
        (
            MACHINE,
            [SeedUse(memory=1 * GB), SeedUse(memory=4 * GB)],
            40,
            (3, "4 GB a seed of 16 GB of memory"),
        ),
        (MACHINE, [SeedUse(gpus=1)], 40, (2, "2 GPUs, 1 a seed")),
        (MACHINE, [SeedUse(gpus=2)], 40, (1, "2 GPUs, 2 a seed")),
        (MACHINE, [SeedUse(gpus=0.5), SeedUse(gpus=1)], 40, (4, "2 GPUs, 0.5 to 1 a seed")),
        (MACHINE, [SeedUse(gpus=1 / 3)], 40, (6, "2 GPUs, 0.333 a seed")),
        (MACHINE, [SeedUse(gpus=1), SeedUse()], 40, (8, "8 cores, 1 a seed")),
        (MACHINE, [SeedUse(gpu_memory=9 * GB)], 40, (4, "2 GPUs of 24 GB, 9 GB a seed")),
        (MACHINE, [SeedUse(gpu_memory=90 * GB)], 40, (2, "2 GPUs of 24 GB, 90 GB a seed")),
        (UNNAMED, [SeedUse(gpu_memory=30 * GB)], 40, (2, "1 GPU of 80 GB, 30 GB a seed")),
        (MACHINE, [SeedUse(gpu_memory=9 * GB), SeedUse()], 40, (8, "8 cores, 1 a seed")),
    ],
)
def test_the_least_limit_is_the_reason(
    machine: Capacity, uses: list[SeedUse], items: int, chosen: tuple[int, str]
) -> None:
    assert choose_workers(machine, uses, items=items, memories=MEMORIES) == chosen


USES = st.builds(
    SeedUse,
    cpus=st.floats(0, 64),
    memory=st.none() | st.floats(1, 1e12),
    gpus=st.none() | st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 4.0]),
    gpu_memory=st.none() | st.integers(1, 10**12),
)


@given(
    st.lists(USES, max_size=5),
    st.integers(1, 100),
    st.floats(0.5, 64),
    st.lists(st.sampled_from("abcd"), unique=True),
)
def test_there_is_always_a_worker_and_never_more_than_items(
    uses: list[SeedUse], items: int, cpus: float, devices: list[str]
) -> None:
    machine = Capacity(cpus, 16 * GB, False, tuple(devices), None)
    memories = dict.fromkeys(devices, DeviceMemory(10 * GB, 0))
    number, why = choose_workers(machine, uses, items=items, memories=memories)
    assert 1 <= number <= items
    assert why


def test_the_header_names_gpus_and_threads_that_are_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capacity_module, "_cpus", lambda: 4)
    monkeypatch.setattr(
        header_module, "capacity", lambda environ: Capacity(4, None, False, ("0", "1"), "0,1")
    )
    monkeypatch.setattr(header_module, "mps_runs", lambda environ: False)
    monkeypatch.setattr(header_module, "device_count", lambda: 2)
    assert sharing_header(3, Settings(threads=2)) == [
        "mlregress: 3 workers with 2 threads each on 4 cores, so that 2 seeds can train at once",
        "mlregress: GPUs 0,1, seeds that share one take turns (CUDA MPS does not run)",
    ]
    monkeypatch.setattr(header_module, "mps_runs", lambda environ: True)
    assert (
        sharing_header(8, Settings())
        == sharing_header(2, Settings(threads=2))
        == [
            "mlregress: GPUs 0,1, seeds that share one train at the same time (CUDA MPS runs)",
        ]
    )
    monkeypatch.setattr(header_module, "device_count", lambda: 0)  # one of another maker
    assert sharing_header(8, Settings(threads="keep")) == []
