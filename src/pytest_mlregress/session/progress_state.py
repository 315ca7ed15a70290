"""How far a run is, from the reports of its seeds and from what the same seeds took before."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.node_ids import dotted_name
from pytest_mlregress.reporting.progress_view import Estimate, RunView, UndecidedTest, WorkerView
from pytest_mlregress.running.progress_channel import CollectedTest, SeedProgress
from pytest_mlregress.running.result import RecordedMetric
from pytest_mlregress.verdicts.cost import SeedCost, seed_cost, time_on
from pytest_mlregress.verdicts.metric_samples import absolute_margin

MOST_ESTIMATES = 3
"""So many metrics of a test are shown."""


@dataclass(slots=True)
class RunningTest:
    """One test of the run.

    Attributes:
        test: the node id without the seed.
        seeds: its selected seeds.
        first_look: how many of them an update looks at first; 0 in a check.
        baseline: its baseline; None without one.
        cost: what one seed took before; None where that is unknown.
        ended: the seeds that have ended.
        base_ended: those of the base that have, in an A/B run.
        durations: what the seeds took that were trained in this run.
        metrics: by name, what the seeds recorded.
        decided: whether it has a verdict.
    """

    test: str
    seeds: tuple[int, ...]
    first_look: int = 0
    baseline: Artifact | None = None
    cost: SeedCost | None = None
    ended: set[int] = field(default_factory=set)
    base_ended: set[int] = field(default_factory=set)
    durations: list[float] = field(default_factory=list)
    metrics: dict[str, list[RecordedMetric]] = field(default_factory=dict)
    decided: bool = False

    @property
    def remaining(self) -> int:
        """How many of its seeds are still expected to train."""
        if self.decided:
            return 0
        # An update goes beyond its first look only where that is undecided.
        target = len(self.seeds)
        if len(self.ended) < self.first_look:
            target = min(target, self.first_look)
        return max(target - len(self.ended), 0)

    def estimates(self) -> tuple[Estimate, ...]:
        """The difference of each metric from the baseline."""
        return tuple(self._estimates())[:MOST_ESTIMATES]

    def _estimates(self) -> Iterable[Estimate]:
        recorded = self.baseline.metrics if self.baseline is not None else {}
        for name, values in self.metrics.items():
            if name not in recorded:
                continue
            before = recorded[name].values
            difference = fmean(one.value for one in values) - fmean(before.values())
            if not math.isfinite(difference):
                continue
            try:
                margin = absolute_margin(values[0], before)
            except ValueError:
                margin = None  # its verdict will tell
            yield Estimate(name, difference, margin)


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
                one.test, one.seeds, one.first_look, baseline, seed_cost(baseline)
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
        test = self.tests.setdefault(
            payload["test"], RunningTest(payload["test"], tuple(payload["selected"]))
        )
        of_base = "candidate" in payload
        self._seeds[node_id] = (test.test, payload["seed"], of_base)
        if when != "teardown":
            return
        trained = payload.get("spent", {}).get("duration")
        if trained is not None and not payload.get("cached"):
            test.durations.append(trained)
        if not of_base:
            for metric in (payload.get("result") or {}).get("metrics", ()):
                recorded = RecordedMetric(**metric)
                test.metrics.setdefault(recorded.name, []).append(recorded)

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

    def _left(self) -> float | None:
        """Seconds until the run ends; None where nothing is known of a test that still runs."""
        speed, mean = self._speed(), self._mean_duration()
        durations: list[float] = []
        for test in self.tests.values():
            for ended in (test.ended, test.base_ended)[: self._sides]:
                missing = test.remaining - (len(ended) - len(test.ended))
                if missing <= 0:
                    continue
                each = self._each(test, speed) or mean
                if each is None:
                    return None
                durations += [each] * missing
        now = time.monotonic()
        elapsed = sum(now - began for began in self._under_way.values())
        if not durations:
            return None
        spared = min(elapsed, 0.9 * sum(durations))
        share = 1.0 - spared / sum(durations)
        return time_on([share * each for each in durations], self.workers)

    def _each(self, test: RunningTest, speed: float) -> float | None:
        """What one more seed of a test takes."""
        if test.durations:
            return fmean(test.durations)
        return test.cost.seconds * speed if test.cost is not None else None

    def _speed(self) -> float:
        """How much longer seeds take here than when their baselines were recorded."""
        ratios = [
            fmean(test.durations) / test.cost.seconds
            for test in self.tests.values()
            if test.durations and test.cost is not None and test.cost.seconds > 0
        ]
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
            left=self._left(),
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
        speed = self._speed()
        for one in logged:
            began = self._under_way.get(one.node_id)
            if began is None:
                continue
            test = self.tests.get(one.test)
            each = self._each(test, speed) if test is not None else None
            left = each - (now - began) if each is not None else None
            yield WorkerView(
                worker=one.worker,
                name=dotted_name(one.test),
                seed=seed_text(one.seed),
                step=one.step,
                values=dict(one.values or {}),
                elapsed=now - began,
                left=left if left is not None and left > 0 else None,
            )


def seed_text(seed: int) -> str:
    """``seed 3``."""
    return f"seed {seed}"
