"""Processes tell each other of the GPUs that they share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mlregress.resources import shared_devices
from pytest_mlregress.resources.device_sharing import TrainedSeed
from pytest_mlregress.resources.nvml import DeviceMemory
from pytest_mlregress.resources.shared_devices import SharedDevices

SEED = TrainedSeed("a.py::test[é]", ("0", "GPU-b"), 1.5, 2.5, 1.0, 7, first=True)


def test_what_one_notes_the_others_read(tmp_path: Path) -> None:
    one, other = SharedDevices(tmp_path / "new"), SharedDevices(tmp_path / "new")
    assert list(other.trained()) == []
    one.note(SEED)
    assert list(other.trained()) == [SEED]
    other.note(SEED)
    assert list(other.trained()) == list(one.trained()) == [SEED, SEED]


def test_a_torn_line_costs_itself(tmp_path: Path) -> None:
    one = SharedDevices(tmp_path)
    one.note(SEED)
    assert list(one.trained()) == [SEED]
    with (tmp_path / "trained.jsonl").open("ab") as file:
        file.write(b'{"test": "a.py::te')  # its process was killed
    assert list(one.trained()) == [SEED]
    one.note(SEED)
    assert list(one.trained()) == [SEED, SEED]


def test_memory_is_that_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def memories(devices: list[str], environ: object) -> dict[str, DeviceMemory | None]:
        asked.extend(devices)
        return {name: DeviceMemory(9, len(asked)) if name != "2" else None for name in devices}

    monkeypatch.setattr(shared_devices, "device_memories", memories)
    one, other = SharedDevices(tmp_path), SharedDevices(tmp_path)
    assert one.memories(["0"], {}) == other.memories(["0", "2"], {}) == {"0": DeviceMemory(9, 1)}
    assert other.memories(["1"], {}) == one.memories(["1", "2"], {}) == {"1": DeviceMemory(9, 3)}
    assert asked == ["0", "2", "1"]


def test_a_folder_that_cannot_be_used_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    shared = SharedDevices(tmp_path / "file" / "below")
    shared.note(SEED)
    assert list(shared.trained()) == []
    assert shared.memories(["0"], {}) == {}
