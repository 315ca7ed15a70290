"""Which test and which seed each report belongs to: the seeds of a run, gathered by test."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.node_ids import in_file, replace_seed, seed_id, split_file
from pytest_mlregress.running.markers import DEFAULT_TIER
from pytest_mlregress.running.pairs import base_seed_id
from pytest_mlregress.running.result import REPORT_ATTRIBUTE
from pytest_mlregress.session.seed_reports import PHASES, phase_of
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup, SeedPhases

MOST_RETRIES: Final = 2
"""A seed whose worker was lost is run again this often; what kills it each time is its own."""


class SeedCollector:
    """The tests of a run by their ids, each with the seeds that have reported so far.

    An attempt that is made again, by pytest-rerunfailures or because its worker died, leaves no
    trace but in ``reruns``, the number of attempts of the former kind.
    """

    def __init__(
        self,
        started_in: Path,
        settings: Settings,
        *,
        parallel: bool = False,
        rootdir: Path | None = None,
    ) -> None:
        self.groups: dict[str, SeedGroup] = {}
        self.reruns = 0
        self._started_in = started_in
        self._rootdir = rootdir
        self._settings = settings
        self._parallel = parallel
        self._seeds: dict[str, tuple[str, int]] = {}
        self._base_seeds: dict[str, tuple[str, int]] = {}
        self._lost: dict[str, pytest.TestReport] = {}
        self._retried: Counter[str] = Counter()
        self._superseded: set[str] = set()

    def take(self, report: pytest.TestReport) -> bool:
        """Take in a report of a seed; those of other items are left alone.

        True where the seed is over with it, since no ``logfinish`` follows: its worker is gone.
        """
        payload: Mapping[str, Any] | None = getattr(report, REPORT_ATTRIBUTE, None)
        if str(report.outcome) == "rerun":  # pytest-rerunfailures, or a worker that is replaced
            if payload is not None:
                self.reruns += 1
                self._superseded.add(report.nodeid)
            return False
        if payload is not None:
            self._register(payload.get("candidate", report.nodeid), payload)
        elif self.owner(report.nodeid) is None:
            if report.failed:
                self._lost[report.nodeid] = report
            return False
        group, seed = self._place(report.nodeid)
        group.running.setdefault(seed, SeedPhases()).add(phase_of(report, payload, self._rootdir))
        return report.when not in PHASES

    def owner(self, nodeid: str) -> tuple[str, int] | None:
        """The test and the seed that a node id stands for, None for that of no known seed."""
        return self._seeds.get(nodeid) or self._base_seeds.get(nodeid)

    def is_base(self, nodeid: str) -> bool:
        """Whether a node id is that of a seed of the base."""
        return nodeid in self._base_seeds

    def _place(self, nodeid: str) -> tuple[SeedGroup, int]:
        """The seeds of one side that a known node id belongs to, and its seed."""
        if nodeid in self._base_seeds:
            test, seed = self._base_seeds[nodeid]
            base = self.groups[test].base
            assert base is not None  # made with its group
            return base, seed
        test, seed = self._seeds[nodeid]
        return self.groups[test], seed

    def finish(self, nodeid: str) -> SeedGroup | None:
        """The seeds of the side of a test whose seed is over.

        None where there is no seed or it is run again.
        """
        if self.owner(nodeid) is None:
            return None
        group, seed = self._place(nodeid)
        if nodeid in self._superseded:  # the end of an attempt that is made again
            self._superseded.remove(nodeid)
            group.running.pop(seed, None)
            return None
        group.finish(seed)
        return group

    def on_worker_crash(self, nodeid: str, report: pytest.TestReport, scheduler: object) -> None:
        """A worker died in a seed: let another one run it again, `MOST_RETRIES` times at most."""
        if self.owner(nodeid) is None or self._retried[nodeid] == MOST_RETRIES:
            return
        if _compat.reschedule(scheduler, nodeid):
            self._retried[nodeid] += 1
            group, seed = self._place(nodeid)
            group.running.pop(seed, None)
            report.outcome = "rerun"  # type: ignore[assignment]  # as xdist documents it

    @property
    def seed_node_ids(self) -> frozenset[str]:
        """The node ids of all seeds that have reported."""
        return frozenset(self._seeds) | frozenset(self._base_seeds)

    def node_ids(self, test: str) -> dict[int, str]:
        """The node ids of a test's selected seeds, by seed."""
        nodeid, seed = next(
            (nodeid, seed) for nodeid, (owner, seed) in self._seeds.items() if owner == test
        )
        return {
            other: replace_seed(nodeid, seed, seed_id(other))
            for other in self.groups[test].plan.selected
        }

    def _register(self, nodeid: str, payload: Mapping[str, Any]) -> None:
        if payload["test"] in self.groups:
            return
        plan = GroupPlan.from_builtins(payload)
        against = self._settings.against
        plan = replace(
            plan,
            argument=self.argument(str(plan.file), plan.test),
            tier_option=self._settings.tier if plan.tier != DEFAULT_TIER else None,
            source=self._settings.baseline_shown,
            parallel=self._parallel,
            against=against.text if against is not None else None,
        )
        group = self.groups[plan.test] = SeedGroup(plan)
        if against is not None:
            group.base = SeedGroup(plan)
        # A seed whose worker dies in its set-up never says what it belongs to; its test does.
        for seed in plan.selected:
            other = replace_seed(nodeid, payload["seed"], seed_id(seed))
            self._seeds[other] = (plan.test, seed)
            self._recover(other)
            if group.base is not None:
                self._base_seeds[base_seed_id(other, seed)] = (plan.test, seed)
                self._recover(base_seed_id(other, seed))

    def _recover(self, nodeid: str) -> None:
        """Take in the report of a worker that died in a seed before its test was known."""
        lost = self._lost.pop(nodeid, None)
        if lost is not None:
            group, seed = self._place(nodeid)
            group.running.setdefault(seed, SeedPhases()).add(phase_of(lost, None, self._rootdir))
            group.finish(seed)

    def argument(self, file: str, test: str) -> str:
        """A test of a file as a command line names it, from where pytest was started."""
        relative = os.path.relpath(file, self._started_in)
        return in_file(Path(relative).as_posix(), split_file(test)[1])
