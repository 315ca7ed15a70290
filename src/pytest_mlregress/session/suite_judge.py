"""From the seeds of a test to its verdict: with its baseline, its rules and the suite's history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from pytest_mlregress import __version__
from pytest_mlregress.baselines.artifact import Artifact, Provenance
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.provenance import collect_provenance, utc_now
from pytest_mlregress.invocation import invocation
from pytest_mlregress.revisions.history import History
from pytest_mlregress.running.reads_together import reads_together
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.session.clean_tree import clean_tree
from pytest_mlregress.session.environment_revision import EnvironmentRevision
from pytest_mlregress.session.own_files import own_files
from pytest_mlregress.session.recorded_baselines import suite_baselines_of
from pytest_mlregress.session.unwritten_baselines import keep_unwritten
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.confirmation import Confirmation, confirm
from pytest_mlregress.verdicts.green_runs import GreenRuns
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup
from pytest_mlregress.verdicts.judge import incomplete
from pytest_mlregress.verdicts.judged_test import JudgedTest, dated
from pytest_mlregress.verdicts.policy import Rules, rules_for
from pytest_mlregress.verdicts.unaffordable import NextCheck, unaffordable_next
from pytest_mlregress.verdicts.unusable import unusable_baseline
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.revisions.base_side import BaseSide
    from pytest_mlregress.session.base_of_run import BaseOfRun


class SuiteJudge:
    """Judges the tests of one suite, and keeps the baselines of an update until they are final.

    Attributes:
        baselines: those of the suite.
        history: what git knows of the working tree.
        environment_revision: whether an update moves the baselines to another environment.
    """

    def __init__(
        self, config: pytest.Config, settings: Settings, base: BaseOfRun | None = None
    ) -> None:
        """Open the baselines, and refuse an update of a changed tree.

        ``base`` is what an A/B run compares with, in place of the baselines.
        """
        self.base = base
        self._config = config
        self._settings = settings
        own = own_files(config, settings)
        self._tree = (
            clean_tree(config.rootpath, allow_dirty=settings.allow_dirty, own=own)
            if settings.updating
            else None
        )
        self._started = utc_now()
        self._unwritten: dict[str, Artifact] = {}
        self._cases: dict[str, JudgedTest] = {}
        self.baselines = suite_baselines_of(config, settings)
        self.history = History(
            config.rootpath,
            own=own,
            test_patterns=config.getini("python_files"),
            test_folders=config.getini("testpaths"),
        )
        self.environment_revision = EnvironmentRevision(config, self._tree, own)

    def judge(self, group: SeedGroup) -> Verdict | None:
        """The verdict on the seeds that have reported; None while more of them are needed."""
        if not self._settings.updating:
            return self.test_of(group).judge()
        try:
            return self._update(group, self.baselines.read(group.plan), self._rules(group.plan))
        except BaselineError as error:
            return unusable_baseline(group, error, updating=True)

    def test_of(self, group: SeedGroup) -> JudgedTest:
        """A test of a check with everything that its verdict is reached with."""
        if self.base is not None and group.base is not None:
            return self._pairs_of(group, group.base, self.base.side)
        case = self._cases.get(group.plan.test)
        if case is None or case.group is not group:
            case = self._cases[group.plan.test] = self._check_of(group)
        return case

    def _check_of(self, group: SeedGroup) -> JudgedTest:
        """Nothing of it but the seeds changes while a run goes on."""
        try:
            baseline = self.baselines.read(group.plan)
            rules = self._rules(group.plan)
        except BaselineError as error:
            rules = rules_for(self._settings, group.plan.settings, comparisons=1)
            return JudgedTest(group=group, rules=rules, history=self.history, problem=str(error))
        if baseline is not None:
            rules = replace(rules, green_runs=self._earlier_runs(group.plan, baseline))
        return JudgedTest(group=group, rules=rules, history=self.history, baseline=baseline)

    def _pairs_of(self, group: SeedGroup, base: SeedGroup, side: BaseSide) -> JudgedTest:
        provenance = Provenance(
            plugin=__version__,
            time=self._started,
            commit=side.commit,
            dirty=side.same_code and self.history.tree.dirty,
            seeds=group.plan.planned,
            environment=base.environment or {},
        )
        rules = rules_for(self._settings, group.plan.settings, comparisons=group.plan.tests)
        return JudgedTest(
            group=group,
            rules=replace(rules, base_label=side.label),
            history=self.history,
            base=provenance,
            same_code=side.same_code,
        )

    def incomplete(self, group: SeedGroup) -> Verdict:
        """The verdict on a test whose seeds the run did not come to."""
        return incomplete(group, self._rules(group.plan), "the run ended early")

    def confirm(self, group: SeedGroup, first: Verdict, workers: int) -> Verdict:
        """Test a red on fresh seeds, in processes of their own.

        One whose seeds failed or crashed is red whatever other seeds give.
        """
        if any(seed.outcome in WITHOUT_SUCCESS for seed in first.seeds):
            return first
        setting = Confirmation(
            rootdir=self._config.rootpath,
            workers=workers,
            threads=self._settings.threads_argument,
            update_command=group.plan.update_command,
        )
        return confirm(first, self._rules(group.plan), setting)

    def has_unwritten(self, test: str) -> bool:
        """True while the new baseline of a test is not written."""
        return test in self._unwritten

    def write_baseline(self, group: SeedGroup, verdict: Verdict) -> Verdict:
        """Keep the artifact of an update that no late seed has turned red.

        Returns:
            The verdict, another one where the baseline cannot be written.
        """
        artifact = self._unwritten.pop(group.plan.test, None)
        if artifact is None or verdict.kind is VerdictKind.DIVERGED:
            return verdict
        try:
            self.baselines.write(group.plan, artifact)
        except BaselineError as error:
            kept = keep_unwritten(self._config, self.baselines.key(group.plan), artifact)
            return unusable_baseline(group, error, updating=True, kept=kept)
        return verdict

    def unaffordable_next(self, group: SeedGroup) -> NextCheck | None:
        """What a check of a new baseline will say of its margins.

        To be asked at the end of an update: only then is it known how many comparisons share alpha.
        """
        baseline = self.baselines.read(group.plan)
        if baseline is None:
            return None
        rules = rules_for(
            self._settings, group.plan.settings, comparisons=self._comparisons_afterwards
        )
        return unaffordable_next(group, baseline, rules)

    @cached_property
    def green_runs(self) -> GreenRuns:
        """The values of earlier green runs, from pytest's cache."""
        return GreenRuns(getattr(self._config, "cache", None))

    @cached_property
    def _comparisons_afterwards(self) -> int:
        return self.baselines.count()

    def _rules(self, plan: GroupPlan) -> Rules:
        if self.base is not None:
            return rules_for(self._settings, plan.settings, comparisons=plan.tests)
        return rules_for(self._settings, plan.settings, comparisons=self.baselines.comparisons)

    def _earlier_runs(
        self, plan: GroupPlan, baseline: Artifact
    ) -> Mapping[str, tuple[Mapping[int, float], ...]]:
        commit = self.history.tree.commit or ""
        return self.green_runs.unchanged(plan.test, plan.tier, baseline, commit)

    def _update(self, group: SeedGroup, baseline: Artifact | None, rules: Rules) -> Verdict | None:
        provenance = collect_provenance(
            self._config.rootpath,
            seeds=group.plan.planned,
            environment=group.environment or {},
            command=invocation(self._config),
            tree=self._tree,
        )
        provenance = replace(provenance, reads=reads_together(group.reads, group.reproduced))
        from pytest_mlregress.verdicts.update import judge_update

        update = judge_update(
            group,
            baseline,
            rules,
            provenance,
            rebase_reason=self._settings.rebase_anchor,
            environment=self.environment_revision.change_for(group, baseline),
        )
        if update is None:
            return None
        if update.artifact is not None:
            self._unwritten[group.plan.test] = update.artifact
        return dated(update.verdict, baseline, self.history)
