"""The process that workers are forked from.

It is forked itself once everything is collected and imported, and never runs anything but this
module: it has one thread however many the first process starts later, so that a worker that takes
the place of a lost one can be forked at any time.

It ends with the process that made it, and takes every worker with it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from pytest_mlregress.engines.fork_safety import fork
from pytest_mlregress.engines.messages import Connection, ConnectionLost

_ENOUGH: Final = 16
"""Bytes of a request: the number of a worker in digits."""

RunWorker = Callable[[Connection, int], None]
"""Runs in a new worker, with its connection and its number, until it has nothing to do."""


class ForkServer:
    """Makes workers.

    Args:
        run_worker: what a worker does.
    """

    def __init__(self, run_worker: RunWorker) -> None:
        self._requests, theirs = socket.socketpair()
        if fork() == 0:
            self._requests.close()
            _serve(theirs, run_worker)
        theirs.close()

    def worker(self, number: int) -> Connection:
        """Make a worker.

        Args:
            number: its number, from 0.

        Returns:
            The connection to it.

        Raises:
            ConnectionLost: the server is gone.
        """
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._requests, [str(number).encode()], [theirs.fileno()])
        except OSError as error:
            ours.close()
            raise ConnectionLost(str(error)) from error
        finally:
            theirs.close()
        return Connection(ours)

    def close(self) -> None:
        """End the server, and every worker that is left."""
        self._requests.close()


def _serve(requests: socket.socket, run_worker: RunWorker) -> None:
    """Fork a worker for every request; never returns."""
    os.setpgid(0, 0)  # the terminal's Ctrl-C is for the first process alone
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    workers: set[int] = set()
    try:
        while True:
            ready, _, _ = select.select([requests.fileno(), woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
                _reap(workers)
            if requests.fileno() in ready:
                request, descriptors, _, _ = socket.recv_fds(requests, _ENOUGH, 1)
                if not request:
                    break
                end = socket.socket(fileno=descriptors[0])
                process = fork()
                if process == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    requests.close()
                    os.close(woken)
                    os.close(wake)
                    _work(Connection(end), int(request), run_worker)
                end.close()
                workers.add(process)
    except BaseException:
        pass
    for process in workers:
        with suppress(OSError):
            os.killpg(process, signal.SIGKILL)
    os._exit(0)


def _reap(workers: set[int]) -> None:
    for process in list(workers):
        with suppress(ChildProcessError):
            ended, _ = os.waitpid(process, os.WNOHANG)
            if ended == 0:
                continue
        workers.discard(process)
        with suppress(OSError):  # what it has started ends with it
            os.killpg(process, signal.SIGKILL)


def _work(connection: Connection, number: int, run_worker: RunWorker) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        run_worker(connection, number)
        status = 0
    finally:
        os._exit(status)
