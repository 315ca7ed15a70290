"""The joint levels of all metrics of a test at a look, by one relabelling of its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict

if TYPE_CHECKING:
    from pytest_mlregress.statistics.early_stop import SequentialCheck
    from pytest_mlregress.statistics.samples import FloatArray


@dataclass(frozen=True, slots=True)
class JointLevel:
    """The level of one metric at a look, together with others.

    Attributes:
        n_seeds: number of candidate seeds of the look.
        level: the joint level.
        alone: the level without the other metrics.
        metrics: number of metrics judged together.
    """

    n_seeds: int
    level: float
    alone: float
    metrics: int

    def __str__(self) -> str:
        return (
            f"level {self.level:.2g} instead of {self.alone:.2g} after {self.n_seeds} seeds: one "
            f"relabelling for {self.metrics} metrics of the test (Westfall-Young)"
        )


@dataclass(frozen=True, slots=True)
class LookedAt:
    """One metric at a look.

    Attributes:
        check: its check.
        metric: the metric with all of its values.
        n: number of candidate seeds of the look.
        p_harm: that of this look, None if the metric was decided before.
    """

    check: SequentialCheck
    metric: MetricVerdict
    n: int
    p_harm: float | None

    def samples(self) -> tuple[FloatArray, FloatArray]:
        """Baseline and candidate of this look, each in the order of `seeds`."""
        import numpy as np

        baseline = [self.metric.baseline[seed] for seed in sorted(self.metric.baseline)]
        return np.array(baseline), np.array(list(self.metric.candidate.values())[: self.n])

    @property
    def seeds(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The seeds of both sides: metrics with the same ones can share a relabelling."""
        return tuple(sorted(self.metric.baseline)), tuple(self.metric.candidate)[: self.n]

    @property
    def finite(self) -> bool:
        """Whether all values are finite, which the t-test needs."""
        return all(math.isfinite(value) for sample in self.samples() for value in sample)


def joint_levels(looks: Sequence[LookedAt], rules: Rules) -> tuple[JointLevel | None, ...]:
    """The levels that change what a look says of some metrics; None for those that keep theirs.

    Levels below what 200,000 relabellings show are kept: joint ones would have to come from more.

    One relabelling applies to the metrics that the robust t-test judges on the same seeds, also
    those that an earlier look has decided: their designs have a level at this look too.

    Args:
        looks: the metrics at one look.
        rules: how the test is judged.

    Returns:
        One level or None per metric.
    """
    found: list[JointLevel | None] = [None] * len(looks)
    if rules.test != "robust-t" or rules.on_nonfinite == "test" or rules.expect is not None:
        return tuple(found)
    # A relabelling of seeds does not account for run effects that metrics may share.
    finite = [k for k, look in enumerate(looks) if look.finite and not look.check.noise.matters]
    for seeds in dict.fromkeys(looks[k].seeds for k in finite):
        members = [k for k in finite if looks[k].seeds == seeds]
        for k, joint in zip(members, _of_group([looks[k] for k in members]), strict=True):
            found[k] = joint
    return tuple(found)


def _of_group(looks: Sequence[LookedAt]) -> list[JointLevel | None]:
    """A relabelling costs as much as a test, and is drawn only if it may change the verdict.

    That is the case if a p-value is above its own level and at most the sum of all: the joint level
    is between them.
    """
    from pytest_mlregress.statistics.multiple_comparisons import min_p_levels
    from pytest_mlregress.statistics.power import draws_of
    from pytest_mlregress.statistics.relabellings import MAX_RELABELLINGS

    if any(draws_of(look.check.design) > MAX_RELABELLINGS for look in looks):
        return [None] * len(looks)
    alone = [look.check.level_at(*look.samples()) for look in looks]
    most = sum(alone)
    if 0.0 in alone or not any(
        _between(look, level, most) for look, level in zip(looks, alone, strict=True)
    ):
        return [None] * len(looks)
    together = min_p_levels(*_oriented(looks), alone)
    return [
        JointLevel(look.n, level, own, len(looks)) if _between(look, own, level) else None
        for look, own, level in zip(looks, alone, together, strict=True)
    ]


def _between(look: LookedAt, above: float, most: float) -> bool:
    """Whether the metric is still open and its p-value of harm is between two levels."""
    return look.p_harm is not None and above < look.p_harm <= most


def _oriented(looks: Sequence[LookedAt]) -> tuple[FloatArray, FloatArray]:
    """Both sides, a row per metric, higher being better."""
    import numpy as np

    sign = np.array([[1.0 if look.metric.higher_is_better else -1.0] for look in looks])
    baselines, candidates = zip(*(look.samples() for look in looks), strict=True)
    return sign * np.stack(baselines), sign * np.stack(candidates)
