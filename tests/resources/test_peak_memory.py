"""The most memory that a process used while a seed trained."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from pytest_mlregress.resources.peak_memory import peak_memory, start_peak_memory

MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux resets the mark")
def test_the_mark_is_that_of_the_last_start() -> None:
    block = bytearray(b"x") * (64 * MIB)
    before = peak_memory().process
    del block
    start_peak_memory()
    after = peak_memory().process
    assert before is not None
    assert after is not None
    assert before - after > 48 * MIB


def test_the_gpu_used_most_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    reset: list[int] = []
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        reset_peak_memory_stats=reset.append,
        max_memory_allocated=lambda device: [3, 7][device],
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    start_peak_memory()
    assert reset == [0, 1]
    assert peak_memory().gpu == 7


def test_without_cuda_no_gpu_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(is_initialized=lambda: False)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert peak_memory().gpu is None
