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
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from pytest_mlregress.engines.fork_safety import fork
from pytest_mlregress.engines.messages import Connection, ConnectionLost
from pytest_mlregress.engines.process_exit import forget_exit_functions, prepare_fork

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
        self._said = b""
        self._ended: dict[int, int] = {}
        prepare_fork()  # or each worker would write it, too
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

    def exit_status(self, number: int, wait_s: float = 2.0) -> int | None:
        """How a worker ended that is gone.

        Args:
            number: its number.
            wait_s: how long to wait for the server to say so, in seconds.

        Returns:
            Its exit status, the negative number of the signal that killed it; None if unknown.
        """
        end = time.monotonic() + wait_s
        while number not in self._ended and (left := end - time.monotonic()) > 0:
            if not select.select([self._requests], [], [], left)[0]:
                break
            try:
                said = self._requests.recv(4096)
            except OSError:
                break
            if not said:  # the server is gone
                break
            self._said += said
            *lines, self._said = self._said.split(b"\n")
            self._ended.update((int(line.split()[0]), int(line.split()[1])) for line in lines)
        return self._ended.get(number)

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
    workers: dict[int, int] = {}
    try:
        while True:
            ready, _, _ = select.select([requests.fileno(), woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
                _reap(workers, requests)
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
                workers[process] = int(request)
    except BaseException:
        pass
    for process in workers:
        with suppress(OSError):
            os.killpg(process, signal.SIGKILL)
    os._exit(0)


def _reap(workers: dict[int, int], requests: socket.socket) -> None:
    """Say how each worker ended that has; ``workers`` holds their numbers by process."""
    for process in list(workers):
        number, status = workers[process], None
        with suppress(ChildProcessError):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended == 0:
                continue
        del workers[process]
        with suppress(OSError):  # what it has started ends with it
            os.killpg(process, signal.SIGKILL)
        if status is not None:
            with suppress(OSError):
                requests.sendall(f"{number} {os.waitstatus_to_exitcode(status)}\n".encode())


def _work(connection: Connection, number: int, run_worker: RunWorker) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        forget_exit_functions()
        run_worker(connection, number)
        status = 0
    finally:
        os._exit(status)
