"""The answer where the environment lost: the commits that changed what it is made of."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_mlregress.revisions.bisection.axis_narrowing import Narrowed
from pytest_mlregress.revisions.bisection.axis_rules import AxisRules
from pytest_mlregress.revisions.bisection.commit_range import CommitRange
from pytest_mlregress.revisions.bisection.report import BisectionReport, CandidateRow
from pytest_mlregress.revisions.bisection.searched_history import SearchedHistory
from pytest_mlregress.revisions.cells.suite import SuiteTest
from pytest_mlregress.statistics.bisection_baseline import trainings_of_git_bisect

__all__ = ["environment_report"]


def environment_report(
    whole: SearchedHistory,
    narrowed: Narrowed,
    rules: AxisRules,
    *,
    between: CommitRange,
    test: SuiteTest,
    sources: Mapping[str, int],
) -> BisectionReport:
    """The report of a search that ends with the environment: none in between can be built.

    Args:
        whole: the whole history.
        narrowed: what the axes showed; the environment is the one that lost.
        rules: which file belongs to which axis.
        between: the commits.
        test: the test.
        sources: how many results were trained now, and how many were there already.

    Returns:
        The report.
    """
    finding, axes = narrowed.finding, narrowed.axes
    assert finding is not None
    assert finding.effects is not None
    assert narrowed.metric is not None
    (effect,) = (own for own in axes.effects if own.axis == "env" and own.held == axes.held)
    rows = []
    for place, commit in enumerate(whole.history.candidates):
        files = sorted(
            change.path for change in whole.changes[place] if rules.axis_of(change.path) == "env"
        )
        rows.append(
            CandidateRow(
                commit=commit,
                probability=0.0,
                effect=None,
                weight=1.0 if files else 0.0,
                read_files=tuple(files),
                changed=len(whole.changes[place]),
                brought=whole.history.brought[place],
                excluded=not files,
            )
        )
    return BisectionReport(
        test=test.test,
        tier=test.tier,
        metric=narrowed.metric,
        good=between.good,
        bad=between.bad,
        finding="environment",
        named=tuple(place for place, row in enumerate(rows) if row.read_files),
        others=(),
        likely=(),
        probability=1.0 - finding.effects.alpha,
        effect=effect.change,
        interval=effect.interval,
        excluded_loss=None,
        reason="",
        rows=tuple(rows),
        commits=len(rows),
        states=2,
        not_needed=(),
        skipped=(),
        confidence=1.0 - finding.effects.alpha,
        trainings=sum(sources.values()),
        sources=dict(sources),
        git_bisect={seeds: trainings_of_git_bisect(len(rows), seeds) for seeds in (5, 20)},
        notes=(between.note,) if between.note else (),
        axes=axes,
    )
