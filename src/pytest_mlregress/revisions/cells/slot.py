"""The places where seeds train: each has processes of its own, one for each state of the code."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import TypeAlias

from pytest_mlregress.revisions.cells.cell import Cell
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest
from pytest_mlregress.revisions.cells.warm_processes import may_keep
from pytest_mlregress.revisions.companion import BaseSeed, Companion, CompanionError
from pytest_mlregress.running.seed_outcome import MOST_RETRIES

Said: TypeAlias = SimpleQueue[tuple[SeedRequest, BaseSeed | None]]
"""What slots say of seeds: first that one starts, with None, then what it gave."""


@dataclass(slots=True)
class _Pace:
    """How long things take, in seconds, and which states have a process anywhere.

    Attributes:
        start_s: the latest start of a process, its imports and collection included; None before.
        train_s: the longest training.
        homes: how many slots have a process of each state.
    """

    start_s: float | None = None
    train_s: float = 0.0
    homes: dict[str, int] = field(default_factory=dict)

    @property
    def favours_waiting(self) -> bool:
        """Whether a seed is better trained later by a process that has started already."""
        return self.start_s is not None and self.train_s < self.start_s


class Slot:
    """One place where a seed trains at a time.

    Args:
        suite: the working tree's tests.
        number: which of the slots.
        slots: how many there are.
        variables: environment variables of its processes.
        pace: shared by all slots; to be used with their lock held.
        lock: shared by all slots.
    """

    def __init__(
        self,
        suite: Suite,
        number: int,
        slots: int,
        variables: Mapping[str, str],
        pace: _Pace,
        lock: threading.Lock,
    ) -> None:
        self._suite = suite
        self._number = number
        self._slots = slots
        self._variables = variables
        self._pace = pace
        self._companions: OrderedDict[str, Companion] = OrderedDict()
        self._closed = False
        self.lock = lock

    def work(self, left: deque[SeedRequest], said: Said, tests: Mapping[str, SuiteTest]) -> None:
        """Train seeds until none are left for this slot.

        Args:
            left: the seeds that no slot has taken yet; to be used with the lock held.
            said: where to say what they give.
            tests: the tests by name.
        """
        while True:
            with self.lock:
                request = self._choose(left)
            if request is None:
                return
            said.put((request, None))
            answer = self._run(request, tests[request.test])
            identity = request.cell.identity
            with self.lock:
                if identity not in self._companions:  # it got no process by this seed
                    self._count(identity, -1)
            said.put((request, answer))

    def _choose(self, left: deque[SeedRequest]) -> SeedRequest | None:
        """The next seed: of a state that has a process here, else of one that has none anywhere.

        A seed whose state has a process in another slot alone is left to that one where starting a
        process takes longer than training. That slot takes it: it goes on while there are such.
        """
        here = (r for r in left if r.cell.identity in self._companions)
        nowhere = (r for r in left if not self._pace.homes.get(r.cell.identity))
        elsewhere = () if self._pace.favours_waiting else left
        for found in (here, nowhere, elsewhere):
            for request in found:
                left.remove(request)
                if request.cell.identity not in self._companions:
                    self._count(request.cell.identity, 1)
                return request
        return None

    def _count(self, identity: str, change: int) -> None:
        self._pace.homes[identity] = self._pace.homes.get(identity, 0) + change

    def _run(self, request: SeedRequest, test: SuiteTest) -> BaseSeed:
        node_id = test.node_ids.get(request.seed)
        if node_id is None:
            return BaseSeed(unavailable=f"seed {request.seed} was not collected")
        crashed = ""
        for _ in range(1 + MOST_RETRIES):
            if self._closed:
                break
            began, new = time.monotonic(), request.cell.identity not in self._companions
            try:
                answer = self._companion(request.cell).run(node_id)
            except CompanionError as error:
                crashed = str(error)
                continue
            self._note(answer, time.monotonic() - began, new=new)
            return answer
        return BaseSeed(crashed=crashed)

    def _note(self, answer: BaseSeed, seconds: float, *, new: bool) -> None:
        trained = sum(float(report.get("duration", 0.0)) for report in answer.reports)
        with self.lock:
            self._pace.train_s = max(self._pace.train_s, trained)
            if new:
                self._pace.start_s = max(0.0, seconds - trained)

    def _companion(self, cell: Cell) -> Companion:
        companion = self._companions.get(cell.identity)
        if companion is None:
            while self._companions and not may_keep(len(self._companions) * self._slots):
                identity, unused = self._companions.popitem(last=False)
                unused.close()
                with self.lock:
                    self._count(identity, -1)
            companion = self._new(cell)
            self._companions[cell.identity] = companion
        self._companions.move_to_end(cell.identity)
        return companion

    def _new(self, cell: Cell) -> Companion:
        start = self._suite.start
        plan = start.plan(cell.side)
        return Companion(
            cell.side,
            replace(
                plan,
                workerinput={**plan.workerinput, "workerid": f"gw{self._number}"},
                variables={**plan.variables, **self._variables},
                path=[str(start.directory), *sys.path[1:]],  # as `python -m pytest` has it
                basetemp=None,
            ),
        )

    def forget(self, cell: Cell) -> None:
        """End the process of a state, if there is one; no seed may train.

        Args:
            cell: the state.
        """
        companion = self._companions.pop(cell.identity, None)
        if companion is not None:
            companion.close()
            self._count(cell.identity, -1)

    def close(self) -> None:
        """End all processes; a seed that trains in one is given up."""
        self._closed = True
        for companion in list(self._companions.values()):
            with suppress(OSError):
                companion.close()
        self._companions.clear()


def slots_of(suite: Suite, number: int, variables: Mapping[str, str]) -> list[Slot]:
    """The slots of one command.

    Args:
        suite: the working tree's tests.
        number: how many.
        variables: environment variables of their processes.

    Returns:
        The slots.
    """
    pace, lock = _Pace(), threading.Lock()
    return [Slot(suite, k, number, variables, pace, lock) for k in range(number)]
