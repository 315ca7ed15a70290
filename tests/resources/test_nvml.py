# ruff: noqa: N802 - functions are named as in NVML
"""What the driver tells of GPUs, from a library of its shape."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from pytest_mlregress.resources import nvml
from pytest_mlregress.resources.mps import mps_runs
from pytest_mlregress.resources.nvml import DeviceMemory, device_count, device_memories, memory_of

GB = 10**9
CARDS = [("GPU-aa", DeviceMemory(80 * GB, GB)), ("GPU-ab", DeviceMemory(24 * GB, 2 * GB))]


class Library:
    """Functions as NVML has them, for `CARDS` and one part of a GPU."""

    def __init__(self) -> None:
        self.open = 0
        self.handles = {"MIG-c": DeviceMemory(10 * GB, 0)} | dict(CARDS)

    def nvmlInit_v2(self) -> int:
        self.open += 1
        return 0

    def nvmlShutdown(self) -> int:
        self.open -= 1
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = len(CARDS)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:
        handle._obj.value = index.value + 1
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid: Any, handle: Any) -> int:
        handle._obj.value = 9
        return 0 if uuid.value == b"MIG-c" else 6

    def nvmlDeviceGetUUID(self, handle: Any, uuid: Any, length: Any) -> int:
        assert length.value == 96
        uuid.value = CARDS[handle.value - 1][0].encode()
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:
        name = "MIG-c" if handle.value == 9 else CARDS[handle.value - 1][0]
        memory._obj.total, memory._obj.used = self.handles[name].total, self.handles[name].used
        return 0


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    return library


def test_the_driver_tells_of_each_gpu_and_is_left_as_it_was(library: Library) -> None:
    assert device_count() == 2
    found = device_memories(["1", "GPU-aa", "MIG-c", "MIG-d"], {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"})
    assert found == {
        "1": CARDS[1][1],
        "GPU-aa": CARDS[0][1],
        "MIG-c": DeviceMemory(10 * GB, 0),
        "MIG-d": None,
    }
    assert library.open == 0


def test_without_a_driver_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "_LIBRARY", "libno-such-library.so.1")
    assert device_count() == 0
    assert device_memories(["0"], {}) == {"0": None}


@pytest.mark.parametrize(
    ("device", "in_order", "memory"),
    [
        ("0", True, CARDS[0][1]),
        ("0", False, DeviceMemory(24 * GB, 2 * GB)),  # it may be either
        ("2", True, None),
        ("GPU-ab", False, CARDS[1][1]),
        ("GPU-a", False, None),
        ("GPU-x", False, None),
    ],
)
def test_numbers_and_beginnings_of_uuids(
    device: str, in_order: bool, memory: DeviceMemory | None
) -> None:
    assert memory_of(device, CARDS, in_order=in_order) == memory


def test_equal_gpus_need_no_order() -> None:
    equal = [("a", DeviceMemory(GB, 1)), ("b", DeviceMemory(GB, 2))]
    assert memory_of("1", equal, in_order=False) == DeviceMemory(GB, 2)
    assert memory_of("1", [*equal, ("", None)], in_order=False) is None


def test_mps_runs_where_its_pipe_is(tmp_path: Path) -> None:
    environ = {"CUDA_MPS_PIPE_DIRECTORY": str(tmp_path)}
    assert not mps_runs(environ)
    (tmp_path / "control").touch()
    assert mps_runs(environ)
