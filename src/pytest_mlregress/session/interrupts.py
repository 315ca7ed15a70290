"""Ctrl-C at a moment at which it would leave something half done.

An interrupted import leaves numpy or scipy half loaded, so that nothing that needs them works any
more, the end of the run included; a second Ctrl-C while a run ends takes what the first one left.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

GRACE_S: Final = 5.0
"""So long a run may take to end before another Ctrl-C stops it at once."""


@contextmanager
def interrupted_afterwards() -> Iterator[None]:
    """Let a block come to its end before an interrupt.

    Raises:
        KeyboardInterrupt: there was one.
    """
    if not _may_handle():
        yield
        return
    arrived: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: arrived.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if arrived:
        raise KeyboardInterrupt


def end_in_peace() -> Callable[[], None]:
    """Pass over further interrupts while an interrupted run ends, for `GRACE_S` seconds.

    Returns:
        Puts things back as they were.
    """
    if not _may_handle():
        return lambda: None
    until = time.monotonic() + GRACE_S

    def handle(number: int, frame: FrameType | None) -> None:
        if time.monotonic() > until:
            signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, handle)

    def restore() -> None:
        signal.signal(signal.SIGINT, before)

    return restore


def _may_handle() -> bool:
    """Not where somebody else handles interrupts, or in a thread, which cannot."""
    return (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
