"""Trains seeds at any states of the code, several at once, and none twice."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Final

from pytest_mlregress.node_ids import in_file, split_file
from pytest_mlregress.plurals import count_of
from pytest_mlregress.revisions.cache_entry import CachedSeed, SeedKey
from pytest_mlregress.revisions.cells.cell import Cell
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.slot import Said, slots_of
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest
from pytest_mlregress.revisions.cells.trained_seed import (
    SeedRequest,
    TrainedSeed,
    trained_seed,
)
from pytest_mlregress.revisions.companion import BaseSeed
from pytest_mlregress.revisions.entry_store import entries_at
from pytest_mlregress.revisions.seed_cache import SeedCache
from pytest_mlregress.running.result import SeedResult, spent_by, with_spent

__all__ = ["SeedRequest", "TrainedSeed", "Trainer", "seed_key"]

_WAIT_S: Final = 0.2
"""How often the waiting process looks for an interrupt."""


class Trainer:
    """Trains seeds of one suite.

    A context manager: its processes have ended afterwards, however it is left.

    Args:
        suite: the working tree's tests.
        workers: how many seeds are trained at once.
        journal: what an interrupted run has trained, and where this one keeps what it trains; None
            for neither.
        use_cache: whether seeds that were trained by earlier runs are taken from the cache of
            trained seeds, and passed ones kept there.
        variables: environment variables of the processes that train.
        warn: told of what cannot be used of the cache.
        on_start: called, in this thread, with each seed before it trains.
        on_seed: called, in this thread, with each seed that is known.
    """

    def __init__(
        self,
        suite: Suite,
        *,
        workers: int = 1,
        journal: Journal | None = None,
        use_cache: bool = True,
        variables: Mapping[str, str] | None = None,
        warn: Callable[[str], None] | None = None,
        on_start: Callable[[SeedRequest], None] | None = None,
        on_seed: Callable[[TrainedSeed], None] | None = None,
    ) -> None:
        self._suite = suite
        self._tests = {test.test: test for test in suite.tests}
        self._journal = journal
        self._run = secrets.token_hex(8)
        self._on_start = on_start or (lambda request: None)
        self._on_seed = on_seed or (lambda seed: None)
        self._cache: SeedCache | None = None
        if use_cache and suite.cache_place is not None:
            self._cache = SeedCache(entries_at(suite.cache_place), warn or (lambda text: None))
        self._slots = slots_of(suite, workers, variables or {})
        self.trained = 0
        self.reused = 0

    def __enter__(self) -> Trainer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        for slot in self._slots:
            slot.close()

    def forget(self, cell: Cell) -> None:
        """End the processes of a state of the code, before it is put away.

        Args:
            cell: the state.
        """
        for slot in self._slots:
            slot.forget(cell)

    def train(self, requests: Sequence[SeedRequest]) -> list[TrainedSeed]:
        """Train seeds that are not known yet.

        Args:
            requests: which ones.

        Returns:
            What they gave, in the order of the requests.

        Raises:
            KeyboardInterrupt: the run was interrupted; its text says how to go on.
        """
        known: dict[SeedRequest, TrainedSeed] = {}
        for request in requests:
            if request not in known and (found := self._known(request)) is not None:
                known[request] = found
                self.reused += found.source == "cache"
                self._on_seed(found)
        left = deque(dict.fromkeys(request for request in requests if request not in known))
        if left:
            self._train(left, known)
        return [known[request] for request in requests]

    def _train(self, left: deque[SeedRequest], known: dict[SeedRequest, TrainedSeed]) -> None:
        """Let the slots take from ``left``, and gather what they give."""
        done: Said = SimpleQueue()
        lock = self._slots[0].lock
        expected = len(left)
        threads = [
            threading.Thread(target=slot.work, args=(left, done, self._tests), daemon=True)
            for slot in self._slots  # all: the process that a seed waits for is in any of them
        ]
        try:
            for thread in threads:
                thread.start()
            while expected:
                request, answer = _next(done, threads)
                if answer is None:
                    self._on_start(request)
                    continue
                expected -= 1
                seed = trained_seed(request, answer)
                self.trained += 1
                self._keep(seed)
                known[request] = seed
                self._on_seed(seed)
        except BaseException as error:
            with lock:
                left.clear()
            self.close()
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(self._interrupted()) from None
            raise
        for thread in threads:
            thread.join()

    def _interrupted(self) -> str:
        if self._journal is None:
            return "interrupted"
        seeds = count_of(self._journal.kept, "training")
        return f"interrupted; the same command goes on after {seeds}"

    def _known(self, request: SeedRequest) -> TrainedSeed | None:
        if self._journal is not None:
            record = self._journal.get(_key(request, self._tests[request.test]))
            if record is not None:
                seed = TrainedSeed.from_builtins(request, record, "journal")
                if seed.still_holds:
                    return seed
        if self._cache is None or request.repeat:
            return None
        test = self._tests[request.test]
        cached = self._cache.lookup(
            self._cache_key(request), request.cell.side.checkout, test.machine, run=self._run
        )
        if cached is None:
            return None
        return TrainedSeed(
            request=request,
            result=replace(
                with_spent(SeedResult.from_builtins(cached.result), cached.spent), cached=True
            ),
            unavailable=None,
            source="cache",
            reads=cached.reads,
            environment=cached.environment,
        )

    def _keep(self, seed: TrainedSeed) -> None:
        """The journal is forgotten with its question, so the cache has what it has before it."""
        self._keep_in_cache(seed)
        request = seed.request
        if self._journal is not None and seed.result is not None:
            self._journal.put(_key(request, self._tests[request.test]), seed.to_builtins())

    def _keep_in_cache(self, seed: TrainedSeed) -> None:
        request = seed.request
        if self._cache is None or request.repeat or seed.result is None or seed.reads is None:
            return
        if seed.result.outcome != "finished":
            return
        cached = CachedSeed(
            result=seed.result.without_spent.to_builtins(),
            environment=seed.environment or {},
            guards=(),
            reads=seed.reads,
            packages=seed.packages,
            machine=self._tests[request.test].machine,
            guarded=False,
            run=self._run,
            spent=spent_by(seed.result),
        )
        self._cache.store(self._cache_key(request), cached)

    def _cache_key(self, request: SeedRequest) -> SeedKey:
        test = self._tests[request.test]
        return seed_key(test, request.seed, request.cell.side.candidate_checkout)


def seed_key(test: SuiteTest, seed: int, checkout: Path) -> SeedKey:
    """Under which name a seed is kept: the same at every state of the code.

    Args:
        test: the test.
        seed: the seed.
        checkout: the top folder of the working tree.

    Returns:
        The key.
    """
    file = test.file.resolve()
    inside = file.relative_to(checkout) if file.is_relative_to(checkout) else Path(file.name)
    return SeedKey(
        test=in_file(inside.as_posix(), split_file(test.test)[1]),
        tier=test.tier,
        seed=seed,
        settings=test.settings,
    )


def _next(done: Said, threads: Sequence[threading.Thread]) -> tuple[SeedRequest, BaseSeed | None]:
    """What a slot said next; waits in short steps, so that an interrupt is heeded at once."""
    from queue import Empty

    while True:
        try:
            return done.get(timeout=_WAIT_S)
        except Empty:
            if not any(thread.is_alive() for thread in threads) and done.empty():
                raise RuntimeError("a thread that trains seeds has ended by an error") from None


def _key(request: SeedRequest, test: SuiteTest) -> str:
    """A seed's name in a journal."""
    repeat = f"#{request.repeat}" if request.repeat else ""
    where = f"{request.cell.identity} {test.machine} {test.settings}"
    return f"{where} {test.test} {test.tier} {request.seed}{repeat}"
