"""What changed between two versions of one baseline, as a reviewer asks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pytest_mlregress.baselines.artifact import Artifact, LedgerEntry, MetricBaseline
from pytest_mlregress.baselines.environment import environment_differences
from pytest_mlregress.baselines.history import accepted_loss
from pytest_mlregress.margins import MarginLike
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.verdicts.metric_samples import absolute_margin
from pytest_mlregress.verdicts.metrics import compared
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict

__all__ = ["BaselineDiff", "DriftState", "MetricDiff", "SampleChange", "baseline_diff"]

SampleChange: TypeAlias = Literal["equal", "compared", "new", "gone", "incomparable"]
"""``equal``: every value is, bit for bit."""


@dataclass(frozen=True, slots=True)
class DriftState:
    """How far a metric is from its anchor.

    Attributes:
        anchor_mean: mean of the anchor's finite values, in metric units; NaN without one.
        accepted: the loss accepted since the anchor was set, in metric units.
        budget: the loss that may be accepted, in metric units; NaN where it is unknown.
        moved: whether the anchor is another one than before.
        refused: updates refused since because of it.
    """

    anchor_mean: float
    accepted: float
    budget: float
    moved: bool
    refused: int


@dataclass(frozen=True, slots=True)
class MetricDiff:
    """One metric of both versions.

    Attributes:
        name: its name.
        change: what became of its sample.
        before: the metric before; None where it is new.
        after: the metric now; None where it is gone.
        judged: the newer sample against the older one, as an update compares them; None unless
            they were compared.
        settings: what else differs, such as ``margin 0.01 -> 0.02``.
        drift: of the metric now; None where it is gone or has no anchor.
    """

    name: str
    change: SampleChange
    before: MetricBaseline | None
    after: MetricBaseline | None
    judged: MetricVerdict | None = None
    settings: tuple[str, ...] = ()
    drift: DriftState | None = None


@dataclass(frozen=True, slots=True)
class BaselineDiff:
    """Two versions of a test's baseline.

    Attributes:
        before: the older one; None where the baseline is new.
        after: the newer one; None where it is gone.
        metrics: what became of each metric.
        environment: how the environments differ.
        params: how the hyper-parameters differ.
        data: how the data fingerprints differ.
        entries: what the ledger has now and had not before.
    """

    before: Artifact | None
    after: Artifact | None
    metrics: tuple[MetricDiff, ...] = ()
    environment: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    entries: tuple[LedgerEntry, ...] = field(default=())

    @property
    def either(self) -> Artifact:
        """The newer version where there is one."""
        artifact = self.after if self.after is not None else self.before
        assert artifact is not None
        return artifact

    @property
    def equal(self) -> bool:
        """Whether both are the same: one revision."""
        return (
            self.before is not None
            and self.after is not None
            and self.before.revision == self.after.revision
        )


def baseline_diff(before: Artifact | None, after: Artifact | None, rules: Rules) -> BaselineDiff:
    """What changed between two versions of one baseline.

    Args:
        before: the older one; None where there was none.
        after: the newer one; None where there is none.
        rules: how both samples are compared.

    Returns:
        The differences.

    Raises:
        ValueError: both are None.
    """
    if before is None or after is None:
        if before is after:
            raise ValueError("neither side has a baseline")
        return BaselineDiff(before, after)
    names = dict.fromkeys((*before.metrics, *after.metrics))
    return BaselineDiff(
        before,
        after,
        metrics=tuple(_metric(name, before, after, rules) for name in names),
        environment=tuple(
            environment_differences(before.provenance.environment, after.provenance.environment)
        ),
        params=_changed(before.params, after.params),
        data=_changed(before.data, after.data),
        entries=tuple(entry for entry in after.ledger if entry not in before.ledger),
    )


def _metric(name: str, before: Artifact, after: Artifact, rules: Rules) -> MetricDiff:
    old, new = before.metrics.get(name), after.metrics.get(name)
    drift = _drift(name, before, after) if new is not None else None
    if old is None or new is None:
        return MetricDiff(name, "new" if old is None else "gone", old, new, drift=drift)
    settings = _settings(old, new)
    if (old.version, old.higher_is_better) != (new.version, new.higher_is_better):
        return MetricDiff(name, "incomparable", old, new, settings=settings, drift=drift)
    if old.values == new.values:  # every NaN is one object, which is equal to itself
        return MetricDiff(name, "equal", old, new, settings=settings, drift=drift)
    judged = compared(name, _as_seeds(name, new, _margin(old, new)), before, rules)
    return MetricDiff(name, "compared", old, new, judged, settings, drift)


def _margin(old: MetricBaseline, new: MetricBaseline) -> MarginLike:
    """The margin that the update held the newer values to.

    A share of the mean or of the spread is kept as what it is of the sample it is kept with, while
    a check takes it of the baseline that it compares with.
    """
    if new.margin is None:
        return "auto"
    for one in ("1%", "1sd"):
        unit = RecordedMetric("", 0.0, higher_is_better=True, margin=one)
        was, now = absolute_margin(unit, old.values), absolute_margin(unit, new.values)
        if was and now and old.margin and math.isclose(old.margin / was, new.margin / now):
            return old.margin
    return new.margin


def _as_seeds(name: str, metric: MetricBaseline, margin: MarginLike) -> list[SeedResult]:
    """The recorded values as the seeds that gave them."""
    return [
        SeedResult(
            seed,
            "finished",
            metrics=(
                RecordedMetric(
                    *(name, value, metric.higher_is_better, margin),
                    version=metric.version,
                    resolution=metric.resolution,
                ),
            ),
        )
        for seed, value in metric.values.items()
    ]


def _settings(old: MetricBaseline, new: MetricBaseline) -> tuple[str, ...]:
    pairs = {
        "margin": (
            "auto" if old.margin is None else f"{old.margin:g}",
            "auto" if new.margin is None else f"{new.margin:g}",
        ),
        "version": (str(old.version), str(new.version)),
        "direction": (_direction(old), _direction(new)),
        "resolution": (str(old.resolution), str(new.resolution)),
        "seeds": (str(len(old.values)), str(len(new.values))),
    }
    return tuple(f"{name} {was} -> {now}" for name, (was, now) in pairs.items() if was != now)


def _direction(metric: MetricBaseline) -> str:
    return "higher is better" if metric.higher_is_better else "lower is better"


def _drift(name: str, before: Artifact, after: Artifact) -> DriftState | None:
    anchor = after.anchor.get(name)
    if anchor is None:
        return None
    import numpy as np

    from pytest_mlregress.statistics.drift import drift_budget

    values = np.array(list(anchor.values.values()))
    finite = values[np.isfinite(values)]
    old = before.anchor.get(name)
    return DriftState(
        anchor_mean=float(finite.mean()) if finite.size else float("nan"),
        accepted=accepted_loss(after, name) + 0.0,  # no loss is 0, not -0
        budget=drift_budget(values),
        moved=old is None or old.values != anchor.values,
        refused=anchor.refused,
    )


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[str, ...]:
    absent = "none"
    return tuple(
        f"{name}: {old.get(name, absent)} -> {new.get(name, absent)}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name, absent) != new.get(name, absent)
    )
