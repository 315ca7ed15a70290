"""What the processes of a run use of one machine at once, kept below what it has.

Each process asks for all that a seed needs in one request and holds no other while it waits, so
that none waits for another in a circle. Requests are met in the order in which they were made: a
large one is not passed over for ever by small ones. A request is a locked file; the system unlocks
it when its process is killed, and the next process that looks removes it.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

_GUARD: Final = "guard.lock"
_LOCK: Final = ".lock"
_RECORD: Final = ".json"
_SHORTEST_WAIT_S: Final = 0.02
_LONGEST_WAIT_S: Final = 0.5
_SLACK: Final = 1e-9
"""Ten tenths of a GPU are one, whatever floats add up to."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What one process asked for.

    Attributes:
        name: begins with the time, so that names sort in the order of asking.
        amounts: by the name of the resource.
        held: whether it was met.
    """

    name: str
    amounts: Mapping[str, float]
    held: bool

    def goes_before(self, later: _Request) -> bool:
        """Whether it waits for something that a later request asks for, too."""
        rivals = not self.amounts.keys().isdisjoint(later.amounts)
        return rivals and not self.held and self.name < later.name


class Reservations:
    """The requests of one run on one machine, in a folder that its processes share.

    They keep a machine from being overrun and decide nothing: where the folder cannot be used,
    seeds run without.

    Args:
        folder: made when first used.
        capacity: what the machine has, by the name of the resource; others are not counted.
    """

    def __init__(self, folder: Path, capacity: Mapping[str, float]) -> None:
        self._folder = folder
        self._capacity = capacity

    @contextmanager
    def hold(
        self, amounts: Mapping[str, float], needless: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        """Wait until the machine has that much left, and keep it during the block.

        Args:
            amounts: by the name of the resource; more than the machine has counts as all of it.
            needless: asked while it waits; true ends the wait without a reservation.

        Yields:
            Once, around the block.
        """
        bounded = {
            name: min(amount, self._capacity[name])
            for name, amount in amounts.items()
            if amount > 0 and name in self._capacity
        }
        if not bounded:
            yield
            return
        name = f"{time.time_ns():020d}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        lock = FileLock(self._folder / f"{name}{_LOCK}")
        try:
            with suppress(OSError):
                self._wait(name, lock, bounded, needless)
            yield
        finally:
            with suppress(OSError):
                (self._folder / f"{name}{_RECORD}").unlink(missing_ok=True)
                lock.release()
                (self._folder / f"{name}{_LOCK}").unlink(missing_ok=True)

    def _wait(
        self,
        name: str,
        lock: FileLock,
        amounts: Mapping[str, float],
        needless: Callable[[], bool],
    ) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        request = _Request(name, amounts, held=False)
        with self._guard():
            self._write(request)
        wait_s = _SHORTEST_WAIT_S
        while not self._granted(request):
            if needless():
                (self._folder / f"{name}{_RECORD}").unlink(missing_ok=True)
                return
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _granted(self, request: _Request) -> bool:
        """Meet a request if it fits and none before it waits for the same things; else False."""
        with self._guard():
            others = [other for other in self._living() if other.name != request.name]
            if any(other.goes_before(request) for other in others):
                return False
            for name, amount in request.amounts.items():
                used = sum(other.amounts.get(name, 0.0) for other in others if other.held)
                if used + amount > self._capacity[name] * (1 + _SLACK):
                    return False
            self._write(_Request(request.name, request.amounts, held=True))
            return True

    def _guard(self) -> FileLock:
        return FileLock(self._folder / _GUARD)

    def _write(self, request: _Request) -> None:
        text = json.dumps({"amounts": dict(request.amounts), "held": request.held})
        (self._folder / f"{request.name}{_RECORD}").write_text(text, encoding="utf-8")

    def _living(self) -> Iterator[_Request]:
        """The requests whose processes live; others are removed. Called under the guard."""
        for file in sorted(self._folder.glob(f"*{_RECORD}")):
            name = file.name.removesuffix(_RECORD)
            if self._is_abandoned(name):
                file.unlink(missing_ok=True)
                continue
            with suppress(OSError, ValueError, KeyError, TypeError):  # gone, or torn by a kill
                record = json.loads(file.read_text("utf-8"))
                yield _Request(name, dict(record["amounts"]), bool(record["held"]))

    def _is_abandoned(self, name: str) -> bool:
        """Whether the process that made a request was killed.

        A child that it forked may still have the lock: the number of the process says so then.
        """
        _, process, _ = name.split("-")
        if not _is_alive(int(process)):
            return True
        if int(process) == os.getpid():
            return False
        lock = FileLock(self._folder / f"{name}{_LOCK}")
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            return False
        lock.release()
        return True


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # there, `os.kill` ends a process; its lock says enough
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
