"""The one object that reaches verdicts: on the controller, or in the only process."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress import __version__, _compat
from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.paths import BaselineKey
from pytest_mlregress.baselines.provenance import WorkingTree, collect_provenance, working_tree
from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.running.collecting import seed_id
from pytest_mlregress.running.execution import REPORT_ATTRIBUTE
from pytest_mlregress.running.flags import StopFlags
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.collection import desk_of, plan_items
from pytest_mlregress.verdicts.confirming import Confirmation, confirm, needs_confirmation
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup, SeedReports
from pytest_mlregress.verdicts.health import RecentRuns, health_line
from pytest_mlregress.verdicts.housekeeping import unused_baselines
from pytest_mlregress.verdicts.judging import incomplete, judge
from pytest_mlregress.verdicts.planning import SuitePlan
from pytest_mlregress.verdicts.publishing import publish, run_again, warn
from pytest_mlregress.verdicts.rules import Rules, rules_for
from pytest_mlregress.verdicts.unusable import unusable_baseline
from pytest_mlregress.verdicts.updating import judge_update
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

PHASES: Final = ("setup", "call", "teardown")


class Verdicts:
    """Collects the seeds' reports, judges each test, and reports its verdict to pytest."""

    def __init__(self, session: pytest.Session, settings: Settings, flags: StopFlags) -> None:
        self._session = session
        self._settings = settings
        self._flags = flags
        self._started = time.time()
        self._desk = desk_of(session.config, settings)
        self._tree = _clean_tree(session, settings) if settings.updating else None
        self._groups: dict[str, SeedGroup] = {}
        self._seeds: dict[str, tuple[str, int]] = {}
        self._lost: dict[str, pytest.TestReport] = {}
        self._retried: set[str] = set()
        self._judged: dict[str, Verdict] = {}
        self._reruns = 0
        self._in_vain: set[str] = set()
        self._unconfirmed: list[str] = []
        self._pruned: set[BaselineKey] = set()
        self._suite_plan: SuitePlan | None = None

    def report(self, report: pytest.TestReport) -> None:
        """Take in a report of a seed; those of other items are left alone."""
        payload: Mapping[str, Any] | None = getattr(report, REPORT_ATTRIBUTE, None)
        if str(report.outcome) == "rerun":  # pytest-rerunfailures, or a worker that is replaced
            if payload is not None:
                self._reruns += 1
                self._in_vain.add(report.nodeid)
            return
        if payload is not None:
            self._register(report.nodeid, payload)
        elif report.nodeid not in self._seeds:
            if report.failed:
                self._lost[report.nodeid] = report
            return
        test, seed = self._seeds[report.nodeid]
        self._groups[test].running.setdefault(seed, SeedReports()).add(report, payload)
        if report.when not in PHASES:  # no logfinish follows: the seed's worker is gone
            self.finish(report.nodeid)

    def lost(self, nodeid: str, report: pytest.TestReport, scheduler: object) -> None:
        """A worker died in a seed: let another one run it again, once."""
        if nodeid not in self._seeds or nodeid in self._retried:
            return
        if _compat.reschedule(scheduler, nodeid):
            self._retried.add(nodeid)
            test, seed = self._seeds[nodeid]
            self._groups[test].running.pop(seed, None)
            report.outcome = "rerun"  # type: ignore[assignment]  # as xdist documents it

    def finish(self, nodeid: str) -> None:
        """A seed is over: judge its test, if that is possible already."""
        if nodeid not in self._seeds:
            return
        test, seed = self._seeds[nodeid]
        group = self._groups[test]
        if nodeid in self._in_vain:  # the end of an attempt that is made again
            self._in_vain.remove(nodeid)
            group.running.pop(seed, None)
            return
        group.finish(seed)
        if test not in self._judged:
            verdict = self._judge(group)
            if verdict is not None:
                self._conclude(group, verdict)

    def close(self) -> None:
        """No more seeds will come: judge what is left."""
        for test, group in self._groups.items():
            for seed in tuple(group.running):
                group.finish(seed)
            if test not in self._judged:
                self._conclude(group, self._judge(group) or self._incomplete(group))
        for test in self._unconfirmed:
            self._confirm(self._groups[test])
        self._list_for_rerun()

    def interrupt(self) -> None:
        """The run was cut: what has no verdict is incomplete, without another failure."""
        for test, group in self._groups.items():
            if test not in self._judged:
                self._judged[test] = self._incomplete(group)
        self._list_for_rerun()

    def _incomplete(self, group: SeedGroup) -> Verdict:
        reason = "the run ended early"
        return incomplete(group, self._rules(group.plan), reason)

    def _list_for_rerun(self) -> None:
        failed = [test for test, verdict in self._judged.items() if verdict.colour is Colour.RED]
        run_again(
            self._session.config,
            [(self._groups[test].plan, self._node_ids(test)) for test in failed],
        )

    def _register(self, nodeid: str, payload: Mapping[str, Any]) -> None:
        if nodeid in self._seeds:
            return
        plan = GroupPlan.from_builtins(payload)
        plan = replace(plan, argument=self._argument(plan))
        group = self._groups.setdefault(plan.test, SeedGroup(plan))
        self._seeds[nodeid] = (plan.test, payload["seed"])
        # A seed whose worker died in its set-up never said what it belongs to; its test does.
        for seed in plan.selected:
            lost = self._lost.pop(_node_id(nodeid, payload["seed"], seed), None)
            if lost is not None:
                self._seeds[lost.nodeid] = (plan.test, seed)
                group.running.setdefault(seed, SeedReports()).add(lost, None)
                group.finish(seed)

    def _argument(self, plan: GroupPlan) -> str:
        """The test as a command line names it, from where pytest was started."""
        file = os.path.relpath(plan.file, self._session.config.invocation_params.dir)
        return f"{Path(file).as_posix()}::{plan.test.partition('::')[2]}"

    def _node_ids(self, test: str) -> dict[int, str]:
        nodeid, seed = next(
            (nodeid, seed) for nodeid, (owner, seed) in self._seeds.items() if owner == test
        )
        return {other: _node_id(nodeid, seed, other) for other in self._groups[test].plan.selected}

    def _rules(self, plan: GroupPlan) -> Rules:
        return rules_for(self._settings, plan.settings, comparisons=self._desk.comparisons)

    def _judge(self, group: SeedGroup) -> Verdict | None:
        try:
            baseline = self._desk.read(group.plan)
            rules = self._rules(group.plan)
            if self._settings.updating:
                return self._update(group, baseline, rules)
            return judge(group, baseline, rules)
        except BaselineError as error:
            return unusable_baseline(group, error, updating=self._settings.updating)

    def _update(self, group: SeedGroup, baseline: Artifact | None, rules: Rules) -> Verdict | None:
        provenance = collect_provenance(
            self._session.config.rootpath,
            seeds=group.plan.planned,
            environment=group.environment or {},
            tree=self._tree,
        )
        update = judge_update(
            group, baseline, rules, provenance, rebase_reason=self._settings.rebase_anchor
        )
        if update is None:
            return None
        if update.artifact is not None:
            self._desk.store.write(self._desk.key(group.plan), update.artifact)
        return update.verdict

    def _conclude(self, group: SeedGroup, verdict: Verdict) -> None:
        self._judged[group.plan.test] = verdict
        if self._settings.stop == "early":
            self._flags.raise_for(group.plan.test)
        if verdict.kind is VerdictKind.SKIPPED:
            return
        if any(seed.outcome == "failed" for seed in verdict.seeds):
            return  # the seed's own failure is reported already, with its traceback
        if self._settings.confirm and needs_confirmation(verdict):
            self._unconfirmed.append(group.plan.test)
            return
        self._publish(group, verdict)

    def _confirm(self, group: SeedGroup) -> None:
        """Test a red on fresh seeds, in processes of their own, and report what they leave."""
        config = self._session.config
        setting = Confirmation(
            rootdir=config.rootpath,
            workers=len(getattr(config.option, "tx", None) or ()),
            threads=str(self._settings.threads),
        )
        first = self._judged[group.plan.test]
        verdict = self._judged[group.plan.test] = confirm(first, self._rules(group.plan), setting)
        self._publish(group, verdict)

    def _publish(self, group: SeedGroup, verdict: Verdict) -> None:
        text = failure_text(verdict)
        publish(self._session, group.plan, verdict, text)
        if verdict.colour is Colour.YELLOW or verdict.kind is VerdictKind.MINOR:
            warn(self._session, group.plan, headline(verdict))

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
        for path in self._settings.report:
            terminal.write_line(f"report: {path}")

    def write_reports(self, session: pytest.Session) -> None:
        """Write every report that was asked for; one that cannot be written fails the run."""
        if self._settings.prune:
            self._prune(session)
        for path in self._settings.report:
            from pytest_mlregress.reporting.files import write_report
            from pytest_mlregress.reporting.report import ReportError

            try:
                write_report(path, self.run_report)
            except ReportError as error:
                _fail_run(session, error)

    @cached_property
    def run_report(self) -> RunReport:
        """The run as its reports tell it, once no more verdicts can come."""
        verdicts = tuple(
            replace(verdict, seeds=self._groups[test].reported)
            for test, verdict in self._judged.items()
        )
        return RunReport(
            verdicts=verdicts,
            settings=asdict(self._settings),
            notes=tuple(self._notes()),
            comparisons=0 if self._settings.updating else self._comparisons,
            alpha=self._settings.alpha,
            duration=time.time() - self._started,
            started=datetime.fromtimestamp(self._started, UTC).isoformat(timespec="seconds"),
            command=shlex.join(sys.orig_argv),
            version=__version__,
            q_values=_q_values(verdicts),
        )

    @property
    def _comparisons(self) -> int:
        try:
            return self._desk.comparisons
        except BaselineError:  # every verdict of the run has said so
            return 0

    def _notes(self) -> Iterator[str]:
        if self._reruns:
            yield (
                f"failed attempts that pytest-rerunfailures made again: {self._reruns}; only the "
                "last attempt counts, and a seed that fails and then passes is not deterministic"
            )
        yield from self._health
        for key in self._unused:
            place = self._desk.store.describe(key)
            if key in self._pruned:
                yield f"deleted unused baseline {place}: its test is gone"
            else:
                yield (
                    f"unused baseline {place}: its test is gone; delete it with --mlregress-prune"
                )

    @cached_property
    def _health(self) -> tuple[str, ...]:
        """What earlier green runs say against the baselines; today's are remembered."""
        config = self._session.config
        commit = working_tree(config.rootpath).commit
        if commit is None or self._settings.updating:
            return ()
        recent = RecentRuns(getattr(config, "cache", None))
        for verdict in self._judged.values():
            recent.remember(verdict, commit)
        recent.save()
        return tuple(
            f"{verdict.test}: {line}"
            for verdict in self._judged.values()
            for metric in verdict.metrics
            if (line := health_line(metric, recent.of(verdict, metric))) is not None
        )

    @cached_property
    def _unused(self) -> tuple[BaselineKey, ...]:
        plans = [group.plan for group in self._groups.values()]
        try:
            return unused_baselines(self._session, self._desk, plans)
        except BaselineError:  # every verdict of the run has said so
            return ()

    def _prune(self, session: pytest.Session) -> None:
        """Delete unused baselines, but only after a complete, green, unfiltered run."""
        if session.exitstatus != pytest.ExitCode.OK or not self._judged:
            return
        try:
            for key in self._unused:
                self._desk.store.delete(key)
                self._pruned.add(key)
        except BaselineError as error:
            _fail_run(session, error)


