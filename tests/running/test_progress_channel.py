"""What a running seed logs reaches those who watch, and costs and fails nothing."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_mlregress.running import progress_channel
from pytest_mlregress.running.progress_channel import SeedChannel, SeedProgress, seeds_in

BEGIN = SeedProgress("gw1", "t.py::test[seed3]", "t.py::test", 3, 1000.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress_channel.time, "monotonic", lambda: now[0])
    return now


def test_a_seed_passes_on_its_begin_and_then_few_of_its_steps(clock: list[float]) -> None:
    seen: list[SeedProgress] = []
    channel = SeedChannel(BEGIN, seen.append)
    for step in range(1000):
        clock[0] += 0.001
        channel(step, {"loss": 1.0 / (step + 1)})
        if step % 10 == 0:
            channel(step, {"accuracy": step / 1000})
    assert seen[0] == replace(BEGIN, values={})
    assert [one.step for one in seen[1:]] == [0, 250, 500, 750]
    assert seen[2].values == {"loss": 1 / 251, "accuracy": 0.24}


def test_no_error_of_those_who_watch_reaches_the_training(clock: list[float]) -> None:
    calls = []

    def publish(progress: SeedProgress) -> None:
        calls.append(progress)
        raise OSError(28, "No space left on device")

    channel = SeedChannel(BEGIN, publish)
    for step in range(5):
        clock[0] += 1.0
        channel(step, {"loss": 1.0})
    assert len(calls) == 1  # and is not tried again and again


def test_the_controller_reads_what_workers_wrote_and_passes_over_the_rest(tmp_path: Path) -> None:
    for worker in ("gw10", "gw2"):
        one = replace(BEGIN, worker=worker, step=7, values={"loss": math.nan})
        fields = {name: getattr(one, name) for name in SeedProgress.__slots__}
        progress_channel._write(tmp_path / f"progress-{worker}.json", fields)
    (tmp_path / "progress-gw3.json").write_text("{")
    (tmp_path / "progress-gw4.json").write_text(json.dumps({"unknown": 1}))
    (tmp_path / ("0" * 32)).touch()
    found = seeds_in(tmp_path)
    assert [one.worker for one in found] == ["gw2", "gw10"]
    assert (found[0].step, found[0].node_id) == (7, BEGIN.node_id)
    assert seeds_in(tmp_path / "gone") == []
    assert not list(tmp_path.glob("*.json.*"))
