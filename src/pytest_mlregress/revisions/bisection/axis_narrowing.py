"""From a history in which several axes moved to the one axis that lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pytest_mlregress.revisions.bisection.axes_report import AxesReport, axes_report
from pytest_mlregress.revisions.bisection.axis_cells import AxisFinding, search_axes
from pytest_mlregress.revisions.bisection.axis_history import axis_history
from pytest_mlregress.revisions.bisection.axis_rules import AXES, Axis, AxisRules
from pytest_mlregress.revisions.bisection.composed_commit import CommitComposer
from pytest_mlregress.revisions.bisection.environment_trainer import (
    EnvironmentTrainer,
    in_environment,
)
from pytest_mlregress.revisions.bisection.evidence import Evidence
from pytest_mlregress.revisions.bisection.metric_choice import PASSING, SearchedMetric
from pytest_mlregress.revisions.bisection.moved_axes import MovedAxis
from pytest_mlregress.revisions.bisection.search_ends import train_ends
from pytest_mlregress.revisions.bisection.search_settings import SearchSettings
from pytest_mlregress.revisions.bisection.searched_history import SearchedHistory
from pytest_mlregress.revisions.bisection.state_seed import StateTrainer
from pytest_mlregress.revisions.bisection.tree_changes import TreeChanges
from pytest_mlregress.statistics.factorial_designs import CellKey, full_design

__all__ = ["Narrowed", "narrow_to_axis"]

_SHARE_OF_BUDGET: Final = 0.5
"""Of the trainings, for finding the axis."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is left to search.

    Attributes:
        searched: the history along the axis that lost; the whole one where none did, or where the
            environment did, which is searched no further.
        trainer: trains at its states.
        settings: how to search it.
        axes: what the axes showed.
        finding: the same as statistics has it; None where nothing was trained.
        metric: what was compared; None where nothing was.
    """

    searched: SearchedHistory
    trainer: StateTrainer
    settings: SearchSettings
    axes: AxesReport
    finding: AxisFinding | None = None
    metric: SearchedMetric | None = None


def narrow_to_axis(
    whole: SearchedHistory,
    moved: tuple[MovedAxis, ...],
    wanted: Sequence[Axis],
    trainers: Callable[[str], StateTrainer],
    settings: SearchSettings,
    composer: CommitComposer,
    rules: AxisRules,
    read_trees: Callable[[Sequence[str]], TreeChanges],
) -> Narrowed:
    """Find the axis that lost, and the history along it.

    Args:
        whole: the whole history.
        moved: the axes that moved, and can be set apart.
        wanted: the axes that the user wants to be told apart; others stay with the code.
        trainers: the trainer in the environment of the ``"good"`` or the ``"bad"`` end.
        settings: how to search.
        composer: builds states whose axes come from different commits.
        rules: which file belongs to which axis.
        read_trees: compares commits with the first one.

    Returns:
        What is left to search.

    Raises:
        CommandError: an end or a combination cannot be run.
    """
    axes: list[Axis] = [own.axis for own in moved if own.axis in wanted]
    if len(axes) < 2:
        return Narrowed(whole, trainers("bad"), settings, AxesReport(moved=moved))
    good, bad = whole.history.states[0], whole.history.states[-1]
    trainer = EnvironmentTrainer({end: trainers(end) for end in ("good", "bad")})
    cells = {cell: _state(cell, axes, good, bad, composer) for cell in full_design(axes)}
    ends = replace(
        whole.history,
        states=(cells[frozenset()], cells[frozenset(axes)]),
        contains=(whole.history.contains[0], whole.history.contains[-1]),
    )
    metric = train_ends(ends, trainer, settings, Evidence())
    finding = search_axes(
        axes,
        cells,
        trainer,
        metric,
        seeds=settings.seeds,
        budget=int(_SHARE_OF_BUDGET * settings.budget),
        deterministic=settings.deterministic,
    )
    report = axes_report(moved, finding, metric)
    searched = whole
    settings = replace(settings, metric=None if metric.name == PASSING else metric.name)
    held = "bad"
    if report.searched is not None and report.searched != "env":
        held = report.held
        searched = _along(
            report.searched, good if held == "good" else bad, whole, composer, rules, read_trees
        )
    return Narrowed(searched, trainers(held), settings, report, finding, metric)


def _state(
    cell: CellKey, axes: Sequence[Axis], good: str, bad: str, composer: CommitComposer
) -> str:
    """The state of a combination: its files, and its environment."""
    # What the user does not tell apart goes with the code.
    code = bad if "commits" in cell else good
    values: dict[Axis, str] = dict.fromkeys(AXES, code)
    values |= {axis: bad if axis in cell else good for axis in axes}
    # Files that only declare an environment stay with the code: the interpreter is the axis.
    values["env"] = code
    end = "bad" if "env" in cell or ("env" not in axes) else "good"
    return in_environment(composer.compose(values), end)


def _along(
    axis: Axis,
    held: str,
    whole: SearchedHistory,
    composer: CommitComposer,
    rules: AxisRules,
    read_trees: Callable[[Sequence[str]], TreeChanges],
) -> SearchedHistory:
    paths = frozenset(path for path in whole.trees.reference if rules.axis_of(path) == axis)
    return axis_history(axis, held, whole, paths, composer, read_trees)
