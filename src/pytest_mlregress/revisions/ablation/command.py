"""The whole of an ablation: from what the user named to what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_mlregress.margins import MarginLike
from pytest_mlregress.node_ids import split_file
from pytest_mlregress.revisions.ablation.cell_commits import CellCommit, build_cells
from pytest_mlregress.revisions.ablation.cell_effects import Combinations
from pytest_mlregress.revisions.ablation.change import Change
from pytest_mlregress.revisions.ablation.design import Design, members_of, plan_design
from pytest_mlregress.revisions.ablation.experiment import Experiment, Outcome
from pytest_mlregress.revisions.ablation.find_changes import find_changes, find_commit
from pytest_mlregress.revisions.ablation.loose_commit import check_git_version
from pytest_mlregress.revisions.ablation.overlaps import refuse_indistinct, shared_commits
from pytest_mlregress.revisions.ablation.results import Ablation, CellOutcome
from pytest_mlregress.revisions.base_commit import ABBREVIATED
from pytest_mlregress.revisions.cells.cell import Cell, Cells
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.observer import TrainingObserver
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest, describe_suite
from pytest_mlregress.revisions.cells.trainer import Trainer
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.repository import Repository, find_repository
from pytest_mlregress.revisions.worktree_error import WorktreeError

if TYPE_CHECKING:
    from pytest_mlregress.statistics.factorial_designs import CellKey

__all__ = ["AblationRequest", "run_ablation"]

_LEFT_OUT = "left out by --without"


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationRequest:
    """What the user asked for.

    Attributes:
        base: the ref of the base.
        changes: the values of ``--change``.
        tests: node ids without the seed; none for all regression tests.
        metric: the one metric; None for all.
        seeds: seeds per cell, at most.
        margin: the smallest loss that matters; None for what each metric declares.
        alpha: the chance that any change that loses nothing is said to lose.
        fraction: whether a fraction of the combinations is enough.
        without: combinations to leave out, such as ``A+B``.
        given: combinations that the user merged, such as ``A+B=REF``.
        workers: seeds that train at once.
        fresh: whether to train again what an interrupted run has trained.
        rootdir: where pytest is started.
        directory: where relative paths of patches start.
        pytest_args: further arguments of pytest.
    """

    base: str
    changes: tuple[str, ...]
    tests: tuple[str, ...] = ()
    metric: str | None = None
    seeds: int = 34
    margin: MarginLike | None = None
    alpha: float = 0.05
    fraction: bool = False
    without: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    workers: int = 1
    fresh: bool = False
    rootdir: Path = field(default_factory=Path.cwd)
    directory: Path = field(default_factory=Path.cwd)
    pytest_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is trained, before anything is."""

    base: str
    changes: tuple[Change, ...]
    design: Design
    commits: tuple[CellCommit, ...]
    notes: tuple[str, ...]

    @property
    def combinations(self) -> Combinations:
        names = tuple(change.name for change in self.changes)
        planned = (*self.design.cells, *self.design.left_out)
        return Combinations(names, planned, self.design.resolution is not None)


def run_ablation(request: AblationRequest, observer: TrainingObserver) -> Ablation:
    """Build the combinations, train them, and judge the changes.

    Args:
        request: what the user asked for.
        observer: whom to tell how far it is.

    Returns:
        What was found.

    Raises:
        CommandError: bad input, a conflict, or a base that cannot be trained; before anything
            trains, but for the last.
        KeyboardInterrupt: interrupted; the same command goes on.
    """
    repository = find_repository(request.rootdir)
    plan = _plan(request, repository)
    suite = describe_suite(
        _files(request),
        directory=request.rootdir,
        seeds=request.seeds,
        pytest_args=request.pytest_args,
    )
    tests = [suite.test(name) for name in request.tests] or list(suite.tests)
    journal = Journal.open(suite.state_folder, _question(request, plan, tests), fresh=request.fresh)
    try:
        ablation = _train(request, plan, suite, tests, journal, observer)
        journal.finish()
    finally:
        journal.close()
    return ablation


def _plan(request: AblationRequest, repository: Repository) -> _Plan:
    top = repository.top
    check_git_version(top)
    base = find_commit(repository, request.base)
    changes = find_changes(repository, base, request.changes, directory=request.directory)
    names = [change.name for change in changes]
    without = [members_of(text, names, "--without") for text in request.without]
    given = dict(_given(repository, names, text) for text in request.given)
    design = plan_design(names, fraction=request.fraction, without=without)
    refuse_indistinct(top, base, changes)
    commits = build_cells(top, base, changes, design.cells, given=given)
    notes = [*shared_commits(changes), *([design.confounded] if design.confounded else [])]
    return _Plan(base, tuple(changes), design, tuple(commits), tuple(notes))


