"""What the moved axes are, and which of them lost, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mlregress.revisions.bisection.axis_cells import AxisFinding, cell_label
from pytest_mlregress.revisions.bisection.axis_rules import Axis
from pytest_mlregress.revisions.bisection.metric_choice import SearchedMetric
from pytest_mlregress.revisions.bisection.moved_axes import MovedAxis

__all__ = ["AxesReport", "AxisEffect", "CombinationRow", "axes_report"]


@dataclass(frozen=True, slots=True)
class CombinationRow:
    """One combination of the axes.

    Attributes:
        label: ``good``, or the axes that are at the bad end.
        mean: of the metric, as recorded.
        seeds: the number of seeds.
        failed: how many of them gave no number.
    """

    label: str
    mean: float
    seeds: int
    failed: int


@dataclass(frozen=True, slots=True)
class AxisEffect:
    """What an axis changes while the others stay at the good end, or are at the bad one.

    Attributes:
        axis: the axis.
        held: where the others are: ``"good"`` or ``"bad"``.
        change: in metric units as recorded.
        interval: its confidence interval, as recorded.
        loses: whether a loss is shown.
    """

    axis: Axis
    held: str
    change: float
    interval: tuple[float, float]
    loses: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AxesReport:
    """The first half of a search with axes.

    Attributes:
        moved: the axes that moved.
        combinations: all combinations; empty where none was trained.
        effects: of each axis.
        losing: the axes that lose, the largest loss first.
        searched: the axis whose commits were searched; None for all together.
        held: the end that the other axes were held at: ``"good"`` or ``"bad"``.
    """

    moved: tuple[MovedAxis, ...]
    combinations: tuple[CombinationRow, ...] = ()
    effects: tuple[AxisEffect, ...] = ()
    losing: tuple[Axis, ...] = ()
    searched: Axis | None = None
    held: str = "good"


def axes_report(
    moved: tuple[MovedAxis, ...], finding: AxisFinding, metric: SearchedMetric
) -> AxesReport:
    """Put what the combinations showed into values.

    Args:
        moved: the axes that moved.
        finding: what was found.
        metric: what was compared.

    Returns:
        The report.
    """
    effects = finding.effects
    if effects is None:
        return AxesReport(moved=moved)
    rows = tuple(
        CombinationRow(
            cell_label(finding.axes, cell),
            metric.as_recorded(summary.mean),
            summary.seeds,
            summary.failed,
        )
        for cell, summary in effects.cells.items()
    )
    return AxesReport(
        moved=moved,
        combinations=rows,
        effects=tuple(
            AxisEffect(
                axis,
                held,
                metric.as_recorded(effect.mean),
                metric.interval_as_recorded(effect.interval),
                effect.loss_shown,
            )
            for axis, own in zip(finding.axes, effects.changes, strict=True)
            for held, effect in (("good", own.alone), ("bad", own.with_others))
            if effect is not None
        ),
        losing=finding.losing,
        searched=finding.losing[0] if finding.losing else None,
        held="bad" if finding.held_at_bad else "good",
    )
