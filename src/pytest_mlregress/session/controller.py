"""The one object that reaches verdicts: on the controller, or in the only process.

It leads each seed's reports to a verdict, the verdict to pytest, and all of them to the reports.
What it asks for at each step lives in the rooms `verdicts`, `baselines` and `reporting`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from functools import cached_property
from typing import Any

import pytest

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.provenance import collect_provenance
from pytest_mlregress.invocation import invocation
from pytest_mlregress.reporting.build_report import run_report
from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.revisions.history import History
from pytest_mlregress.running.stop_flags import StopFlags
from pytest_mlregress.session.at_collection import plan_items, suite_baselines_of
from pytest_mlregress.session.clean_tree import clean_tree
from pytest_mlregress.session.pytest_reports import publish, run_again, warn
from pytest_mlregress.session.seed_collector import SeedCollector
from pytest_mlregress.session.stale_baselines import health_notes
from pytest_mlregress.session.unused_baselines import UnusedBaselines
from pytest_mlregress.session.verdict_items import VerdictItems
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.advice import nothing_recorded
from pytest_mlregress.verdicts.afterwards import late_notes, with_late_seed
from pytest_mlregress.verdicts.confirmation import Confirmation, confirm, needs_confirmation
from pytest_mlregress.verdicts.green_runs import GreenRuns
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup
from pytest_mlregress.verdicts.judge import incomplete, judge
from pytest_mlregress.verdicts.plan import SuitePlan
from pytest_mlregress.verdicts.policy import Rules, rules_for
from pytest_mlregress.verdicts.unaffordable import note_on_next_check
from pytest_mlregress.verdicts.unusable import unusable_baseline
from pytest_mlregress.verdicts.update import judge_update
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind


class Verdicts:
    """Collects the seeds' reports, judges each test, and reports its verdict to pytest."""

    def __init__(
        self,
        session: pytest.Session,
        settings: Settings,
        flags: StopFlags,
        under_way: Set[str] = frozenset(),
    ) -> None:
        """``under_way`` are the node ids that have started and not ended, kept up to date."""
        self._session = session
        self._settings = settings
        self._flags = flags
        self._started = time.time()
        self._baselines = suite_baselines_of(session.config, settings)
        self._tree = (
            clean_tree(session.config.rootpath, allow_dirty=settings.allow_dirty)
            if settings.updating
            else None
        )
        self._history = History(session.config.rootpath)
        self._collector = SeedCollector(
            session.config.invocation_params.dir, settings, parallel=_workers(session.config) > 0
        )
        self._under_way = under_way
        self._judged: dict[str, Verdict] = {}
        self._unconfirmed: list[str] = []
        self._held: dict[str, None] = {}
        self._items = VerdictItems(session)
        self._nextitem: pytest.Item | None = None
        self._published: dict[str, pytest.TestReport] = {}
        self._unwritten: dict[str, Artifact] = {}
        self._suite_plan: SuitePlan | None = None

    def report(self, report: pytest.TestReport) -> None:
        """Take in a report of a seed; those of other items are left alone."""
        if self._collector.take(report) and self.ends(report.nodeid):
            self.finish(report.nodeid)

    def on_worker_crash(self, nodeid: str, report: pytest.TestReport, scheduler: object) -> None:
        """A worker died in a seed: let another one run it again, once, if it is still needed."""
        owner = self._collector.owner(nodeid)
        if owner is None or owner[0] not in self._judged:
            self._collector.on_worker_crash(nodeid, report, scheduler)

    def ends(self, nodeid: str) -> bool:
        """An attempt has ended: whether it was a seed's, and the last one."""
        return self._collector.finish(nodeid) is not None

    def finish(self, nodeid: str, nextitem: pytest.Item | None = None) -> None:
        """A seed is over: judge its test, if that is possible already, before ``nextitem`` runs."""
        self._nextitem = nextitem
        owner = self._collector.owner(nodeid)
        if owner is None:
            return
        group = self._collector.groups[owner[0]]
        if group.plan.test in self._judged:
            self._finish_late(group, owner[1])
        elif (verdict := self._judge(group)) is not None:
            self._conclude(group, verdict)

    def _finish_late(self, group: SeedGroup, seed: int) -> None:
        """A seed that its verdict did not wait for is over."""
        test = group.plan.test
        before = self._judged[test]
        verdict = self._judged[test] = with_late_seed(before, group, seed)
        if verdict.colour is not before.colour and test in self._published:
            self._publish(group)  # the green report is out, and a run must not end green with it
        elif test in self._held:
            self._announce(group)

    def close(self) -> None:
        """No more seeds will come: judge what is left."""
        self._nextitem = None
        for test, group in self._collector.groups.items():
            group.finish_all()
            if test not in self._judged:
                self._conclude(group, self._judge(group) or self._incomplete(group))
        self._publish_held()
        for test in self._unconfirmed:
            self._confirm(self._collector.groups[test])
        self._note_odd_values()
        if self._settings.updating:
            self._warn_of_unaffordable_margins()
        self._list_for_rerun()

    def _publish_held(self) -> None:
        for test in tuple(self._held):
            del self._held[test]
            self._publish(self._collector.groups[test])

    def _note_odd_values(self) -> None:
        """Name what is odd in values that no verdict rests on."""
        for test, verdict in self._judged.items():
            group = self._collector.groups[test]
            notes = late_notes(verdict, group)
            self._judged[test] = replace(verdict, notes=(*verdict.notes, *notes))
            for note in notes:
                warn(self._session, group.plan, note)

    def interrupt(self) -> None:
        """The run was cut: what has no verdict is incomplete, without another failure."""
        for test, group in self._collector.groups.items():
            if test not in self._judged:
                self._judged[test] = self._incomplete(group)
        self._publish_held()
        self._list_for_rerun()

    def _incomplete(self, group: SeedGroup) -> Verdict:
        reason = "the run ended early"
        return incomplete(group, self._rules(group.plan), reason)

    def _list_for_rerun(self) -> None:
        failed = [test for test, verdict in self._judged.items() if verdict.colour is Colour.RED]
        run_again(
            self._session.config,
            [
                (self._collector.groups[test].plan, self._collector.node_ids(test))
                for test in failed
            ],
        )

    def _rules(self, plan: GroupPlan) -> Rules:
        return rules_for(self._settings, plan.settings, comparisons=self._baselines.comparisons)

    def _judge(self, group: SeedGroup) -> Verdict | None:
        try:
            baseline = self._baselines.read(group.plan)
            rules = self._rules(group.plan)
            if baseline is not None:
                rules = replace(rules, green_runs=self._earlier_runs(group.plan, baseline))
            if self._settings.updating:
                return self._update(group, baseline, rules)
            return judge(group, baseline, rules, self._history)
        except BaselineError as error:
            return unusable_baseline(group, error, updating=self._settings.updating)

    def _update(self, group: SeedGroup, baseline: Artifact | None, rules: Rules) -> Verdict | None:
        provenance = collect_provenance(
            self._session.config.rootpath,
            seeds=group.plan.planned,
            environment=group.environment or {},
            command=invocation(self._session.config),
            tree=self._tree,
        )
        update = judge_update(
            group, baseline, rules, provenance, rebase_reason=self._settings.rebase_anchor
        )
        if update is None:
            return None
        if update.artifact is not None:
            self._unwritten[group.plan.test] = update.artifact
        return update.verdict

    def _write_baseline(self, group: SeedGroup) -> None:
        """Keep the artifact of an update that no late seed has turned red."""
        test = group.plan.test
        artifact = self._unwritten.pop(test, None)
        if artifact is None or self._judged[test].kind is VerdictKind.DIVERGED:
            return
        try:
            self._baselines.write(group.plan, artifact)
        except BaselineError as error:
            self._judged[test] = unusable_baseline(group, error, updating=True)

    def _conclude(self, group: SeedGroup, verdict: Verdict) -> None:
        if group.heard:
            note = f"guards: {', '.join(group.heard)}"
            verdict = replace(verdict, notes=(*verdict.notes, note))
        self._judged[group.plan.test] = verdict
        if self._settings.stop == "early" or self._settings.updating:
            self._flags.raise_for(group.plan.test)
        self._announce(group)

    def _announce(self, group: SeedGroup) -> None:
        """Report the verdict to pytest, unless something else has to come first."""
        test = group.plan.test
        verdict = self._judged[test]
        if verdict.kind is VerdictKind.SKIPPED:
            return
        if any(seed.outcome == "failed" for seed in verdict.seeds):
            self._held.pop(test, None)
            self._write_baseline(group)
            return  # the seed's own failure is reported already, with its traceback
        if self._settings.confirm and needs_confirmation(verdict):
            self._unconfirmed.append(test)
        elif verdict.colour is not Colour.RED and self._may_still_fail(group):
            self._held[test] = None
        else:
            self._held.pop(test, None)
            self._publish(group)

    def _may_still_fail(self, group: SeedGroup) -> bool:
        """Whether a seed that the verdict did not wait for may raise or die.

        What workers have started is known a moment late. A baseline is written once, and so waits
        there until the test's last seed has ended or was stopped; without workers no seed that
        could take it back runs, and a run that is killed later keeps it.
        """
        test = group.plan.test
        if group.plan.parallel and test in self._unwritten:
            return not group.complete
        return not self._under_way.isdisjoint(self._collector.node_ids(test).values())

    def _confirm(self, group: SeedGroup) -> None:
        """Test a red on fresh seeds, in processes of their own, and report what they leave."""
        config = self._session.config
        setting = Confirmation(
            rootdir=config.rootpath,
            workers=_workers(config),
            threads=str(self._settings.threads),
            update_command=group.plan.update_command,
        )
        first = self._judged[group.plan.test]
        if not any(seed.outcome in ("failed", "crashed") for seed in first.seeds):
            confirmed = confirm(first, self._rules(group.plan), setting)
            self._judged[group.plan.test] = confirmed
        self._publish(group)

    def _warn_of_unaffordable_margins(self) -> None:
        """Say what the next check will: only now is it known how many comparisons share alpha."""
        recorded = [t for t, v in self._judged.items() if v.kind is VerdictKind.RECORDED]
        if not recorded:
            return
        comparisons = self._baselines.count()
        for test in recorded:
            group, verdict = self._collector.groups[test], self._judged[test]
            baseline = self._baselines.read(group.plan)
            rules = rules_for(self._settings, group.plan.settings, comparisons=comparisons)
            note = note_on_next_check(group, baseline, rules) if baseline is not None else None
            if note is not None:
                self._judged[test] = replace(verdict, notes=(*verdict.notes, note))
                warn(self._session, group.plan, note)

    def _publish(self, group: SeedGroup) -> None:
        self._write_baseline(group)
        test = group.plan.test
        verdict = self._judged[test]
        self._published[test] = publish(
            self._session,
            group.plan,
            verdict,
            failure_text(verdict),
            self._items.of(group.plan),
            self._nextitem,
        )
        if verdict.colour is Colour.YELLOW or verdict.kind is VerdictKind.MINOR:
            warn(self._session, group.plan, headline(verdict))
        elif (problem := nothing_recorded(verdict, group.plan)) is not None:
            warn(self._session, group.plan, problem)

    def plan(self, items: list[pytest.Item]) -> None:
        """Plan the collected tests instead of running them.

        Raises:
            pytest.UsageError: a baseline cannot be read.
        """
        try:
            self._suite_plan = plan_items(self._session.config, self._settings, items)
        except BaselineError as error:
            raise pytest.UsageError(str(error)) from None

    def print_summary(self, terminal: Any) -> None:
        """Print the summary table, or the plan, at the end of pytest's output."""
        if self._suite_plan is not None:
            from pytest_mlregress.reporting.terminal import print_plan

            print_plan(terminal, self._suite_plan)
        elif self._judged:
            from pytest_mlregress.reporting.terminal import print_summary

            print_summary(terminal, self.run_report)
        else:
            for note in self._unused.notes():  # of a suite that has lost its last regression test
                terminal.write_line(f"mlregress: {note}")
        for path in self._settings.report:
            terminal.write_line(f"report: {path}")

    def write_reports(self, session: pytest.Session) -> None:
        """Write every report that was asked for; one that cannot be written fails the run."""
        if self._settings.prune:
            self._prune(session)
        for path in self._settings.report:
            from pytest_mlregress.reporting.report import ReportError
            from pytest_mlregress.reporting.write_report import write_report

            try:
                write_report(path, self.run_report)
            except ReportError as error:
                _fail_run(session, error)
        allure = session.config.pluginmanager.getplugin("mlregress-allure")
        if allure is not None:
            try:
                allure.write(self.run_report, self._published)
            except OSError as error:
                _fail_run(session, error)

    @property
    def seed_node_ids(self) -> frozenset[str]:
        """The node ids of all seeds that have reported."""
        return self._collector.seed_node_ids

    @cached_property
    def run_report(self) -> RunReport:
        """The run as its reports tell it, once no more verdicts can come."""
        return run_report(
            [
                replace(verdict, seeds=self._collector.groups[test].reported)
                for test, verdict in self._judged.items()
            ],
            self._settings,
            notes=self._notes(),
            comparisons=0 if self._settings.updating else self._comparisons,
            started=self._started,
            command=invocation(self._session.config),
            environments=[
                group.environment
                for group in self._collector.groups.values()
                if group.environment is not None
            ],
        )

    @property
    def _comparisons(self) -> int:
        try:
            return self._baselines.comparisons
        except BaselineError:  # every verdict of the run has said so
            return 0

    def _notes(self) -> Iterator[str]:
        if self._collector.reruns:
            yield (
                "failed attempts that pytest-rerunfailures made again: "
                f"{self._collector.reruns}; only the last attempt counts, and a seed that fails "
                "and then passes is not deterministic"
            )
        yield from self._health
        yield from self._unused.notes()

    @cached_property
    def _health(self) -> tuple[str, ...]:
        if self._settings.updating:
            return ()
        tree = self._history.tree
        if tree.unknown is not None:
            return (f"git cannot tell which code this is: {tree.unknown}",)
        return health_notes(self._judged.values(), self._green_runs, tree.commit or "")

    def _earlier_runs(
        self, plan: GroupPlan, baseline: Artifact
    ) -> Mapping[str, tuple[Mapping[int, float], ...]]:
        commit = self._history.tree.commit or ""
        return self._green_runs.unchanged(plan.test, plan.tier, baseline, commit)

    @cached_property
    def _green_runs(self) -> GreenRuns:
        return GreenRuns(getattr(self._session.config, "cache", None))

    @cached_property
    def _unused(self) -> UnusedBaselines:
        plans = [group.plan for group in self._collector.groups.values()]
        return UnusedBaselines(self._session, self._baselines, plans)

    def _prune(self, session: pytest.Session) -> None:
        """Delete unused baselines, but only after a complete, green, unfiltered run."""
        if session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return
        try:
            self._unused.prune()
        except BaselineError as error:
            _fail_run(session, error)


def _workers(config: pytest.Config) -> int:
    """How many processes of pytest-xdist run seeds; 0 where this one does."""
    return len(getattr(config.option, "tx", None) or ())


def _fail_run(session: pytest.Session, error: Exception) -> None:
    """Tell what went wrong after the last test; a run that was green is not any more."""
    print(f"ERROR: {error}", file=sys.stderr)
    if session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
