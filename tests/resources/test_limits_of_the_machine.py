"""Memory, processors and GPUs that a process may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mlregress.resources import capacity as capacity_module
from pytest_mlregress.resources.capacity import Capacity, capacity, cpu_quota
from pytest_mlregress.resources.devices import block_of, visible_devices
from pytest_mlregress.resources.memory_limit import cgroup_limit
from pytest_mlregress.resources.need import Need, in_bytes, shortfall


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_least_limit_up_to_the_root_of_version_2_counts(tmp_path: Path) -> None:
    own = write(tmp_path / "own", "0::/user.slice/job\n")
    mount = tmp_path / "cgroup"
    write(mount / "user.slice/job/memory.max", "max\n")
    write(mount / "user.slice/memory.max", "4000\n")
    write(mount / "memory.max", "8000\n")
    assert cgroup_limit(own, mount) == 4000


def test_version_1_names_the_memory_controller(tmp_path: Path) -> None:
    own = write(tmp_path / "own", "4:memory:/docker/abc\n3:cpuset:/\n")
    mount = tmp_path / "cgroup"
    write(mount / "memory/docker/abc/memory.limit_in_bytes", "1000\n")
    write(mount / "memory/memory.limit_in_bytes", "9223372036854771712\n")
    assert cgroup_limit(own, mount) == 1000


def test_a_container_sees_its_own_group_at_the_top(tmp_path: Path) -> None:
    own = write(tmp_path / "own", "0::/as/the/host/sees/it\n")
    write(tmp_path / "cgroup/memory.max", "5000\n")
    assert cgroup_limit(own, tmp_path / "cgroup") == 5000


@pytest.mark.parametrize("text", ["", "0::/\n", "4:memory:/x\n"])
def test_without_limits_none(tmp_path: Path, text: str) -> None:
    own = write(tmp_path / "own", text)
    assert cgroup_limit(own, tmp_path / "cgroup") is None
    assert cpu_quota(own, tmp_path / "cgroup") is None
    assert cgroup_limit(tmp_path / "missing", tmp_path) is None


def test_a_quota_of_processors(tmp_path: Path) -> None:
    second = write(tmp_path / "second", "0::/job\n")
    write(tmp_path / "2/job/cpu.max", "150000 100000\n")
    write(tmp_path / "2/cpu.max", "max 100000\n")
    assert cpu_quota(second, tmp_path / "2") == 1.5
    first = write(tmp_path / "first", "3:cpu,cpuacct:/\n")
    write(tmp_path / "1/cpu/cpu.cfs_quota_us", "-1\n")
    write(tmp_path / "1/cpu/cpu.cfs_period_us", "100000\n")
    assert cpu_quota(first, tmp_path / "1") is None
    write(tmp_path / "1/cpu/cpu.cfs_quota_us", "200000\n")
    assert cpu_quota(first, tmp_path / "1") == 2.0


@pytest.mark.parametrize(
    ("given", "present", "devices"),
    [
        (None, 2, ("0", "1")),
        ("1, 0", 2, ("1", "0")),
        ("", 2, ()),
        ("-1", 2, ()),
        ("0,-1,1", 2, ("0",)),
        ("1,7,0", 2, ("1",)),
        ("0,0", 2, ("0",)),
        ("GPU-a,MIG-b", 1, ("GPU-a", "MIG-b")),
        ("0", 0, ()),
    ],
)
def test_devices_are_read_as_cuda_reads_them(
    given: str | None, present: int, devices: tuple[str, ...]
) -> None:
    environ = {} if given is None else {"CUDA_VISIBLE_DEVICES": given}
    assert visible_devices(environ, present) == devices


@pytest.mark.parametrize(
    ("need", "blocks"),
    [
        (1.0, ["a", "b", "c", "d", "a"]),
        (2.0, ["ab", "cd", "ab", "cd", "ab"]),
        (3.0, ["abc", "abc", "abc", "abc", "abc"]),
        (0.5, ["a", "b", "c", "d", "a"]),
    ],
)
def test_each_worker_has_a_block_of_the_callers(need: float, blocks: list[str]) -> None:
    assert ["".join(block_of(k, "abcd", need)) for k in range(5)] == blocks


SMALL = Capacity(cpus=2, memory=8 * 10**9, limited=False, devices=(), visible=None)


@pytest.mark.parametrize(
    ("need", "machine", "reason"),
    [
        (
            Need(gpus=2),
            Capacity(2, None, False, ("3",), "3"),
            "needs 2 GPUs, this machine has 1 (CUDA_VISIBLE_DEVICES=3)",
        ),
        (
            Need(gpus=0.5),
            SMALL,
            "needs 0.5 GPUs, this machine has 0 (CUDA_VISIBLE_DEVICES is not set)",
        ),
        (Need(cpus=4), SMALL, "needs 4 CPUs, this machine has 2"),
        (Need(memory=16e9), SMALL, "needs 16 GB of memory, this machine has 8 GB"),
        (
            Need(memory=16e9),
            Capacity(2, 4 * 10**9, True, (), None),
            "needs 16 GB of memory, this machine's cgroup allows 4 GB",
        ),
        (
            Need(cpus=3, memory=9e9),
            SMALL,
            "needs 3 CPUs, this machine has 2; needs 9 GB of memory, this machine has 8 GB",
        ),
        (Need(cpus=2, gpus=0, memory=8e9), SMALL, None),
        (Need(memory=1e30), Capacity(1, None, False, (), None), None),
    ],
)
def test_a_lack_is_named_with_both_numbers(
    need: Need, machine: Capacity, reason: str | None
) -> None:
    assert shortfall(need, machine) == reason


def test_bytes_for_readers() -> None:
    numbers = (512, 2e3, 1.5e9, 16e9, 999.96e6)
    assert [in_bytes(n) for n in numbers] == ["512 bytes", "2 kB", "1.5 GB", "16 GB", "1 GB"]


def test_the_machine_has_what_its_cgroup_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity_module, "_memory", lambda: (8000, 2000))
    found = capacity({"CUDA_VISIBLE_DEVICES": ""})
    assert (found.memory, found.limited, found.devices) == (2000, True, ())
    assert found.cpus > 0
