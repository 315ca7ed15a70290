"""The stopwatch of the plugin's own work inside the phases of a seed."""

from __future__ import annotations

import pytest

from pytest_mlregress.running import own_time
from pytest_mlregress.running.own_time import OwnTime


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(own_time.time, "perf_counter", lambda: now[0])
    return now


def test_a_block_inside_another_counts_once(clock: list[float]) -> None:
    own = OwnTime()
    with own.measured():
        clock[0] = 1.0
        with own.measured():
            clock[0] = 3.0
        clock[0] = 4.0
    clock[0] = 9.0
    assert own.take() == 4.0
    assert own.take() == 0.0


def test_the_training_inside_does_not_count(clock: list[float]) -> None:
    own = OwnTime()
    with own.measured():
        clock[0] = 1.0
        own.end()
        clock[0] = 6.0
        with own.measured():  # guards, imported when the test imports torch
            clock[0] = 8.0
        own.begin()
        clock[0] = 8.5
    assert own.take() == 3.5
