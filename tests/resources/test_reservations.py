"""Processes of a run share one machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from pytest_mlregress.resources.reservations import Reservations

HOLDER = """
import sys, time
from pathlib import Path
from pytest_mlregress.resources.reservations import Reservations
with Reservations(Path(sys.argv[1]), {"memory": 10}).hold({"memory": float(sys.argv[2])}):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder: Path, amount: float) -> subprocess.Popen[str]:
    """A process that holds an amount, once it does."""
    command = [sys.executable, "-c", HOLDER, str(folder), str(amount)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def waits(folder: Path, amount: float, names: tuple[str, ...] = ("memory",)) -> bool:
    """Whether a request of that size is not met within a moment."""
    given_up = []
    start = time.monotonic()

    def needless() -> bool:
        if time.monotonic() - start > 0.3:
            given_up.append(True)
        return bool(given_up)

    here = Reservations(folder, dict.fromkeys(names, 10.0))
    with here.hold(dict.fromkeys(names, amount), needless):
        return bool(given_up)


def test_a_killed_holder_releases_what_it_held(tmp_path: Path) -> None:
    process = holder(tmp_path, 7)
    assert waits(tmp_path, 4)
    assert not waits(tmp_path, 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not waits(tmp_path, 10)
    assert [file.name for file in tmp_path.glob("*.json")] == []


def test_no_more_is_held_at_once_than_the_machine_has(tmp_path: Path) -> None:
    held, most, guard = 0.0, 0.0, threading.Lock()

    def work(amount: float) -> None:
        nonlocal held, most
        for _ in range(4):
            with Reservations(tmp_path, {"memory": 10}).hold({"memory": amount}):
                with guard:
                    held += amount
                    most = max(most, held)
                time.sleep(0.005)
                with guard:
                    held -= amount

    threads = [threading.Thread(target=work, args=(n,)) for n in (3, 4, 6, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert 0 < most <= 10


def test_a_large_request_is_not_passed_over(tmp_path: Path) -> None:
    with Reservations(tmp_path, {"memory": 10}).hold({"memory": 5}):
        got = threading.Event()

        def large() -> None:
            with Reservations(tmp_path, {"memory": 10}).hold({"memory": 10}):
                got.set()

        thread = threading.Thread(target=large)
        thread.start()
        while not list(tmp_path.glob("*.json"))[1:]:
            time.sleep(0.01)
        assert waits(tmp_path, 5)  # it would fit, but the large one asked before
        assert not waits(tmp_path, 5, names=("gpu 0",))
    thread.join(timeout=30)
    assert got.is_set()


def test_more_than_the_machine_has_counts_as_all_of_it(tmp_path: Path) -> None:
    assert not waits(tmp_path, 1000)


def test_a_folder_that_cannot_be_used_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not waits(tmp_path / "file" / "below", 1)


def test_what_is_not_counted_needs_no_folder(tmp_path: Path) -> None:
    with Reservations(tmp_path / "new", {}).hold({"memory": 5}):
        assert not (tmp_path / "new").exists()


def test_who_wants_more_waits_without_what_it_held(tmp_path: Path) -> None:
    """Two that both want everything would wait for each other if they kept their halves."""
    both = threading.Barrier(2)
    alone: list[bool] = []
    guard = threading.Lock()

    def work() -> None:
        with Reservations(tmp_path, {"gpu": 1}).hold({"gpu": 0.5}) as change:
            both.wait(30)
            change({"gpu": 1})
            alone.append(guard.acquire(blocking=False))
            time.sleep(0.05)
            if alone[-1]:
                guard.release()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert alone == [True, True]
