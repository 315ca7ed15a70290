"""The one object that reaches verdicts: on the controller, or in the only process.

It decides when a test is judged, and when its verdict is reported to pytest.
How a verdict is reached is in `suite_judge`, what the run tells at its end in `run_summary`.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.running.stop_flags import StopFlags
from pytest_mlregress.session.cut_short import cut_note, tests_of_run
from pytest_mlregress.session.lost_seeds import LostSeeds
from pytest_mlregress.session.mlregress_warning import warn_of_verdict
from pytest_mlregress.session.pytest_reports import publish, run_again
from pytest_mlregress.session.report_status import COUNTED
from pytest_mlregress.session.run_summary import RunSummary
from pytest_mlregress.session.seed_collector import SeedCollector
from pytest_mlregress.session.seed_reports import is_read_later
from pytest_mlregress.session.suite_judge import SuiteJudge
from pytest_mlregress.session.verdict_items import VerdictItems
from pytest_mlregress.session.verdict_text import VerdictText
from pytest_mlregress.session.worker_count import worker_count
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.advice import nothing_recorded
from pytest_mlregress.verdicts.afterwards import late_notes, with_late_seed, with_notes_of_seeds
from pytest_mlregress.verdicts.confirmation import needs_confirmation
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.unaffordable import too_few_seeds
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.session.base_of_run import BaseOfRun

_FORGET_AFTER: Final = 1_000
"""Seeds after which pytest is made to forget reports that nobody reads, at the least."""


class Verdicts:
    """Collects the seeds' reports, has each test judged, and reports its verdict to pytest.

    Attributes:
        summary: what is told of the run as a whole.
    """

    def __init__(
        self,
        session: pytest.Session,
        settings: Settings,
        flags: StopFlags,
        under_way: Set[str] = frozenset(),
        base: BaseOfRun | None = None,
        lost: LostSeeds | None = None,
    ) -> None:
        """``under_way`` are the node ids that have started and not ended, kept up to date.

        ``base`` is what an A/B run compares with; None in any other run. ``lost`` counts the seeds
        whose worker dies.
        """
        self._session = session
        self._settings = settings
        self._flags = flags
        self._judge = SuiteJudge(session.config, settings, base)
        self._collector = SeedCollector(
            session.config.invocation_params.dir,
            settings,
            parallel=worker_count(session.config) > 0,
            rootdir=session.config.rootpath,
            lost=lost,
        )
        self._under_way = under_way
        self._judged: dict[str, Verdict] = {}
        self._unconfirmed: list[str] = []
        self._until_forgotten = _FORGET_AFTER
        self._held: dict[str, None] = {}
        self._items = VerdictItems(session)
        self._nextitem: pytest.Item | None = None
        self._published: dict[str, pytest.TestReport] = {}
        self.summary = RunSummary(session, settings, self._collector, self._judge, self._judged)

    def report(self, report: pytest.TestReport) -> None:
        """Take in a report of a seed; those of other items are left alone."""
        if self._collector.take(report) and self.ends(report.nodeid):
            self.finish(report.nodeid)

    def on_worker_crash(self, nodeid: str, report: pytest.TestReport, scheduler: object) -> None:
        """A worker died in a seed: let another one run it again, if it is still needed."""
        test, _ = self._collector.owner(nodeid) or ("", 0)
        needed = test not in self._judged or not self._flags.is_raised(test)
        self._collector.on_worker_crash(nodeid, report, scheduler, needed=needed)

    def ends(self, nodeid: str) -> bool:
        """An attempt has ended: whether it was a seed's, and the last one."""
        return self._collector.finish(nodeid) is not None

    def release(self, nodeid: str) -> None:
        """All that is made of the reports of an attempt has been made."""
        self._collector.release(nodeid)
        self._until_forgotten -= 1
        if self._until_forgotten == 0:
            kept = _compat.forget_reports(self._session.config, is_read_later, COUNTED)
            self._until_forgotten = max(_FORGET_AFTER, kept)

    def finish(self, nodeid: str, nextitem: pytest.Item | None = None) -> None:
        """A seed is over: judge its test, if that is possible already, before ``nextitem`` runs."""
        self._nextitem = nextitem
        owner = self._collector.owner(nodeid)
        if owner is None:
            return
        group = self._collector.groups[owner[0]]
        if group.plan.test in self._judged:
            if not self._collector.is_base(nodeid):
                self._finish_late(group, owner[1])
        elif self._settings.shard is None and (verdict := self._judge.judge(group)) is not None:
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
        if self._settings.shard is not None:
            self._end_shard()
            return
        for test, group in self._collector.groups.items():
            group.finish_all()
            if test not in self._judged:
                self._conclude(group, self._judge.judge(group) or self._judge.incomplete(group))
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
                warn_of_verdict(self._session, group.plan, note)

    def _end_shard(self) -> None:
        """Nothing is judged: that takes the seeds of all shards."""
        for group in self._collector.groups.values():
            group.finish_all()

    def interrupt(self) -> None:
        """The run was cut: what has no verdict is incomplete, without another failure."""
        if self._settings.shard is not None:
            self._end_shard()
            return
        self.summary.cut_note = self._cut_note()
        for test, group in self._collector.groups.items():
            if test not in self._judged:
                self._judged[test] = self._judge.incomplete(group)
        self._publish_held()
        self._list_for_rerun()

    def _cut_note(self) -> str | None:
        groups = self._collector.groups
        collected = tests_of_run(self._session, self._flags)
        arguments = {one.test: self._collector.argument(one.file, one.test) for one in collected}
        arguments |= {test: group.plan.argument for test, group in groups.items()}
        left = {test: named for test, named in arguments.items() if test not in self._judged}
        if not left:
            return None
        return cut_note(
            self._session.config,
            left,
            tests=len(arguments),
            not_begun=[test for test in arguments if test not in groups],
        )

    def _list_for_rerun(self) -> None:
        failed = [test for test, verdict in self._judged.items() if verdict.colour is Colour.RED]
        run_again(
            self._session.config,
            [
                (self._collector.groups[test].plan, self._collector.node_ids(test))
                for test in failed
            ],
        )

    def _conclude(self, group: SeedGroup, verdict: Verdict) -> None:
        verdict = with_notes_of_seeds(verdict, group)
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
        if group.plan.parallel and self._judge.has_unwritten(test):
            return not group.complete
        return not self._under_way.isdisjoint(self._collector.node_ids(test).values())

    def _confirm(self, group: SeedGroup) -> None:
        test = group.plan.test
        workers = worker_count(self._session.config)
        self._judged[test] = self._judge.confirm(group, self._judged[test], workers)
        self._publish(group)

    def _warn_of_unaffordable_margins(self) -> None:
        recorded = [t for t, v in self._judged.items() if v.kind is VerdictKind.RECORDED]
        for test in recorded:
            group, verdict = self._collector.groups[test], self._judged[test]
            found = self._judge.unaffordable_next(group)
            if found is not None:
                self._judged[test] = replace(
                    verdict,
                    notes=(*verdict.notes, found.note),
                    next_steps=(*verdict.next_steps, *found.ways_out),
                )
                warn_of_verdict(self._session, group.plan, found.warning)

    def _write_baseline(self, group: SeedGroup) -> None:
        test = group.plan.test
        self._judged[test] = self._judge.write_baseline(group, self._judged[test])

    def _publish(self, group: SeedGroup) -> None:
        self._write_baseline(group)
        test = group.plan.test
        verdict = self._judged[test]
        self._published[test] = publish(
            self._session,
            group.plan,
            verdict,
            VerdictText(self._session.config, verdict),
            self._items.of(group.plan),
            self._nextitem,
        )
        if verdict.colour is Colour.YELLOW or verdict.kind is VerdictKind.MINOR:
            warn_of_verdict(self._session, group.plan, _warning(verdict))
        elif (problem := nothing_recorded(verdict, group.plan)) is not None:
            warn_of_verdict(self._session, group.plan, problem)

    def plan(self, items: list[pytest.Item]) -> None:
        """Plan the collected tests instead of running them.

        Raises:
            pytest.UsageError: a baseline cannot be read.
        """
        from pytest_mlregress.session.at_collection import plan_items

        try:
            self.summary.suite_plan = plan_items(self._session.config, self._settings, items)
        except BaselineError as error:
            raise pytest.UsageError(str(error)) from None

    def write_reports(self) -> None:
        """Write every report that was asked for; one that cannot be written fails the run."""
        self.summary.write_reports(self._published)

    @property
    def seed_node_ids(self) -> frozenset[str]:
        """The node ids of all seeds that have reported."""
        return self._collector.seed_node_ids


def _warning(verdict: Verdict) -> str:
    """One line: what makes a test unaffordable is a paragraph, and the summary has it."""
    if verdict.kind is not VerdictKind.UNAFFORDABLE:
        return headline(verdict)
    short = [one.name for one in verdict.metrics if one.kind is VerdictKind.UNAFFORDABLE]
    return f"{verdict.kind}: {too_few_seeds(short)}"
