"""The geometry of a metric's past: its mean by revision of the baseline, and the drift budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.baselines.artifact import Artifact, LedgerEntry
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.plots.axis_scale import AxisScale
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.reporting.since_text import SHORT, day_text

WIDTH: Final = 340
HEIGHT: Final = 170
LEFT: Final = 58
RIGHT: Final = 318
TOP: Final = 18
BOTTOM: Final = 136

SHOWN: Final = 24
"""Revisions that are drawn: of more, the latest."""

_REACH: Final = 1.5
"""How far the run's mean may be from the baseline's past, in the range of that, to be in the plot:
a run that lost everything would leave no room for the budget."""

_LABEL_WIDTH: Final = 62


@dataclass(frozen=True, slots=True)
class RevisionMark:
    """One revision's mean.

    Attributes:
        x: horizontal position.
        y: vertical position.
        title: text shown on hovering.
        kind: ``revision``, ``rebase`` where the anchor was moved, or ``now``.
        beyond: -1 above the plot, 1 below it, else 0: drawn at its edge.
    """

    x: float
    y: float
    title: str
    kind: str
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class RevisionPlot:
    """All positions in the units of an SVG of `WIDTH` x `HEIGHT`.

    Attributes:
        name: the metric.
        marks: the means, oldest first, the run's own last.
        path: the line through those of the baseline.
        anchor: height of the anchor's mean; None without one.
        budget: ``(y, height)`` of the means that the drift budget allows below it; None if it has
            no width.
        beyond: ``(y, height)`` of those that it does not allow.
        ticks: position and label of ticks of the values.
        labels: position, text and text-anchor of the labels under the first and the last mark.
    """

    name: str
    marks: tuple[RevisionMark, ...]
    path: str
    anchor: float | None
    budget: tuple[float, float] | None
    beyond: tuple[float, float] | None
    ticks: tuple[tuple[float, str], ...]
    labels: tuple[tuple[float, str, str], ...]


@dataclass(frozen=True, slots=True)
class _Revision:
    mean: float
    commit: str | None
    time: str
    what: str
    kind: str = "revision"

    @property
    def label(self) -> str:
        return (self.commit or "")[:SHORT] or "no commit"

    @property
    def title(self) -> str:
        return ", ".join(
            filter(None, (self.label, day_text(self.time), number(self.mean, digits=4), self.what))
        )


def revision_plot(
    artifact: Artifact, metric: str, *, now: float, commit: str | None
) -> RevisionPlot | None:
    """The past of one metric.

    The mean of an earlier revision is that of the latest less the accepted effects since, so the
    past begins at the last update whose effect is unknown: of a metric that was new or measured in
    another way.

    Args:
        artifact: the baseline.
        metric: the name of the metric.
        now: the mean of the run; NaN if it has none.
        commit: that of the run.

    Returns:
        The positions; None if the metric is not in the baseline or has no finite mean.
    """
    revisions = _revisions(artifact, metric)[-SHOWN:]
    if not revisions:
        return None
    if math.isfinite(now):
        revisions.append(_Revision(now, commit, "", "this run", "now"))
    anchor, budget = drift_room(artifact, metric) or (math.nan, math.nan)
    better = 1.0 if artifact.metrics[metric].higher_is_better else -1.0
    limit = anchor - better * budget
    up = _scale(revisions, (anchor, limit))
    across = AxisScale(0.0, max(1.0, len(revisions) - 1.0), LEFT + 14, RIGHT - 14)
    marks = tuple(
        _mark(across.at(index), up.at(revision.mean), revision)
        for index, revision in enumerate(revisions)
    )
    return RevisionPlot(
        name=metric,
        marks=marks,
        path=" ".join(f"{mark.x},{mark.y}" for mark in marks if mark.kind != "now"),
        anchor=up.at(anchor) if math.isfinite(anchor) else None,
        budget=_span(up.at(anchor), up.at(limit)) if math.isfinite(limit) else None,
        beyond=(
            _span(up.at(limit), BOTTOM + 8.0 if better > 0 else TOP - 8.0)
            if math.isfinite(limit)
            else None
        ),
        ticks=up.ticks(),
        labels=_labels(revisions, marks),
    )


def _scale(revisions: Sequence[_Revision], others: Sequence[float]) -> AxisScale:
    """The axis of the baseline's past, with the run's own mean where that is not far from it."""
    values = [revision.mean for revision in revisions if revision.kind != "now"]
    values += [value for value in others if math.isfinite(value)]
    reach = _REACH * (max(values) - min(values))
    values += [
        min(max(revision.mean, min(values) - reach), max(values) + reach)
        for revision in revisions
        if revision.kind == "now"
    ]
    return AxisScale.of([value for value in values if math.isfinite(value)], BOTTOM, TOP)


def _mark(x: float, y: float, revision: _Revision) -> RevisionMark:
    beyond = -1 if y < TOP - 1 else 1 if y > BOTTOM + 1 else 0
    return RevisionMark(x, min(max(y, TOP), BOTTOM), revision.title, revision.kind, beyond)


def _span(one: float, other: float) -> tuple[float, float]:
    return min(one, other), round(abs(one - other), 2)


def _labels(
    revisions: Sequence[_Revision], marks: Sequence[RevisionMark]
) -> tuple[tuple[float, str, str], ...]:
    """The run, and the commits of the first and the latest revisions, as far as there is room."""
    texts = ["now" if r.kind == "now" else r.label for r in revisions]
    order = sorted({0, len(marks) - 1}) + list(range(len(marks) - 2, 0, -1))
    found: list[tuple[float, str, str]] = []
    for index in order:
        if all(abs(marks[index].x - x) >= _LABEL_WIDTH for x, _, _ in found):
            found.append((marks[index].x, texts[index], "middle"))
    return tuple(found)


def _revisions(artifact: Artifact, metric: str) -> list[_Revision]:
    """The means from the oldest known revision to the latest."""
    if metric not in artifact.metrics:
        return []
    baseline = artifact.metrics[metric]
    mean = summarise(baseline.values.values()).mean
    if not math.isfinite(mean):
        return []
    orientation = 1.0 if baseline.higher_is_better else -1.0
    found: list[_Revision] = []
    for entry in reversed(artifact.ledger):
        kind = "rebase" if metric in entry.anchored else "revision"
        found.append(_Revision(mean, entry.commit, entry.time, entry.reason, kind))
        effect = entry.effects.get(metric, math.nan)
        mean -= orientation * effect
        if not math.isfinite(mean):
            return found[::-1]
    found.append(_first(artifact, metric, mean))
    return found[::-1]


def _first(artifact: Artifact, metric: str, mean: float) -> _Revision:
    """The revision before the ledger; its commit is known as long as the anchor is its values."""
    moved = any(metric in entry.anchored for entry in artifact.ledger)
    if artifact.ledger and (moved or metric not in artifact.anchor):
        return _Revision(mean, None, "", "the first revision")
    if artifact.ledger:
        anchor = artifact.anchor[metric]
        return _Revision(mean, anchor.commit, anchor.time, "the first revision")
    provenance = artifact.provenance
    return _Revision(mean, provenance.commit, provenance.time, "the first revision")


def drift_room(artifact: Artifact, metric: str) -> tuple[float, float] | None:
    """Where a metric may go.

    Args:
        artifact: the baseline.
        metric: the name of the metric.

    Returns:
        The anchor's mean and the drift budget below it, in metric units, NaN where they are
        unknown; None without an anchor.
    """
    if metric not in artifact.anchor:
        return None
    import numpy as np

    from pytest_mlregress.statistics.drift import drift_budget

    values = tuple(artifact.anchor[metric].values.values())
    return summarise(values).mean, drift_budget(np.array(values, dtype=float))


def ledger_words(entry: LedgerEntry) -> str:
    """What moved the baseline, as a word before its reason.

    Args:
        entry: the entry.

    Returns:
        The word.
    """
    return {"update": "update", "rebase": "anchor moved", "environment": "environment"}[entry.kind]
