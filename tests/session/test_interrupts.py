"""Ctrl-C at moments at which it would leave something half done."""

import importlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_mlregress.session import interrupts
from pytest_mlregress.session.interrupts import (
    WorkBeforeInterrupts,
    end_in_peace,
    interrupted_afterwards,
)


@pytest.fixture(autouse=True)
def python_handles_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_block_comes_to_its_end_before_an_interrupt() -> None:
    done = []

    def block() -> None:
        with interrupted_afterwards():
            signal.raise_signal(signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_waits_for_the_work_of_a_thread() -> None:
    done = []

    def do() -> None:
        time.sleep(0.1)
        done.append(1)

    work = WorkBeforeInterrupts(do, name="work")
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    work.restore()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_of_an_import_lets_it_end_and_the_work_of_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "interrupted_here.py").write_text(
        "import signal\n"
        "signal.raise_signal(signal.SIGINT)\n"
        "signal.raise_signal(signal.SIGINT)\n"
        "whole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    imported, done, names = threading.Event(), [], []

    def do() -> None:
        imported.wait(60)
        done.append(1)

    def run() -> None:
        names.append(importlib.import_module("interrupted_here").whole)
        imported.set()
        threading.Event().wait(60)  # as a run waits for its workers

    work = WorkBeforeInterrupts(do, name="work")
    assert not work.interrupted
    with pytest.raises(KeyboardInterrupt):
        run()
    assert names == [True]
    assert work.interrupted
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_after_the_work_of_a_thread_comes_at_once() -> None:
    WorkBeforeInterrupts(lambda: None, name="work that is done")
    for thread in threading.enumerate():
        if thread.name == "work that is done":
            thread.join()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    WorkBeforeInterrupts(lambda: None, name="work").restore()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupts_are_passed_over_while_a_run_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    restore = end_in_peace()
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    restore()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    monkeypatch.setattr(interrupts, "GRACE_S", -1.0)
    restore = end_in_peace()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    restore()


def test_a_handler_of_somebody_else_is_left_alone() -> None:
    seen = []
    signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    with interrupted_afterwards():
        signal.raise_signal(signal.SIGINT)
    for restore in (end_in_peace(), WorkBeforeInterrupts(lambda: None, name="work").restore):
        signal.raise_signal(signal.SIGINT)
        restore()
    assert seen == [signal.SIGINT] * 3
