"""What the processes of a run use of one machine at once, kept below what it has.

Each process asks for all that a seed needs in one request and holds no other while it waits, so
that none waits for another in a circle; `admission` says which one is met. A request is a locked
file; the system unlocks it when its process is killed, and the next process that looks removes it.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from filelock import FileLock, Timeout

from pytest_mlregress.resources.admission import Request, is_met

_GUARD: Final = "guard.lock"
_LOCK: Final = ".lock"
_RECORD: Final = ".json"
_SHORTEST_WAIT_S: Final = 0.02
_LONGEST_WAIT_S: Final = 0.5

Amounts: TypeAlias = Mapping[str, float]
"""How much of each resource, by its name."""


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
        self,
        amounts: Amounts | Callable[[], Amounts],
        needless: Callable[[], bool] = lambda: False,
    ) -> Iterator[Callable[[Amounts], None]]:
        """Wait until the machine has that much left, and keep it during the block.

        Args:
            amounts: more than the machine has counts as all of it; asked again while it waits, if
                it is a function.
            needless: asked while it waits; true ends the wait without a reservation.

        Yields:
            What waits for other amounts, for the rest of the block: those held before are given
            back first, so that nobody waits who holds something.
        """
        name = f"{time.time_ns():020d}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        lock = FileLock(self._folder / f"{name}{_LOCK}")

        def change(other: Amounts | Callable[[], Amounts]) -> None:
            wanted = self._wanted(other)
            with suppress(OSError):
                if wanted and not lock.is_locked:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    lock.acquire()
                if lock.is_locked:
                    self._wait(Request(name, wanted), other, needless)

        try:
            change(amounts)
            yield change
        finally:
            if lock.is_locked:
                with suppress(OSError):
                    (self._folder / f"{name}{_RECORD}").unlink(missing_ok=True)
                    lock.release()
                    (self._folder / f"{name}{_LOCK}").unlink(missing_ok=True)

    def held_since(self, name: str) -> list[float]:
        """When those were met that hold some of a resource now.

        Args:
            name: of the resource.

        Returns:
            Seconds of the clock, in any order.
        """
        with suppress(OSError):
            if self._folder.exists():
                with self._guard():
                    held = [one.since for one in self._living() if name in one.amounts]
                return [since for since in held if since is not None]
        return []

    def _wanted(self, amounts: Amounts | Callable[[], Amounts]) -> dict[str, float]:
        return {
            name: min(amount, self._capacity[name])
            for name, amount in (amounts() if callable(amounts) else amounts).items()
            if amount > 0 and name in self._capacity
        }

    def _wait(
        self,
        request: Request,
        amounts: Amounts | Callable[[], Amounts],
        needless: Callable[[], bool],
    ) -> None:
        wait_s = _SHORTEST_WAIT_S
        while not self._granted(request):
            if needless():
                (self._folder / f"{request.name}{_RECORD}").unlink(missing_ok=True)
                return
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            if callable(amounts):
                request = replace(request, amounts=self._wanted(amounts))

    def _granted(self, request: Request) -> bool:
        """Meet a request if it may be met now; otherwise keep what it asks for by now."""
        with self._guard():
            others = [other for other in self._living() if other.name != request.name]
            met = is_met(request, others, self._capacity)
            self._write(replace(request, since=time.time()) if met else request)
            return met

    def _guard(self) -> FileLock:
        return FileLock(self._folder / _GUARD)

    def _write(self, request: Request) -> None:
        text = json.dumps({"amounts": dict(request.amounts), "since": request.since})
        (self._folder / f"{request.name}{_RECORD}").write_text(text, encoding="utf-8")

    def _living(self) -> Iterator[Request]:
        """The requests whose processes live; others are removed. Called under the guard."""
        for file in sorted(self._folder.glob(f"*{_RECORD}")):
            name = file.name.removesuffix(_RECORD)
            if self._is_abandoned(name):
                file.unlink(missing_ok=True)
                continue
            with suppress(OSError, ValueError, KeyError, TypeError):  # gone, or torn by a kill
                record = json.loads(file.read_text("utf-8"))
                yield Request(name, dict(record["amounts"]), record["since"])

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
