"""The end of a run: the summary that pytest prints, and the reports that are written."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.invocation import invocation
from pytest_mlregress.reporting.build_report import RunOrigin, SuiteResults, run_report
from pytest_mlregress.reporting.report import ReportError, RunReport
from pytest_mlregress.reporting.rerun_note import rerun_note
from pytest_mlregress.reporting.shard_of_run import ShardOfRun
from pytest_mlregress.reporting.suite_line import suite_line
from pytest_mlregress.session.finished_run import FinishedRun
from pytest_mlregress.session.printed_commands import commands_stopped, stop_printed_commands
from pytest_mlregress.session.run_outputs import (
    LAST_LINES,
    write_outputs,
    write_report_files,
)
from pytest_mlregress.session.seed_collector import SeedCollector
from pytest_mlregress.session.stale_baselines import health_notes
from pytest_mlregress.session.suite_judge import SuiteJudge
from pytest_mlregress.session.timeline_hooks import timeline_of
from pytest_mlregress.session.unused_baselines import UnusedBaselines
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.judged_test import JudgedTest, with_all_seeds
from pytest_mlregress.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlregress.reporting.environment_table import EnvironmentRow
    from pytest_mlregress.reporting.sides import Sides
    from pytest_mlregress.verdicts.plan import SuitePlan


class RunSummary:
    """What is told of a run as a whole, once no more verdicts can come.

    Attributes:
        suite_plan: what is printed in place of the verdicts by ``--mlregress-plan``.
        cut_note: what a run that was cut says of the tests that it did not end.
    """

    def __init__(
        self,
        session: pytest.Session,
        settings: Settings,
        collector: SeedCollector,
        judge: SuiteJudge,
        judged: Mapping[str, Verdict],
    ) -> None:
        """``judged`` are the verdicts by test, kept up to date by others."""
        self.suite_plan: SuitePlan | None = None
        self.cut_note: str | None = None
        self._session = session
        self._settings = settings
        self._collector = collector
        self._judge = judge
        self._judged = judged
        self._started = time.time()

    def print_to(self, terminal: Any) -> None:
        """Print the summary table, or the plan, at the end of pytest's output."""
        config = self._session.config
        with commands_stopped(config, terminal):
            self._print_table(terminal)
            for path in self._settings.report:
                terminal.write_line(f"report: {path}")
        for line in config.stash.get(LAST_LINES, ()):
            terminal.write_line(line)

    def _print_table(self, terminal: Any) -> None:
        if self.suite_plan is not None:
            from pytest_mlregress.reporting.terminal import print_plan

            print_plan(terminal, self.suite_plan)
        elif self._settings.shard is not None:
            from pytest_mlregress.reporting.terminal import print_shard

            print_shard(terminal, self._run_report)
        elif self._judged:
            from pytest_mlregress.reporting.terminal import print_summary

            print_summary(terminal, self._run_report)
        elif self.cut_note is not None:
            from pytest_mlregress.reporting.step_text import step_lines

            terminal.section("mlregress")
            for line in step_lines(self.cut_note, terminal._tw.fullwidth, "note: "):
                terminal.write_line(line)
        else:
            for note in self._unused.notes():  # of a suite that has lost its last regression test
                terminal.write_line(f"mlregress: {note}")

    def write_reports(self, published: Mapping[str, pytest.TestReport]) -> None:
        """Write everything that was asked for; what cannot be written fails the run.

        Args:
            published: by test, the reports of the calls of verdicts that pytest has seen.
        """
        stop_printed_commands(self._session.config)
        if self._settings.shard is not None:
            self._write_shard()
            return
        if self._settings.prune:
            self._prune()
        finished = FinishedRun(
            config=self._session.config,
            settings=self._settings,
            groups=self._collector.groups,
            published=published,
            history=self._judge.history,
            make_report=lambda: self._run_report,
        )
        for error in write_outputs(finished):
            _fail_run(self._session, error)

    def _write_shard(self) -> None:
        """A shard without a verdict has nothing to leave behind but its report."""
        from pytest_mlregress.session.shard_items import collected_tests

        empty = self._session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        if empty and collected_tests(self._session.config):
            self._session.exitstatus = pytest.ExitCode.OK  # there are more jobs than seeds
        finished = FinishedRun(
            config=self._session.config,
            settings=self._settings,
            groups=self._collector.groups,
            published={},
            history=self._judge.history,
            make_report=lambda: self._run_report,
        )
        try:
            write_report_files(finished)
        except (ReportError, OSError) as error:
            _fail_run(self._session, error)

    @cached_property
    def _run_report(self) -> RunReport:
        return run_report(self._settings, self._origin, self._results, self._notes())

    @property
    def _origin(self) -> RunOrigin:
        config = self._session.config
        return RunOrigin(
            command=tuple(invocation(config)),
            started=self._started,
            code=self._code,
            rootdir=config.rootpath,
            folder=_folder_in_repository(config.rootpath),
            shard=self._shard,
        )

    @property
    def _results(self) -> SuiteResults:
        groups = self._collector.groups
        found = (group.environment for group in groups.values())
        return SuiteResults(
            verdicts=[with_all_seeds(one, groups[test]) for test, one in self._judged.items()],
            comparisons=self._comparisons,
            environments=[environment for environment in found if environment is not None],
            baselines=self._baselines,
            judged=self._tests,
            places={
                test: (group.plan.location[0], (group.plan.location[1] or 0) + 1)
                for test, group in groups.items()
            },
            sides=self._sides,
            timeline=timeline_of(self._session.config),
        )

    @property
    def _shard(self) -> ShardOfRun | None:
        shard = self._settings.shard
        if shard is None:
            return None
        from pytest_mlregress.session.shard_items import collected_tests

        return ShardOfRun(
            number=shard.number,
            count=shard.count,
            collected=collected_tests(self._session.config),
            exit_status=int(self._session.exitstatus),
            reruns=self._collector.reruns,
        )

    @property
    def _tests(self) -> dict[tuple[str, str], JudgedTest]:
        """What the verdicts were reached with; an update replaces the baselines it judges by."""
        if self._settings.updating and self._settings.shard is None:
            return {}
        groups = self._collector.groups.values()
        return {(g.plan.test, g.plan.tier): self._judge.test_of(g) for g in groups}

    @property
    def _code(self) -> WorkingTree | None:
        tree = self._judge.history.tree
        return tree if tree.commit is not None or tree.unknown is not None else None

    @property
    def _baselines(self) -> dict[tuple[str, str], Artifact]:
        """What the verdicts compared with; of one that cannot be read its verdict tells."""
        found: dict[tuple[str, str], Artifact] = {}
        if self._judge.base is not None:
            return found
        for group in self._collector.groups.values():
            with suppress(BaselineError):
                if (baseline := self._judge.baselines.read(group.plan)) is not None:
                    found[group.plan.test, group.plan.tier] = baseline
        return found

    @property
    def _sides(self) -> Sides | None:
        base, against = self._judge.base, self._settings.against
        if base is None or against is None:
            return None
        from pytest_mlregress.session.sides_of_run import sides_of_run

        sides = sides_of_run(against.text, base, self._judge.history.tree, self._collector.groups)
        suite = suite_line(list(self._judged.values())) if base.side.same_code else None
        return replace(sides, environment=self._environment_table, suite=suite)

    @cached_property
    def _environment_table(self) -> tuple[EnvironmentRow, ...] | None:
        """What differs between the environments; None where both sides have the same."""
        base = self._judge.base
        if base is None or base.environment is None:
            return None
        from pytest_mlregress.session.environment_comparison import table_of

        return table_of(base.environment, self._collector.groups.values())

    @cached_property
    def _evidence(self) -> str | None:
        """Keep a comparison of environments, once; what to do with it where there are baselines."""
        base, table = self._judge.base, self._environment_table
        if (
            self._settings.shard is not None
            or base is None
            or table is None
            or not base.side.same_code
        ):
            return None
        from pytest_mlregress.session.environment_comparison import record_evidence

        note = record_evidence(
            self._session,
            table=table,
            tree=self._judge.history.tree,
            groups=[(self._collector.groups[test], v) for test, v in self._judged.items()],
        )
        try:
            return note if self._judge.baselines.store.list() else None
        except BaselineError:  # an update will say so
            return note

    @property
    def _comparisons(self) -> int:
        if self._settings.updating:
            return 0
        if self._judge.base is not None:
            return sum(len(verdict.metrics) for verdict in self._judged.values())
        try:
            return self._judge.baselines.comparisons
        except BaselineError:  # every verdict of the run has said so
            return 0

    def _notes(self) -> Iterator[str]:
        if self._settings.shard is not None:
            yield from self._unknown_code
            return
        if self.cut_note is not None:
            yield self.cut_note
        if self._collector.reruns:
            yield rerun_note(self._collector.reruns)
        yield from self._judge.environment_revision.notes(self._judged)
        if self._evidence is not None:
            yield self._evidence
        if self._judge.base is None:  # an A/B run reads no baselines
            yield from self._health
            yield from self._unused.notes()

    @property
    def _unknown_code(self) -> tuple[str, ...]:
        unknown = self._judge.history.tree.unknown
        return () if unknown is None else (f"git cannot tell which code this is: {unknown}",)

    @cached_property
    def _health(self) -> tuple[str, ...]:
        if self._settings.updating:
            return ()
        tree = self._judge.history.tree
        if self._unknown_code:
            return self._unknown_code
        return health_notes(self._judged.values(), self._judge.green_runs, tree.commit or "")

    @cached_property
    def _unused(self) -> UnusedBaselines:
        plans = [group.plan for group in self._collector.groups.values()]
        return UnusedBaselines(self._session, self._judge.baselines, plans)

    def _prune(self) -> None:
        """Delete unused baselines, but only after a complete, green, unfiltered run."""
        green = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self._session.exitstatus not in green:
            return
        try:
            self._unused.prune()
        except BaselineError as error:
            _fail_run(self._session, error)


def _folder_in_repository(rootdir: Path) -> str:
    """Relative to the nearest folder that holds a `.git`; "." where there is none."""
    top = next((path for path in (rootdir, *rootdir.parents) if (path / ".git").exists()), rootdir)
    return rootdir.relative_to(top).as_posix()


def _fail_run(session: pytest.Session, error: Exception) -> None:
    """Tell what went wrong after the last test; a run that was green is not any more."""
    print(f"ERROR: {error}", file=sys.stderr)
    if session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
