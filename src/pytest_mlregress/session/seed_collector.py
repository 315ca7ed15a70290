"""Which test and which seed each report belongs to: the seeds of a run, gathered by test."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_mlregress.node_ids import has_seed, in_file, replace_seed, seed_id, split_file
from pytest_mlregress.running.markers import DEFAULT_TIER
from pytest_mlregress.running.pairs import base_seed_id
from pytest_mlregress.running.result import STOPPED_MESSAGE, SeedResult
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE
from pytest_mlregress.session.lost_seeds import LostSeeds, leave_out
from pytest_mlregress.session.seed_reports import PHASES, phase_of, slim_down
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup, SeedPhases


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
        lost: LostSeeds | None = None,
    ) -> None:
        self.groups: dict[str, SeedGroup] = {}
        self.reruns = 0
        self._started_in = started_in
        self._rootdir = rootdir
        self._settings = settings
        self._parallel = parallel
        self._node_ids: dict[str, dict[int, str]] = {}
        self._seeds: dict[str, tuple[str, int]] = {}
        self._base_seeds: dict[str, tuple[str, int]] = {}
        self._lost = lost or LostSeeds()
        self._of_unknown_tests: dict[str, pytest.TestReport] = {}
        self._superseded: set[str] = set()
        self._environment: Mapping[str, Any] | None = None
        self._taken: dict[str, list[pytest.TestReport]] = {}

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
                self._of_unknown_tests[report.nodeid] = report
            return False
        group, seed = self._place(report.nodeid)
        if payload is None and report.passed and seed in group.results:
            return False  # it has ended before its worker did
        group.running.setdefault(seed, SeedPhases()).add(phase_of(report, payload, self._rootdir))
        self._taken.setdefault(report.nodeid, []).append(report)
        return report.when not in PHASES

    def owner(self, nodeid: str) -> tuple[str, int] | None:
        """The test and the seed that a node id stands for, None for that of no known seed."""
        return self._seeds.get(nodeid) or self._base_seeds.get(nodeid)

    def release(self, nodeid: str) -> None:
        """Nothing reads the reports of this node id any more, but pytest keeps them."""
        slim_down(self._taken.pop(nodeid, ()))

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
        if group.environment is not None and group.environment is not self._environment:
            if group.environment != self._environment:
                self._environment = group.environment
            group.environment = self._environment  # most tests train in the same one
        return group

    def on_worker_crash(
        self, nodeid: str, report: pytest.TestReport, scheduler: object, *, needed: bool = True
    ) -> None:
        """A worker died in a seed: let another one run it again, if that is still to be done.

        Args:
            nodeid: of the seed.
            report: of the loss; changed to what is to be reported of it.
            scheduler: what hands out the items.
            needed: False where the verdict of its test is certain: the seed is cancelled.
        """
        if self.owner(nodeid) is None:
            if has_seed(nodeid):
                self._lost.run_again(nodeid, report, scheduler)
            return
        group, seed = self._place(nodeid)
        self._superseded.discard(nodeid)  # the end of that attempt will not be reported
        if seed in group.results:
            leave_out(report)
        elif not needed:
            group.running.pop(seed, None)
            group.results[seed] = SeedResult(seed, "cancelled", message=STOPPED_MESSAGE)
            leave_out(report)
        elif self._lost.run_again(nodeid, report, scheduler):
            group.running.pop(seed, None)

    @property
    def seed_node_ids(self) -> frozenset[str]:
        """The node ids of all seeds that have reported."""
        return frozenset(self._seeds) | frozenset(self._base_seeds)

    def node_ids(self, test: str) -> dict[int, str]:
        """The node ids of a test's selected seeds, by seed."""
        return self._node_ids[test]

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
        node_ids = self._node_ids[plan.test] = {}
        for seed in plan.selected:
            other = node_ids[seed] = replace_seed(nodeid, payload["seed"], seed_id(seed))
            self._seeds[other] = (plan.test, seed)
            self._recover(other)
            if group.base is not None:
                self._base_seeds[base_seed_id(other, seed)] = (plan.test, seed)
                self._recover(base_seed_id(other, seed))

    def _recover(self, nodeid: str) -> None:
        """Take in the report of a worker that died in a seed before its test was known."""
        lost = self._of_unknown_tests.pop(nodeid, None)
        if lost is not None:
            group, seed = self._place(nodeid)
            group.running.setdefault(seed, SeedPhases()).add(phase_of(lost, None, self._rootdir))
            group.finish(seed)

    def argument(self, file: str, test: str) -> str:
        """A test of a file as a command line names it, from where pytest was started."""
        relative = os.path.relpath(file, self._started_in)
        return in_file(Path(relative).as_posix(), split_file(test)[1])
