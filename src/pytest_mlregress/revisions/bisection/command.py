"""One search from its request to its report: collects, trains, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.revisions.bisection.candidate_weights import changes_by_candidate
from pytest_mlregress.revisions.bisection.commit_range import CommitRange, read_range
from pytest_mlregress.revisions.bisection.commit_trainer import CommitTrainer
from pytest_mlregress.revisions.bisection.history import (
    History,
    all_parents_history,
    first_parent_history,
)
from pytest_mlregress.revisions.bisection.laid_over import tests_laid_over
from pytest_mlregress.revisions.bisection.next_commands import (
    Invocation,
    NextCommand,
    next_commands,
)
from pytest_mlregress.revisions.bisection.report import BisectionReport, build_report
from pytest_mlregress.revisions.bisection.search import Knowledge, SearchSettings, run_search
from pytest_mlregress.revisions.bisection.tree_changes import TreeChanges, read_tree_changes
from pytest_mlregress.revisions.candidate_files import list_candidate
from pytest_mlregress.revisions.cells.cell import Cells
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest, describe_test
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.cells.trainer import Trainer
from pytest_mlregress.revisions.repository import Repository
from pytest_mlregress.running.reads import is_derived

__all__ = ["BisectRequest", "Observer", "run_bisect"]

_LEAST_SEEDS: Final = 20
"""Seeds that are collected at least; half of the budget, where that is more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectRequest:
    """What the user asked for.

    Attributes:
        good: the ref of the end without the loss.
        bad: the ref of the end with it.
        test: the node id of the test without the seed.
        metric: the metric; None for the one that lost most.
        confidence: the posterior probability that an answer needs.
        budget: the most trainings.
        all_parents: whether the whole graph is searched.
        fresh: whether what an interrupted search has trained is forgotten.
        workers: the number of seeds that train at once.
        rootdir: where pytest is started.
        pytest_args: further arguments of pytest.
    """

    good: str
    bad: str
    test: str
    metric: str | None
    confidence: float
    budget: int
    all_parents: bool
    fresh: bool
    workers: int
    rootdir: Path
    pytest_args: tuple[str, ...]

    def invocation(self) -> Invocation:
        """The command again, without what concerns this run alone."""
        options: list[str] = []
        if self.metric is not None:
            options.append(f"--metric={self.metric}")
        if self.all_parents:
            options.append("--all-parents")
        return Invocation(
            self.good, self.bad, self.test, tuple(options), self.pytest_args, self.budget
        )


@dataclass(frozen=True, slots=True)
class Observer:
    """Is told how a search goes.

    Attributes:
        on_start: a seed begins to train.
        on_seed: a seed is known.
        on_knowledge: the posterior has been updated.
    """

    on_start: Callable[[SeedRequest], None]
    on_seed: Callable[[TrainedSeed], None]
    on_knowledge: Callable[[Knowledge], None]


def run_bisect(
    request: BisectRequest, observer: Observer, warn: Callable[[str], None]
) -> tuple[BisectionReport, tuple[NextCommand, ...]]:
    """Carry a search out.

    Args:
        request: what is asked.
        observer: told how it goes.
        warn: told of what cannot be used of the cache.

    Returns:
        The report, and what to do next.

    Raises:
        CommandError: the test, a ref or an end of the history cannot be used.
        KeyboardInterrupt: interrupted; its text says how to go on.
    """
    suite, test = describe_test(
        request.test,
        directory=request.rootdir,
        seeds=max(_LEAST_SEEDS, request.budget // 2),
        pytest_args=request.pytest_args,
    )
    with Cells(suite, any_dependencies=True) as cells:
        repository = cells.repository
        between = read_range(repository, request.good, request.bad)
        history = (all_parents_history if request.all_parents else first_parent_history)(between)
        trees = _trees(repository, suite, history)
        journal = Journal.open(
            suite.state_folder, _question(request, between, test), fresh=request.fresh
        )
        try:
            with Trainer(
                suite,
                workers=request.workers,
                journal=journal,
                warn=warn,
                on_start=observer.on_start,
                on_seed=observer.on_seed,
            ) as trainer:
                at_commits = CommitTrainer(
                    cells,
                    trainer,
                    test.test,
                    labels=_labels(between),
                    workers=request.workers,
                )
                settings = _settings(request, test)
                known = run_search(
                    history,
                    trees,
                    changes_by_candidate(history, trees),
                    at_commits,
                    settings,
                    observer.on_knowledge,
                )
            report = build_report(
                known,
                between,
                test=test.test,
                tier=test.tier,
                confidence=request.confidence,
                sources=at_commits.sources,
                notes=(*_notes(between, repository), *_unmet(at_commits, between)),
            )
            if report.finding != "unclear":  # that one goes on with a larger budget
                journal.finish()
        finally:
            journal.close()
        return report, next_commands(report, request.invocation(), repository)


def _settings(request: BisectRequest, test: SuiteTest) -> SearchSettings:
    return SearchSettings(
        metric=request.metric,
        confidence=request.confidence,
        budget=request.budget,
        batch=request.workers,
        seeds=test.seeds,
    )


def _trees(repository: Repository, suite: Suite, history: History) -> TreeChanges:
    names = dict.fromkeys(history.states)
    for commit in history.candidates:
        names |= dict.fromkeys((commit.name, *commit.parents))
    tests = tests_laid_over(repository, suite)
    return read_tree_changes(
        repository, history.states[0], names, is_test=lambda path: path in tests
    )


def _labels(between: CommitRange) -> Mapping[str, str]:
    return {
        commit.name: f"{commit.short} ({commit.subject})"
        for commit in (between.good, *between.commits)
    }


def _question(request: BisectRequest, between: CommitRange, test: SuiteTest) -> dict[str, Any]:
    """What makes two searches the same; a larger budget only goes on with one."""
    return {
        "command": "bisect",
        "good": between.good.name,
        "bad": between.bad.name,
        "all_parents": request.all_parents,
        "test": test.test,
        "tier": test.tier,
        "settings": test.settings,
        "machine": test.machine,
        "pytest_args": list(request.pytest_args),
    }


def _unmet(at_commits: CommitTrainer, between: CommitRange) -> list[str]:
    """What the ends declare and are trained without: a confounder of everything that is found."""
    return [
        f"{text}; what this changes is not seen"
        for end in (between.good, between.bad)
        for text in at_commits.unmet(end.name)
    ]


def _notes(between: CommitRange, repository: Repository) -> list[str]:
    notes = [between.note] if between.note else []
    if between.bad.name == repository.head:
        files = list_candidate(repository.top, between.bad.name)
        changed = [path for path in files.changed if not is_derived(path)]
        if changed:
            notes.append(
                f"{count_of(len(changed), 'file')} of the working tree differ from "
                f"{between.bad.short}: its tests are laid over every commit, and its other changes "
                "are not part of the search"
            )
    return notes
