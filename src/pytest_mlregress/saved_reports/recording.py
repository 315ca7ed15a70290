"""The baselines that the shards of an update record together, as one run records them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.provenance import WorkingTree, collect_provenance, working_tree
from pytest_mlregress.baselines.urls import shareable
from pytest_mlregress.running.reads_together import reads_together
from pytest_mlregress.running.result import STOPPED_MESSAGE, SeedResult
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.saved_reports.merged_tests import MergedTest
from pytest_mlregress.verdicts.afterwards import late_notes, with_late_seed, with_notes_of_seeds
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.judge import incomplete
from pytest_mlregress.verdicts.judged_test import JudgedTest, dated, with_all_seeds
from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines
from pytest_mlregress.verdicts.unaffordable import unaffordable_next
from pytest_mlregress.verdicts.unusable import unusable_baseline
from pytest_mlregress.verdicts.update import Update, judge_update
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOfShards:
    """What the shards of an update say of themselves.

    Attributes:
        code: the working tree that they trained.
        command: their command as that of one run.
        alpha: of the suite.
        rebase_reason: accepts a loss, and moves the anchor.
    """

    code: WorkingTree | None
    command: tuple[str, ...]
    alpha: float
    rebase_reason: str | None


@dataclass(frozen=True, slots=True)
class RecordedTest:
    """What came of the update of one test.

    Attributes:
        test: the test, with the seeds that one run trains.
        verdict: the verdict on its update.
        artifact: its baseline afterwards; None if it has none.
    """

    test: MergedTest
    verdict: Verdict
    artifact: Artifact | None


class Recorder:
    """Judges the seeds of an update, and writes the baselines.

    Args:
        rootdir: pytest's rootdir, with the tests that the shards have run.
        source: where baselines are, as `--mlregress-baseline` says; None for the default.
    """

    def __init__(self, rootdir: Path, source: str | None) -> None:
        self._rootdir = rootdir
        self._source = source
        self._baselines = SuiteBaselines(source, rootdir)

    def defects(self, update: UpdateOfShards, tests: Sequence[MergedTest]) -> Iterator[str]:
        """Why the baselines of the shards do not belong into this folder, before any is written.

        Args:
            update: the update.
            tests: the tests with all their seeds.

        Yields:
            A line each.
        """
        here = working_tree(self._rootdir).commit
        trained = update.code.commit if update.code is not None else None
        if here != trained:
            yield (
                f"--update: the shards have trained {_short(trained)}, and this folder is at "
                f"{_short(here)}, so that the baselines would not be those of its code: "
                + (f"git checkout {trained[:10]}, then merge again" if trained else "merge there")
            )
        for test in tests:
            yield from self._defects_of(test)

    def _defects_of(self, test: MergedTest) -> Iterator[str]:
        plan = test.case.group.plan
        name = plan.test
        shown = None if self._source is None else shareable(self._source)
        if not (self._rootdir / plan.file).is_file():
            yield (
                f"--update: {name}: there is no {plan.file} here; name pytest's rootdir: --rootdir"
            )
        elif plan.source != shown:
            yield (
                f"--update: {name}: its shards have their baselines in "
                f"{plan.source or '__baselines__'}, this command in {shown or '__baselines__'}; "
                "say so with --baseline"
            )
        elif not test.case.problem:
            try:
                now = self._baselines.read(self._placed(test.case.group).plan)
            except BaselineError as error:
                yield f"--update: {error}"
                return
            before = test.case.baseline
            if (now and now.revision) != (before and before.revision):
                yield (
                    f"--update: {name}: has another baseline now ({_revision(now)}) than its "
                    f"shards had ({_revision(before)}); run the shards again"
                )

    def record(self, update: UpdateOfShards, tests: Sequence[MergedTest]) -> list[RecordedTest]:
        """Judge all tests, then write the baselines that were accepted.

        Args:
            update: the update.
            tests: the tests with all their seeds, without defects.

        Returns:
            What came of each.
        """
        judged = [self._judged(update, test) for test in tests]
        written = [self._written(one) for one in judged]
        comparisons = max(self._baselines.count(), 1)
        return [self._with_note(one, update.alpha, comparisons) for one in written]

    def _judged(self, update: UpdateOfShards, test: MergedTest) -> RecordedTest:
        done = test.case.group
        group = replace(done, results={}, reads={}, reproduced={})
        verdict: Verdict | None = None
        artifact: Artifact | None = None
        trained: list[int] = []
        for seed in (seed for seed in done.plan.planned if seed in done.results):
            result = done.results[seed]
            if verdict is None:
                _add(group, done, seed)
                if (found := self._update(update, test.case, group)) is not None:
                    verdict = dated(found.verdict, test.case.baseline, test.case.history)
                    verdict = with_notes_of_seeds(verdict, done)
                    artifact = found.artifact
            elif result.outcome in WITHOUT_SUCCESS:
                _add(group, done, seed)
                verdict = with_late_seed(verdict, group, seed)
            else:
                group.results[seed] = SeedResult(seed, "cancelled", message=STOPPED_MESSAGE)
                trained.append(seed)
        if verdict is None:
            ended_early = incomplete(group, test.case.rules, "the run ended early")
            verdict = with_notes_of_seeds(ended_early, done)
        verdict = replace(verdict, notes=(*verdict.notes, *late_notes(verdict, group)))
        if verdict.kind is VerdictKind.DIVERGED:
            artifact = None
        case = replace(test.case, group=group, rules=replace(test.case.rules, green_runs={}))
        kept = replace(test, case=case, trained=tuple(trained))
        return RecordedTest(kept, with_all_seeds(verdict, group), artifact)

    def _update(self, update: UpdateOfShards, case: JudgedTest, group: SeedGroup) -> Update | None:
        if case.problem:
            error = BaselineError(case.problem)
            return Update(unusable_baseline(group, error, updating=True))
        provenance = collect_provenance(
            self._rootdir,
            seeds=group.plan.planned,
            environment=group.environment or {},
            command=update.command,
            tree=update.code or WorkingTree(),
        )
        return judge_update(
            group,
            case.baseline,
            replace(case.rules, green_runs={}),
            replace(provenance, reads=reads_together(group.reads, group.reproduced)),
            rebase_reason=update.rebase_reason,
        )

    def _written(self, one: RecordedTest) -> RecordedTest:
        case = one.test.case
        if one.artifact is None:
            return replace(one, artifact=case.baseline)
        try:
            self._baselines.write(self._placed(case.group).plan, one.artifact)
        except BaselineError as error:
            refused = unusable_baseline(case.group, error, updating=True)
            return replace(one, verdict=refused, artifact=case.baseline)
        return one

    def _with_note(self, one: RecordedTest, alpha: float, comparisons: int) -> RecordedTest:
        """What a check of the new baseline will say of its margins."""
        if one.verdict.kind is not VerdictKind.RECORDED or one.artifact is None:
            return one
        case = one.test.case
        rules = replace(case.rules, alpha=alpha / comparisons, comparisons=comparisons)
        found = unaffordable_next(case.group, one.artifact, rules)
        if found is None:
            return one
        verdict = replace(
            one.verdict,
            notes=(*one.verdict.notes, found.note),
            next_steps=(*one.verdict.next_steps, *found.ways_out),
        )
        return replace(one, verdict=verdict)

    def _placed(self, group: SeedGroup) -> SeedGroup:
        return replace(group, plan=replace(group.plan, file=self._rootdir / group.plan.file))


def _add(group: SeedGroup, done: SeedGroup, seed: int) -> None:
    group.results[seed] = done.results[seed]
    if seed in done.reads:
        group.reads[seed] = done.reads[seed]
    if seed in done.reproduced:
        group.reproduced[seed] = done.reproduced[seed]


def _short(commit: str | None) -> str:
    return commit[:10] if commit else "no commit"


def _revision(artifact: Artifact | None) -> str:
    return "none" if artifact is None else f"revision {artifact.revision[:10]}"
