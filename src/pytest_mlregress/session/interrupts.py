"""Ctrl-C at a moment at which it would leave something half done.

An interrupted import leaves numpy or scipy half loaded, so that nothing that needs them works any
more, the end of the run included; a second Ctrl-C while a run ends takes what the first one left.
"""

from __future__ import annotations

import _thread
import signal
import sys
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


class WorkBeforeInterrupts:
    """Work that imports, done in a thread of its own; interrupts come after it.

    One that meets an import of the main thread can leave the lock of all imports held
    (`importlib._bootstrap._get_module_lock` of CPython 3.11), for which the thread, and with it
    the end of the process, would wait for ever. So that one is held back. Any other waits here:
    the workers of a run have ended by it, and the run must not go on with them.

    Args:
        work: What the thread does.
        name: Of the thread.
    """

    def __init__(self, work: Callable[[], None], *, name: str) -> None:
        self.interrupted = False
        """Whether an interrupt was held back: what fails from then on fails for it."""
        self._work = work
        self._done = False
        self._lock = threading.RLock()  # the handler may run in the middle of itself
        self._thread = threading.Thread(target=self._do, name=name)
        if _may_handle():
            signal.signal(signal.SIGINT, self._handle)
        self._thread.start()

    def restore(self) -> None:
        """Let interrupts come at once, whether the work is done or not."""
        if signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if _is_importing(frame):
            with self._lock:
                self.interrupted = True
                if not self._done:
                    return
        else:
            self._thread.join()
        self.restore()
        signal.default_int_handler(number, frame)

    def _do(self) -> None:
        try:
            self._work()
        finally:
            with self._lock:
                self._done = True
            if self.interrupted:
                _interrupt_main_thread()


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


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib._bootstrap"):
            return True
        frame = frame.f_back
    return False


def _interrupt_main_thread() -> None:
    """Also where it waits for a lock, which `_thread.interrupt_main` does not end."""
    if sys.platform == "win32":
        _thread.interrupt_main()
    elif (main := threading.main_thread().ident) is not None:
        signal.pthread_kill(main, signal.SIGINT)


def _may_handle() -> bool:
    """Not where somebody else handles interrupts, or in a thread, which cannot."""
    return (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
