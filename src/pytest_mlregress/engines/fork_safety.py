"""Whether this process may be forked.

A forked process has one thread, the one that forked, and every lock as it was: one that another
thread held is never released. CUDA and its kind cannot be used in a process that was forked after
they have started. (POSIX.1-2017, ``fork``; PyTorch, "CUDA in multiprocessing".)
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any, Final

_ONLY_WAIT: Final = frozenset({"pytest_rerunfailures"})
"""Modules whose threads do nothing but wait for a connection, and hold no lock meanwhile."""

_STARTED: Final = {
    "jax": ("jax._src.xla_bridge", "backends_are_initialized"),
    "tensorflow": ("tensorflow.python.eager.context", "context_safe"),
}


def reason_against_fork() -> str | None:
    """Why this process should not be forked.

    Returns:
        The reason, to go on after "since"; None where it may be.
    """
    if not hasattr(os, "fork"):
        return f"{sys.platform} has no fork"
    if (threads := _threads()) is not None:
        return threads
    return _accelerator() or _library()


def _threads() -> str | None:
    if threading.current_thread() is not threading.main_thread():
        return "pytest runs in a thread"
    known = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    others = [thread.name for thread in known if _module_of(thread) not in _ONLY_WAIT]
    if others:
        return f"the thread {others[0]!r} was started before the tests"
    native = _native_threads()
    if native is not None and native > 1 + len(known):
        return f"a library started {_counted(native - 1 - len(known))} before the tests"
    return None


def _counted(number: int) -> str:
    return "a thread" if number == 1 else f"{number} threads"


def _module_of(thread: threading.Thread) -> str:
    target: Any = getattr(thread, "_target", None)
    return str(getattr(target, "__module__", ""))


def _native_threads() -> int | None:
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:  # no Linux
        return None


def _accelerator() -> str | None:
    torch = sys.modules.get("torch")
    for name in ("cuda", "xpu"):
        device = getattr(torch, name, None)
        started = getattr(device, "is_initialized", None)
        if started is not None and started():
            return f"torch.{name} was used before the tests"
    return None


def _library() -> str | None:
    for name, (module, function) in _STARTED.items():
        started = getattr(sys.modules.get(module), function, None)
        if started is not None and started():
            return f"{name} was used before the tests"
    return None