def _fail_run(session: pytest.Session, error: Exception) -> None:
    """Tell what went wrong after the last test; a run that was green is not any more."""
    print(f"ERROR: {error}", file=sys.stderr)
    if session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


def _q_values(verdicts: Sequence[Verdict]) -> dict[tuple[str, str, str], float]:
    """Benjamini-Hochberg's q of every comparison of the run, as information."""
    from pytest_mlregress.statistics.multiplicity import q_values

    compared = [
        ((verdict.test, verdict.tier, metric.name), metric.comparison.p_harm)
        for verdict in verdicts
        for metric in verdict.metrics
        if metric.comparison is not None
    ]
    values = q_values([p for _, p in compared])
    return {name: q for (name, _), q in zip(compared, values, strict=True)}


def _clean_tree(session: pytest.Session, settings: Settings) -> WorkingTree:
    """The state of the code, which must be a commit unless the user says otherwise."""
    tree = working_tree(session.config.rootpath)
    if tree.dirty and not settings.allow_dirty:
        shown = ", ".join(tree.changed[:3]) + (", ..." if len(tree.changed) > 3 else "")
        raise pytest.UsageError(
            f"--mlregress-update: the working tree has uncommitted changes ({shown}), so that no "
            "commit would tell which code these baselines belong to; commit them first, or pass "
            "--mlregress-allow-dirty"
        )
    return tree


def _node_id(known: str, known_seed: int, seed: int) -> str:
    """The node id of another seed of the same test."""
    head, _, tail = known.rpartition(seed_id(known_seed))
    return head + seed_id(seed) + tail
