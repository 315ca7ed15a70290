"""A job and the process that hands out its items, with nothing but a folder between them."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_mlregress.engines.job_channels import JobChannels, claim_channel
from pytest_mlregress.engines.life_sign import LifeSign
from pytest_mlregress.engines.queue_line import QueueLine
from pytest_mlregress.engines.slurm_job import WorkerJob


def begun(folder: Path) -> tuple[threading.Thread, JobChannels]:
    """A job that looks often, and its channels."""
    channels = JobChannels(folder / "job-0")
    job = WorkerJob(folder / "job-0", folder / "sign", 60, 90, look_every_s=0.05, looks=3)
    thread = threading.Thread(target=job, daemon=True)
    thread.start()
    return thread, channels


def wait_for(channels: JobChannels, kind: str) -> tuple[object, ...]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for message in channels.received():
            if message[0] == kind:
                return message
        time.sleep(0.01)
    raise AssertionError(f"no {kind}")


def test_a_job_ends_when_nobody_hands_out_items_any_more(tmp_path: Path) -> None:
    (tmp_path / "sign").write_text("7")  # and nobody changes it
    thread, channels = begun(tmp_path)
    wait_for(channels, "here")
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_a_job_ends_when_the_folder_is_gone(tmp_path: Path) -> None:
    sign = LifeSign(tmp_path / "sign")
    sign.start()
    thread, channels = begun(tmp_path)
    wait_for(channels, "here")
    shutil.rmtree(tmp_path / "job-0")
    thread.join(timeout=20)
    assert not thread.is_alive()
    sign.stop()


def test_a_job_ends_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "sign").write_text("7")
    channels = JobChannels(tmp_path / "job-0")
    channels.send(("close",))
    WorkerJob(tmp_path / "job-0", tmp_path / "sign", 60, 90)()
    assert [message[0] for message in channels.received()] == ["here"]


def test_a_job_runs_another_process_when_one_has_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = LifeSign(tmp_path / "sign")
    sign.start()
    monkeypatch.setattr("sys.executable", "false")  # a process that dies at once
    thread, channels = begun(tmp_path)
    wait_for(channels, "here")
    channels.send(("begin", {}))
    assert wait_for(channels, "lost") == ("lost", "its process ended with status 1")
    assert not channels.here
    wait_for(channels, "here")  # in the next channel
    channels.send(("close",))
    thread.join(timeout=20)
    assert not thread.is_alive()
    sign.stop()


def test_a_job_that_was_started_again_without_a_word_loses_its_worker(tmp_path: Path) -> None:
    """As where Slurm kills it with its node; half a message of it is never given."""
    channels = JobChannels(tmp_path)
    _, first = claim_channel(tmp_path)
    first.send(("here", "node7", 1), ("start", "test"))
    assert [message[0] for message in channels.received()] == ["here", "start"]
    first.send(("report", "whole"))
    file = tmp_path / "0" / "from-worker"
    file.write_bytes(file.read_bytes() + b"\0\0\0\0\0\0\0\7half")
    assert channels.received() == [("report", "whole")]
    _, second = claim_channel(tmp_path)
    second.send(("here", "node8", 1))
    assert soon(channels.received) == [
        ("lost", "its job was queued and started again"),
        ("here", "node8", 1),
    ]
    second.send(("ready",))
    assert channels.received() == [("ready",)]
    assert channels.here


def soon(received: Callable[[], list[tuple[object, ...]]]) -> list[tuple[object, ...]]:
    end = time.monotonic() + 20
    while not (messages := received()) and time.monotonic() < end:
        time.sleep(0.05)
    return messages


def test_a_line_says_how_many_jobs_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    said: list[str] = []
    line = QueueLine(said.append)
    line.show([False] * 3)
    line.show([False] * 3)
    line.show([True, False, False])  # the first one at once
    line.show([True, True, False])  # not yet
    now = 140.0
    line.show([True, True, False])
    line.show([True, True, True])  # nothing waits
    assert said == [
        "mlregress: 0 of 3 jobs run, 3 in the queue",
        "mlregress: 1 of 3 jobs runs, 2 in the queue",
        "mlregress: 2 of 3 jobs run, 1 in the queue",
    ]
