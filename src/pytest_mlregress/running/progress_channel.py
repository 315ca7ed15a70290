"""What a running seed logs, on its way to the process that shows it.

xdist has no message of a worker's own, so that a worker writes small files into the folder of the
stop flags, which the controller reads when it draws. Without workers nothing is written.

No training waits for it or fails by it: between two files a call of `mlregress.log` costs the time
of a look at the clock, and no error leaves this module.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.seed_reads import unrecorded
from pytest_mlregress.running.stop_flags import stop_flags

WORKER_INPUT: Final = "mlregress_progress"
"""The key of ``workerinput`` whose value is true where the controller shows what seeds log."""

EVERY_S: Final = 0.25
"""A worker writes what its seed logged this often at most."""

MOST_VALUES: Final = 6
"""The values of so many curves are passed on."""

_WORKERS_FILE: Final = "progress-*.json"
_COLLECTED: Final = "collected.json"


@dataclass(frozen=True, slots=True)
class SeedProgress:
    """How far a seed is.

    Attributes:
        worker: the process that trains it, ``gw0`` or so; empty without workers.
        node_id: of the seed.
        test: the node id without the seed.
        seed: the seed.
        began: when, in seconds since the epoch.
        step: the step that it last logged; None before the first.
        values: what it last logged, by name of the curve.
    """

    worker: str
    node_id: str
    test: str
    seed: int
    began: float
    step: int | None = None
    values: Mapping[str, float] | None = None


class SeedChannel:
    """Passes on what one seed logs; called as ``channel(step, values)``.

    Args:
        progress: how far the seed is at its begin.
        publish: takes how far it is, at most once per `EVERY_S`.
    """

    __slots__ = ("_due", "_progress", "_publish", "_values")

    def __init__(self, progress: SeedProgress, publish: Callable[[SeedProgress], None]) -> None:
        self._progress = progress
        self._publish = publish
        self._values: dict[str, float] = {}
        self._due = 0.0
        self._send(None)

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        """Pass on a point, unless another one was just before.

        Args:
            step: the step.
            values: the values by name of the curve.
        """
        self._values.update(values)
        now = time.monotonic()
        if now >= self._due:
            self._due = now + EVERY_S
            self._send(step)

    def _send(self, step: int | None) -> None:
        began = self._progress
        try:
            names = list(self._values)[:MOST_VALUES]
            values = {name: self._values[name] for name in names}
            self._publish(
                SeedProgress(
                    began.worker, began.node_id, began.test, began.seed, began.began, step, values
                )
            )
        except Exception:  # a full disk, say: no training ends because nobody can watch it
            self._due = float("inf")


Publish = Callable[[SeedProgress], None]
PUBLISH: Final = pytest.StashKey[Publish]()
"""Takes how far the seed of this process is; absent where nobody looks."""


def publish_to_file(config: pytest.Config, worker: str) -> Publish:
    """In a worker: how far its seed is goes into a file of its own.

    Args:
        config: pytest's.
        worker: the worker.

    Returns:
        What takes it.
    """
    file = worker_file(stop_flags(config).folder, worker)

    def publish(progress: SeedProgress) -> None:
        unrecorded(config, partial(_write, file, asdict(progress)))

    return publish


def worker_file(folder: Path, worker: str) -> Path:
    """Where a worker says how far its seed is.

    Args:
        folder: that of the stop flags.
        worker: the worker.

    Returns:
        The file.
    """
    return folder / _WORKERS_FILE.replace("*", worker)


def keep_progress(folder: Path, worker: str, text: str) -> None:
    """On the controller: what a worker of another machine has written there.

    Args:
        folder: that of the stop flags.
        worker: the worker.
        text: what its file holds.
    """
    file = worker_file(folder, worker)
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):  # nobody sees it then
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)


def begin(item: pytest.Item, record: SeedItem) -> SeedChannel | None:
    """The channel of a seed that begins.

    Args:
        item: its item.
        record: what the item knows.

    Returns:
        The channel; None where nobody looks.
    """
    publish = item.config.stash.get(PUBLISH, None)
    if publish is None:
        return None
    worker = getattr(item.config, "workerinput", {}).get("workerid", "")
    return SeedChannel(
        SeedProgress(worker, item.nodeid, record.test, record.seed, time.time()), publish
    )


def seeds_in(folder: Path) -> list[SeedProgress]:
    """On the controller: how far each worker's latest seed is.

    Args:
        folder: that of the stop flags.

    Returns:
        One per worker that has begun a seed, in the order of their numbers.
    """
    found = []
    for file in sorted(folder.glob(_WORKERS_FILE), key=lambda file: (len(file.name), file.name)):
        try:
            found.append(SeedProgress(**json.loads(file.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            continue
    return found


@dataclass(frozen=True, slots=True)
class CollectedTest:
    """A test that was collected, as xdist's controller does not know it.

    Attributes:
        test: the node id without the seed.
        file: the test file.
        tier: the tier.
        seeds: the seeds that were selected.
        first_look: how many of them an update looks at first; 0 in a check.
    """

    test: str
    file: str
    tier: str
    seeds: tuple[int, ...]
    first_look: int = 0


def collected_tests(items: list[pytest.Item]) -> tuple[CollectedTest, ...]:
    """The regression tests among the collected items.

    Args:
        items: the items that are to run.

    Returns:
        The tests, in order.
    """
    records = (item.stash.get(SEED_ITEM, None) for item in items)
    tests = {record.test: record for record in records if record is not None}
    return tuple(
        CollectedTest(
            test=record.test,
            file=str(record.file),
            tier=record.declaration.tier,
            seeds=record.selected,
            first_look=next(iter(record.declaration.looks), 0),
        )
        for record in tests.values()
        if record.shortfall is None
    )


def tell_collected(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker: tell the controller what was collected, unless another worker has.

    Args:
        config: pytest's.
        items: the items that may run.
    """
    if WORKER_INPUT not in getattr(config, "workerinput", {}):
        return
    file = stop_flags(config).folder / _COLLECTED
    tests = collected_tests(items)
    if not tests or file.exists():
        return
    with suppress(OSError):  # a run without an estimate
        _write(file, [asdict(test) for test in tests])


def read_collected(folder: Path) -> tuple[CollectedTest, ...]:
    """On the controller: what the workers have collected.

    Args:
        folder: that of the stop flags.

    Returns:
        The tests; none where that is not known, as with workers on other machines.
    """
    try:
        found: list[dict[str, Any]] = json.loads((folder / _COLLECTED).read_text(encoding="utf-8"))
        return tuple(CollectedTest(**{**one, "seeds": tuple(one["seeds"])}) for one in found)
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def _write(file: Path, content: object) -> None:
    """Write a file that no reader sees half of; it need not outlive a crash of the machine."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(file)
