"""Ctrl-C at moments at which it would leave something half done."""

import signal
from collections.abc import Iterator

import pytest

from pytest_mlregress.session import interrupts
from pytest_mlregress.session.interrupts import end_in_peace, interrupted_afterwards


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
    restore = end_in_peace()
    signal.raise_signal(signal.SIGINT)
    restore()
    assert seen == [signal.SIGINT] * 2
