"""What a process owes before it is forked, and when a forked one ends.

``os.fork`` copies what is written to a file and not yet passed on to the system, and ``os._exit``,
which is how a forked process has to end, drops it and calls no exit function.
"""

from __future__ import annotations

import atexit
import gc
import io
import logging
import sys
from contextlib import suppress
from typing import Any, Final
from weakref import finalize, ref

from pytest_mlregress.engines.garbage import leave_out_of_collections

_WRITTEN: Final = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)

_opened_before: list[ref[Any]] = []
"""Files of the time before the fork, which `gc` does not list once they are left out of it."""


def prepare_fork() -> None:
    """Pass on what was written, and leave all that there is out of later collections.

    So does the end of this process, which would look through everything several times. Objects of
    cycles that exist then are not finalised, which Python promises of none.
    """
    _pass_on_and_leave_out()
    atexit.unregister(_pass_on_and_leave_out)
    atexit.register(_pass_on_and_leave_out)


def _pass_on_and_leave_out() -> None:
    files = _files()
    _flush(files)
    _opened_before[:] = map(ref, files)
    leave_out_of_collections()


def flush_files() -> None:
    """Pass on what was written to any open file of this process."""
    _flush([*(file for made in _opened_before if (file := made()) is not None), *_files()])


def _files() -> list[Any]:
    # By its type: `isinstance` asks a lazy proxy for its class, which loads what it stands for.
    return [thing for thing in gc.get_objects() if issubclass(type(thing), _WRITTEN)]


def _flush(files: list[Any]) -> None:
    for file in files:
        with suppress(OSError, ValueError):  # a full disk, a closed pipe or file
            file.flush()


def forget_exit_functions() -> None:
    """Leave the exit functions of the process that this one was forked from to that one."""
    atexit._clear()
    atexit.register(logging.shutdown)
    processes = sys.modules.get("multiprocessing.util")
    if processes is not None:
        atexit.register(processes._exit_function)
    _leave_finalizers_to_parent()


def _leave_finalizers_to_parent() -> None:
    """At the end of this process finalise what it has made, such as a temporary folder, alone.

    What was made before is finalised here as ever where the last reference to it goes.
    """
    finalizer: Any = finalize
    for each in finalizer._registry:
        each.atexit = False
    finalizer._registered_with_atexit = False  # which the next object makes good


def finish() -> None:
    """Call the exit functions of this process, and pass on what was written."""
    atexit._run_exitfuncs()
    flush_files()
