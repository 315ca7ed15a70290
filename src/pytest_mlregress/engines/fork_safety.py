"""Whether this process may be forked.

A forked process has one thread, the one that forked, and every lock as it was: one that another
thread held is never released. CUDA and its kind cannot be used in a process that was forked after
they have started. (POSIX.1-2017, ``fork``; PyTorch, "CUDA in multiprocessing".)
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
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


def fork() -> int:
    """``os.fork`` without the warning of Python 3.12 about threads, which were looked at before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _threads() -> str | None:
    if threading.current_thread() is not threading.main_thread():
        return "pytest runs in a thread"
    known = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    others = [thread.name for thread in known if _module_of(thread) not in _ONLY_WAIT]
    if others:
        return f"the thread {others[0]!r} was started before the tests"
    expected = 1 + len(known)
    if (native := _native_threads()) is not None and native > expected:
        _fork_in_vain()
        native = _native_threads() or expected
        if native > expected:
            return f"a library started {_counted(native - expected)} before the tests"
    return None


def _fork_in_vain() -> None:
    """Let libraries end those threads that they end before a fork, and begin again after it.

    OpenBLAS does, by ``pthread_atfork`` (``blas_thread_shutdown``), and numpy loads it: with
    pytest-randomly, before anything of ours could tell it to start no thread.
    """
    process = fork()
    if process == 0:
        os._exit(0)
    os.waitpid(process, 0)


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
    mps = getattr(getattr(torch, "backends", None), "mps", None)
    if mps is not None and mps.is_built():  # a question about the device would be its first use
        return "whether torch has used MPS before the tests cannot be told"
    return None


def _library() -> str | None:
    for name, (module, function) in _STARTED.items():
        started = getattr(sys.modules.get(module), function, None)
        if started is not None and started():
            return f"{name} was used before the tests"
    return None
