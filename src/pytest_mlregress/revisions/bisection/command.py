"""One search from its request to its report: collects, trains, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pytest_mlregress.revisions.bisection.axes_report import AxesReport
from pytest_mlregress.revisions.bisection.axis_narrowing import Narrowed, narrow_to_axis
from pytest_mlregress.revisions.bisection.bisect_request import BisectRequest, Observer
from pytest_mlregress.revisions.bisection.candidate_weights import changes_by_candidate
from pytest_mlregress.revisions.bisection.commit_range import CommitRange, read_range
from pytest_mlregress.revisions.bisection.commit_trainer import CommitTrainer
from pytest_mlregress.revisions.bisection.composed_commit import CommitComposer
from pytest_mlregress.revisions.bisection.environment_report import environment_report
from pytest_mlregress.revisions.bisection.history import (
    History,
    all_parents_history,
    first_parent_history,
)
from pytest_mlregress.revisions.bisection.laid_over import tests_laid_over
from pytest_mlregress.revisions.bisection.moved_axes import MovedAxis, find_moved_axes
from pytest_mlregress.revisions.bisection.next_commands import NextCommand, next_commands
from pytest_mlregress.revisions.bisection.report import BisectionReport, build_report
from pytest_mlregress.revisions.bisection.search import run_search
from pytest_mlregress.revisions.bisection.search_notes import (
    axis_notes,
    unmet_notes,
    working_tree_notes,
)
from pytest_mlregress.revisions.bisection.search_settings import SearchSettings
from pytest_mlregress.revisions.bisection.searched_history import SearchedHistory
from pytest_mlregress.revisions.bisection.training_sites import (
    SiteOptions,
    TrainingSites,
    collect_test,
    interpreter_of,
)
from pytest_mlregress.revisions.bisection.tree_changes import TreeChanges, read_tree_changes
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.suite import SuiteTest
from pytest_mlregress.revisions.repository import Repository, find_repository
from pytest_mlregress.revisions.selected_tests import SelectedTests

__all__ = ["run_bisect"]

_LEAST_SEEDS: Final = 20
"""Seeds that are collected at least; half of the budget, where that is more."""


def run_bisect(
    request: BisectRequest, observer: Observer
) -> tuple[BisectionReport, tuple[NextCommand, ...]]:
    """Carry a search out.

    Args:
        request: what is asked.
        observer: told how it goes.

    Returns:
        The report, and what to do next.

    Raises:
        CommandError: the test, a ref or an end of the history cannot be used.
        KeyboardInterrupt: interrupted; its text says how to go on.
    """
    options = SiteOptions(
        test=request.test,
        rootdir=request.rootdir,
        pytest_args=request.pytest_args,
        seeds=max(_LEAST_SEEDS, request.budget // 2),
        workers=request.workers,
        on_start=observer.on_start,
        on_seed=observer.on_seed,
        warn=observer.warn,
        use_cache=not request.fresh,
    )
    repository = find_repository(request.rootdir)
    between = read_range(repository, request.good, request.bad)
    python = interpreter_of(request.env_bad, request.rootdir)
    suite, test = collect_test(options, python)
    labels = {
        commit.name: f"{commit.short} ({commit.subject})"
        for commit in (between.good, *between.commits)
    }
    with TrainingSites(options, python, suite, test, labels) as sites:
        search = _Search(
            request=request,
            repository=repository,
            between=between,
            test=test,
            tests=tests_laid_over(repository, suite),
            sites=sites,
            labels=labels,
        )
        journal = Journal.open(suite.state_folder, search.question(), fresh=request.fresh)
        sites.keep(journal)
        report = search.run(observer)
        if report.finding != "unclear":  # that one goes on with a larger budget
            journal.finish()
        return report, next_commands(report, request.invocation(), repository)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What a search works on."""

    request: BisectRequest
    repository: Repository
    between: CommitRange
    test: SuiteTest
    tests: SelectedTests
    sites: TrainingSites
    labels: dict[str, str]

    def question(self) -> dict[str, Any]:
        """What makes two searches the same; a larger budget only goes on with one."""
        return {
            "command": "bisect",
            "good": self.between.good.name,
            "bad": self.between.bad.name,
            "options": self.request.invocation().options,
            "test": self.test.test,
            "tier": self.test.tier,
            "settings": self.test.settings,
            "machine": self.test.machine,
            "pytest_args": list(self.request.pytest_args),
        }

    def run(self, observer: Observer) -> BisectionReport:
        """Find the axis if that is asked for, then the commit."""
        whole = self._whole()
        moved = find_moved_axes(
            self.repository,
            whole.trees,
            whole.history.states[0],
            whole.history.states[-1],
            self.request.rules,
        )
        moved = self._with_environments(moved)
        narrowed = self._narrowed(whole, moved)
        here = self.sites.trainer()
        if narrowed.axes.searched == "env":
            return environment_report(
                whole,
                narrowed,
                self.request.rules,
                between=self.between,
                test=self.test,
                sources=self.sites.sources,
            )
        known = run_search(
            narrowed.searched.history,
            narrowed.searched.trees,
            narrowed.searched.changes,
            narrowed.trainer,
            narrowed.settings,
            observer.on_knowledge,
        )
        return build_report(
            known,
            self.between,
            test=self.test.test,
            tier=self.test.tier,
            commits=len(whole.history.candidates),
            confidence=self.request.confidence,
            sources=self.sites.sources,
            notes=self._notes(moved, here),
            axes=narrowed.axes if self.request.axes else None,
        )

    def _whole(self) -> SearchedHistory:
        history = (all_parents_history if self.request.all_parents else first_parent_history)(
            self.between
        )
        trees = self._read_trees(_all_commits(history))
        return SearchedHistory(history, trees, changes_by_candidate(history, trees))

    def _read_trees(self, commits: Sequence[str]) -> TreeChanges:
        return read_tree_changes(
            self.repository, commits[0], commits, is_test=lambda path: path in self.tests
        )

    def _with_environments(self, moved: tuple[MovedAxis, ...]) -> tuple[MovedAxis, ...]:
        """Two interpreters are two environments, whether a lock file moved or not."""
        if self.request.env_good is None or any(own.axis == "env" for own in moved):
            return moved
        place = sum(own.axis == "commits" for own in moved)
        return (*moved[:place], MovedAxis("env", ()), *moved[place:])

    def _narrowed(self, whole: SearchedHistory, moved: tuple[MovedAxis, ...]) -> Narrowed:
        settings = SearchSettings(
            metric=self.request.metric,
            confidence=self.request.confidence,
            budget=self.request.budget,
            batch=self.request.workers,
            seeds=self.test.seeds[:1] if self.test.deterministic else self.test.seeds,
            deterministic=self.test.deterministic,
        )
        if not self.request.axes:
            return Narrowed(whole, self.sites.trainer(), settings, AxesReport(moved=moved))
        narrowed = narrow_to_axis(
            whole,
            moved,
            [own.axis for own in moved if self._can_be_told_apart(own)],
            self._trainers(),
            settings,
            CommitComposer(self.repository, whole.trees, self.request.rules),
            self.request.rules,
            self._read_trees,
        )
        self.labels.update(narrowed.searched.labels)
        return narrowed

    def _can_be_told_apart(self, own: MovedAxis) -> bool:
        if own.axis == "env" and self.request.env_good is None:
            return False
        return own.axis in self.request.axes and not own.only_pointers

    def _trainers(self) -> Callable[[str], CommitTrainer]:
        """The trainer in the environment of an end."""
        good = interpreter_of(self.request.env_good, self.request.rootdir)
        return lambda end: self.sites.trainer(good if end == "good" else None)

    def _notes(self, moved: tuple[MovedAxis, ...], here: CommitTrainer) -> tuple[str, ...]:
        return (
            *([self.between.note] if self.between.note else []),
            *working_tree_notes(self.repository, self.between),
            *axis_notes(moved, self.request),
            *unmet_notes(here, self.between),
        )


def _all_commits(history: History) -> list[str]:
    """The states, the candidates and their parents, the good end first."""
    names = dict.fromkeys(history.states)
    for commit in history.candidates:
        names |= dict.fromkeys((commit.name, *commit.parents))
    return list(names)
