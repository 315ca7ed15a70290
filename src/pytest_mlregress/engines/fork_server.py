"""The process that workers are forked from.

It is forked itself once everything is collected and imported, and never runs anything but this
module: it has one thread however many the first process starts later, so that a worker that takes
the place of a lost one can be forked at any time.

Before it makes the first one it imports what all of them would. It ends with the process that made
it, and takes every worker with it.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Final

from pytest_mlregress.engines.early_imports import (
    Around,
    import_in_fork,
    register_exit_functions,
)
from pytest_mlregress.engines.fork_safety import fork
from pytest_mlregress.engines.messages import Connection, ConnectionLost
from pytest_mlregress.engines.process_exit import forget_exit_functions, prepare_fork

_ENOUGH: Final = 16
"""Bytes of a request: the number of a worker in digits."""

_READY: Final = "ready"
"""What it says when it has imported what it was to, with what it has left out."""

RunWorker = Callable[[Connection, int], None]
"""Runs in a new worker, with its connection and its number, until it has nothing to do."""


class ForkServer:
    """Makes workers.

    Args:
        run_worker: what a worker does.
        own: modules of this plugin to import before the first worker.
        others: those of other packages.
        around: entered around the import of each of those.

    Attributes:
        left_out: those of the others that could not be imported, or must not be before a fork.
    """

    def __init__(
        self,
        run_worker: RunWorker,
        own: Sequence[str] = (),
        others: Sequence[str] = (),
        around: Around = lambda name: nullcontext(),
    ) -> None:
        self._requests, theirs = socket.socketpair()
        self._said = b""
        self._ended: dict[int, int] = {}
        self._is_ready = False
        self.left_out: list[str] = []
        prepare_fork()  # or each worker would write it, too
        self._process = fork()
        if self._process == 0:
            self._requests.close()
            _begin(theirs, run_worker, own, others, around)
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
            if not self._listen(left):
                break
        return self._ended.get(number)

    def close(self) -> None:
        """End the server, and every worker that is left."""
        while self._listen(0.0):
            pass
        self._requests.close()
        if not self._is_ready:  # it imports, and would do so to the end
            with suppress(OSError):
                os.killpg(self._process, signal.SIGKILL)

    def _listen(self, seconds: float) -> bool:
        """Take what the server says within a time; False where it says nothing, or is gone."""
        try:
            if not select.select([self._requests], [], [], seconds)[0]:
                return False
            said = self._requests.recv(4096)
        except (OSError, ValueError):  # or closed
            return False
        *lines, self._said = (self._said + said).split(b"\n")
        for line in lines:
            kind, *values = line.decode().split()
            if kind == _READY:
                self._is_ready = True
                self.left_out = values
            else:
                self._ended[int(kind)] = int(values[0])
        return bool(said)


def _begin(
    requests: socket.socket,
    run_worker: RunWorker,
    own: Sequence[str],
    others: Sequence[str],
    around: Around,
) -> None:
    """Become a process to fork workers from; never returns."""
    status = 1
    try:
        os.setpgid(0, 0)  # the terminal's Ctrl-C is for the first process alone
        for name in own:
            with suppress(ImportError):  # the seed meets it again
                importlib.import_module(name)
        serves, left_out = import_in_fork(others, around, requests.fileno())
        if serves or len(left_out) == len(others):
            with suppress(OSError):
                requests.sendall(" ".join([_READY, *left_out]).encode() + b"\n")
            _serve(requests, run_worker)
        status = 0
    finally:
        os._exit(status)


def _serve(requests: socket.socket, run_worker: RunWorker) -> None:
    """Fork a worker for every request; never returns."""
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
        register_exit_functions()
        run_worker(connection, number)
        status = 0
    finally:
        os._exit(status)
