"""How far a run is, from the reports of its seeds and from what the same seeds took before."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any, Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.node_ids import dotted_name, replace_seed, seed_id
from pytest_mlregress.reporting.progress_view import RunView, UndecidedTest, WorkerView
from pytest_mlregress.running.pairs import base_seed_id
from pytest_mlregress.running.progress_channel import CollectedTest, SeedProgress
from pytest_mlregress.running.result import RecordedMetric
from pytest_mlregress.session.progress.of_test import RunningTest
from pytest_mlregress.verdicts.cost import seed_cost, time_on

_LEAST_LEFT: Final = 0.1
"""A seed that takes longer than expected is taken to need this share of its time at least."""


class RunState:
    """Everything that is known of the progress of a run; one thread reports it, another shows it.

    Args:
        workers: the number of processes that train, at least 1.
        sides: 2 in an A/B run, else 1.
    """

    def __init__(self, workers: int, sides: int = 1) -> None:
        self.workers = workers
        self._lock = threading.Lock()
        self.tests: dict[str, RunningTest] = {}
        self._sides = sides
        self._total_known = False
        self._began: float | None = None
        self._under_way: dict[str, float] = {}
        self._ending: set[str] = set()
        self._seeds: dict[str, tuple[str, int, bool]] = {}

    def collected(self, tests: Sequence[CollectedTest], baselines: Mapping[str, Artifact]) -> None:
        """What is to run.

        Args:
            tests: the tests with their seeds.
            baselines: by test, those that could be read.
        """
        self._total_known = bool(tests)
        for one in tests:
            baseline = baselines.get(one.test)
            self.tests[one.test] = RunningTest(
                one.test,
                one.seeds,
                one.first_look,
                baseline,
                seed_cost(baseline),
                base_metrics={} if self._sides > 1 else None,
            )

    @property
    def _seeds_done(self) -> int:
        """How many trainings have ended, or were not needed."""
        return sum(len(test.ended) + len(test.base_ended) for test in self.tests.values())

    @property
    def _seeds_total(self) -> int | None:
        """How many trainings there are at most; None where that is unknown."""
        if not self._total_known:
            return None
        return self._sides * sum(len(test.seeds) for test in self.tests.values())

    def started(self, node_id: str) -> None:
        """An item has begun.

        Args:
            node_id: its id.
        """
        now = time.monotonic()
        with self._lock:
            self._under_way[node_id] = now
            self._ending.discard(node_id)
            self._began = now if self._began is None else self._began

    def reported(self, node_id: str, payload: Mapping[str, Any], when: str | None) -> None:
        """A phase of a seed is over.

        Args:
            node_id: of the seed.
            payload: what the plugin in the seed's process put on the report.
            when: the phase.
        """
        with self._lock:
            self._report(node_id, payload, when)

    def _report(self, node_id: str, payload: Mapping[str, Any], when: str | None) -> None:
        test = self.tests.get(payload["test"])
        if test is None:
            test = RunningTest(payload["test"], tuple(payload["selected"]))
            test.base_metrics = {} if self._sides > 1 else None
            self.tests[test.test] = test
        of_base = "candidate" in payload
        if node_id not in self._seeds:
            self._learn_node_ids(payload.get("candidate", node_id), payload["seed"], test)
            self._seeds[node_id] = (test.test, payload["seed"], of_base)
        if when == "call":
            self._ending.add(node_id)
        if when != "teardown":
            return
        trained = payload.get("spent", {}).get("duration")
        if trained is not None and not payload.get("cached"):
            test.durations.append(trained)
        metrics = test.base_metrics if of_base else test.metrics
        if metrics is None:
            return
        for metric in (payload.get("result") or {}).get("metrics", ()):
            recorded = RecordedMetric(**metric)
            metrics.setdefault(recorded.name, {})[payload["seed"]] = recorded

    def _learn_node_ids(self, node_id: str, seed: int, test: RunningTest) -> None:
        """Know all seeds of a test by one of the candidate's, so that running ones count, too."""
        for other in test.seeds:
            named = replace_seed(node_id, seed, seed_id(other))
            self._seeds[named] = (test.test, other, False)
            if self._sides > 1:
                self._seeds[base_seed_id(named, other)] = (test.test, other, True)

    def ended(self, node_id: str) -> None:
        """An item is over.

        Args:
            node_id: its id.
        """
        with self._lock:
            self._under_way.pop(node_id, None)
            if node_id in self._seeds:
                test, seed, of_base = self._seeds[node_id]
                state = self.tests[test]
                (state.base_ended if of_base else state.ended).add(seed)

    def decided(self, test: str) -> None:
        """A test has its verdict.

        Args:
            test: the node id without the seed.
        """
        with self._lock:
            if test in self.tests:
                self.tests[test].decided = True

    def _left(self, now: float) -> float | None:
        """Seconds until the run ends; None where nothing is known of a test that still runs."""
        speed, mean = self._speed(now), self._mean_duration()
        durations: list[float] = []
        for test in self.tests.values():
            each = test.each(self._running(test, now), speed, mean)
            for ended, of_base in ((test.ended, False), (test.base_ended, True))[: self._sides]:
                missing = test.remaining - (len(ended) - len(test.ended))
                if missing <= 0:
                    continue
                if each is None:
                    return None
                running = self._running(test, now, of_base)[:missing]
                durations += [max(each - one, _LEAST_LEFT * max(each, one)) for one in running]
                durations += [each] * (missing - len(running))
        return time_on(durations, self.workers) if durations else None

    def _running(self, test: RunningTest, now: float, of_base: bool | None = None) -> list[float]:
        """For how many seconds seeds of a test train, of both sides or of one."""
        return [
            now - began
            for node_id, began in self._under_way.items()
            if (known := self._seeds.get(node_id)) is not None
            and known[0] == test.test
            and of_base in (None, known[2])
        ]

    def _speed(self, now: float) -> float:
        """How much longer seeds take here than when their baselines were recorded.

        Where none of a test has ended, its running seeds tell of a speed that is lower than that.
        """
        timed = [t for t in self.tests.values() if t.cost is not None and t.cost.seconds > 0]
        ended = [_slower(test, fmean(test.durations)) for test in timed if test.durations]
        known = median(ended) if ended else 1.0
        begun = [
            _slower(test, max(running))
            for test in timed
            if not test.durations and (running := self._running(test, now))
        ]
        ratios = [*ended, *(one for one in begun if one > known)]
        return median(ratios) if ratios else 1.0

    def _mean_duration(self) -> float | None:
        durations = [duration for test in self.tests.values() for duration in test.durations]
        return fmean(durations) if durations else None

    def view(self, logged: Iterable[SeedProgress] = ()) -> RunView:
        """What a person is shown.

        Args:
            logged: what the workers last wrote of their seeds; none for the run alone.
        """
        now = time.monotonic()
        with self._lock:
            return self._view(logged, now)

    def _view(self, logged: Iterable[SeedProgress], now: float) -> RunView:
        return RunView(
            done=self._seeds_done,
            total=self._seeds_total,
            left=self._left(now),
            elapsed=now - self._began if self._began is not None else 0.0,
            workers=tuple(self._workers(logged, now)),
            tests=tuple(
                UndecidedTest(
                    dotted_name(test.test), len(test.ended), len(test.seeds), test.estimates()
                )
                for test in self.tests.values()
                if not test.decided and 0 < len(test.ended) < len(test.seeds)
            ),
        )

    def _workers(self, logged: Iterable[SeedProgress], now: float) -> Iterable[WorkerView]:
        speed = self._speed(now)
        for one in logged:
            began = self._under_way.get(one.node_id)
            if began is None:
                continue
            test = self.tests.get(one.test)
            each = None
            if test is not None:
                each = test.each(self._running(test, now), speed, None)
            left = each - (now - began) if each is not None else None
            yield WorkerView(
                worker=one.worker,
                name=dotted_name(one.test),
                seed=seed_text(one.seed),
                step=one.step,
                values=dict(one.values or {}),
                elapsed=now - began,
                left=left if left is not None and left > 0 else None,
                ending=one.node_id in self._ending,
            )


def _slower(test: RunningTest, duration: float) -> float:
    """By what factor a seed takes longer than those of the baseline."""
    assert test.cost is not None
    return duration / test.cost.seconds


def seed_text(seed: int) -> str:
    """``seed 3``."""
    return f"seed {seed}"
