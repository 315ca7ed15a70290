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
from typing import Final

_WRITTEN: Final = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def flush_files() -> None:
    """Pass on what was written to any open file of this process."""
    for thing in gc.get_objects():
        # By its type: `isinstance` asks a lazy proxy for its class, which loads what it stands for.
        if issubclass(type(thing), _WRITTEN):
            with suppress(OSError, ValueError):  # a full disk, a closed pipe or file
                thing.flush()


def forget_exit_functions() -> None:
    """Leave the exit functions of the process that this one was forked from to that one."""
    atexit._clear()
    atexit.register(logging.shutdown)
    processes = sys.modules.get("multiprocessing.util")
    if processes is not None:
        atexit.register(processes._exit_function)


def finish() -> None:
    """Call the exit functions of this process, and pass on what was written."""
    atexit._run_exitfuncs()
    flush_files()