def _given(repository: Repository, names: Sequence[str], text: str) -> tuple[CellKey, str]:
    cell, equals, ref = text.partition("=")
    if not equals or not ref.strip():
        raise CommandError(f"--cell {text!r}: expected a combination and a ref, such as A+B=REF")
    return members_of(cell, names, "--cell"), find_commit(repository, ref.strip())


def _files(request: AblationRequest) -> list[str]:
    """The files of the tests: all their tests are collected, to tell a wrong name from close ones.

    None where the user gave the end of a node id alone: that needs all tests.
    """
    files = list(dict.fromkeys(split_file(test)[0] for test in request.tests))
    return files if all((request.rootdir / file).is_file() for file in files) else []


def _question(
    request: AblationRequest, plan: _Plan, tests: Sequence[SuiteTest]
) -> Mapping[str, Any]:
    """What makes two invocations the same: not how many seeds, nor how they are judged."""
    return {
        "command": "ablate",
        "base": plan.base,
        "cells": sorted(cell.commit for cell in plan.commits),
        "tests": sorted([test.test, test.tier, test.settings, test.machine] for test in tests),
        "pytest": list(request.pytest_args),
    }


def _train(
    request: AblationRequest,
    plan: _Plan,
    suite: Suite,
    tests: Sequence[SuiteTest],
    journal: Journal,
    observer: TrainingObserver,
) -> Ablation:
    with Cells(suite) as cells:
        states, refused = _checked_out(cells, plan)
        observer.on_total(len(states) * sum(len(test.seeds) for test in tests))
        with Trainer(
            suite,
            workers=request.workers,
            journal=journal,
            use_cache=not request.fresh,
            warn=observer.warn,
            on_start=observer.on_start,
            on_seed=observer.on_seed,
        ) as trainer:
            experiment = Experiment(
                trainer,
                states,
                plan.combinations,
                alpha=request.alpha,
                margin=request.margin,
                metric=request.metric,
                refused=refused,
            )
            outcome = experiment.run(tests)
            return _ablation(request, plan, tests, outcome, refused, trainer, states)


def _checked_out(cells: Cells, plan: _Plan) -> tuple[dict[CellKey, Cell], dict[CellKey, str]]:
    """The states of the code, one for combinations that are the same; and why there is none."""
    states: dict[CellKey, Cell] = {}
    refused: dict[CellKey, str] = dict.fromkeys(plan.design.left_out, _LEFT_OUT)
    by_commit: dict[str, Cell] = {}
    for commit in plan.commits:
        try:
            if commit.commit not in by_commit:
                by_commit[commit.commit] = cells.at(
                    commit.commit,
                    name=commit.name,
                    label=f"{commit.name} ({commit.commit[:ABBREVIATED]})",
                )
        except WorktreeError as error:
            if not commit.changes:
                raise CommandError(f"BASE cannot be trained here: {error}") from None
            refused[commit.changes] = str(error)
            continue
        states[commit.changes] = by_commit[commit.commit]
    return states, refused


def _ablation(
    request: AblationRequest,
    plan: _Plan,
    tests: Sequence[SuiteTest],
    outcome: Outcome,
    refused: Mapping[CellKey, str],
    trainer: Trainer,
    states: Mapping[CellKey, Cell],
) -> Ablation:
    commits = {cell.changes: cell.commit for cell in plan.commits}
    reasons = {**refused, **outcome.unavailable}
    planned = plan.combinations.planned
    # What a checkout of the very same code has to say is that it is the same.
    of_cells = (note for cell in states.values() if cell.changed for note in cell.notes)
    notes = dict.fromkeys((*plan.notes, *outcome.notes, *of_cells))
    return Ablation(
        base=request.base,
        base_commit=plan.base,
        changes=plan.changes,
        cells=tuple(
            CellOutcome(
                cell,
                plan.combinations.cell_name(cell),
                commits.get(cell, ""),
                reasons.get(cell, ""),
            )
            for cell in planned
        ),
        resolution=plan.design.resolution,
        metrics=outcome.metrics,
        seeds=max((test.seeds for test in tests), key=len),
        trained=trainer.trained,
        reused=outcome.reused,
        decided_after=outcome.decided_after,
        notes=tuple(notes),
    )
