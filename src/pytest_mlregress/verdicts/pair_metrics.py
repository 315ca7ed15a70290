"""Metric by metric: the pairs of a look, their comparison, and its verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.checked_metric import RED, kind_of
from pytest_mlregress.verdicts.cut_looks import cut_off
from pytest_mlregress.verdicts.metric_samples import declared, metric_names, values_of
from pytest_mlregress.verdicts.metrics import MetricsDecision
from pytest_mlregress.verdicts.pair_words import pair_notes, pair_reasons
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.spreading import with_spread
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind, most_severe

if TYPE_CHECKING:
    from pytest_mlregress.statistics.live_pairs import LivePairCheck, PairLook
    from pytest_mlregress.statistics.pair_tests import PairTest

_TESTS: Final[dict[str, PairTest]] = {"auto": "both", "always": "pairs", "never": "samples"}
"""What shows harm, by the setting ``pairing``."""


def judge_pair_metrics(
    ready: Sequence[SeedResult], planned: Sequence[int], base: Artifact, rules: Rules
) -> MetricsDecision | None:
    """Look at every metric, or return None while the pairs of the deciding look are missing.

    A test is decided by the first look at which one metric is red or every metric is decided. A
    metric that was decided at an earlier look keeps that verdict.

    Args:
        ready: the candidate's results of the first pairs.
        planned: the seeds of the pairs.
        base: the base, with a value for each of those seeds.
        rules: how the test is judged, with the level of one metric.

    Returns:
        The decision.
    """
    followed = [_follow(name, ready, len(planned), base, rules) for name in metric_names(ready)]
    for n in sorted({step.n_pairs for steps in followed for step in steps}):
        reached = [_reached(steps, n) for steps in followed]
        red = any(step.decided and step.metric.kind in RED for step in reached)
        if red or all(step.decided for step in reached):
            metrics = tuple(with_spread(step.ended, rules) for step in reached)
            kind = most_severe(tuple(metric.kind for metric in metrics))
            return MetricsDecision(kind, metrics, n)
    return None


@dataclass(frozen=True, slots=True)
class _Step:
    """What one look says about one metric, and whether it decides it."""

    n_pairs: int
    metric: MetricVerdict
    decided: bool
    harm_shown: bool

    @property
    def ended(self) -> MetricVerdict:
        """The metric if the test ends here."""
        return self.metric if self.decided else cut_off(self.metric, harm_shown=self.harm_shown)


def _reached(steps: Sequence[_Step], n: int) -> _Step:
    """The step that holds after n pairs: the deciding one, otherwise the latest."""
    until = [step for step in steps if step.n_pairs <= n]
    return next((step for step in until if step.decided), until[-1])


def _follow(
    name: str, ready: Sequence[SeedResult], n_pairs: int, base: Artifact, rules: Rules
) -> tuple[_Step, ...]:
    recorded = declared(ready, name)
    candidate = values_of(ready, name)
    metric = MetricVerdict(
        name=name,
        kind=VerdictKind.INCONCLUSIVE,
        higher_is_better=recorded.higher_is_better,
        declared=recorded.margin,
        alpha=rules.alpha,
        baseline={seed: base.metrics[name].values[seed] for seed in candidate},
        candidate=candidate,
    )
    check = pair_check(n_pairs, metric, recorded.resolution, rules)
    looks = check.follow(tuple(metric.baseline.values()), tuple(candidate.values()))
    return tuple(
        _Step(
            n_pairs=look.n_pairs,
            metric=_decided(metric, look, check, rules),
            decided=look.action != "continue",
            harm_shown=look.harm_shown,
        )
        for look in looks
    )


def pair_check(
    n_pairs: int, metric: MetricVerdict, resolution: float | None, rules: Rules
) -> LivePairCheck:
    """The comparison of one metric, fixed before its first pair.

    Args:
        n_pairs: the largest number of pairs.
        metric: its direction, margin and level.
        resolution: its smallest step.
        rules: how the test is judged.

    Returns:
        The check.
    """
    from pytest_mlregress.statistics.live_pairs import plan_live_pairs

    early = rules.early and rules.expect is None and rules.dispersion == "off"
    return plan_live_pairs(
        n_pairs,
        higher_is_better=metric.higher_is_better,
        margin=metric.declared,
        alpha=metric.alpha,
        test=_TESTS[rules.pairing],
        classical=None if rules.test == "robust-t" else rules.test,
        on_nonfinite=rules.on_nonfinite,
        resolution=resolution,
        early=early,
    )


def _decided(
    metric: MetricVerdict, look: PairLook, check: LivePairCheck, rules: Rules
) -> MetricVerdict:
    comparison = look.comparison
    if not look.fixed_margin and math.isfinite(look.margin):
        comparison = replace(comparison, detectable=look.margin)
    seeds = list(metric.candidate)[: look.n_pairs]
    return replace(
        metric,
        kind=kind_of(look),
        baseline={seed: metric.baseline[seed] for seed in seeds},
        candidate={seed: metric.candidate[seed] for seed in seeds},
        comparison=comparison,
        level=look.level if len(check.design.looks) > 1 and look.level > 0.0 else None,
        pair_pvalues=look.harm if comparison.test == "robust-t" else None,
        reasons=(*comparison.reasons, *pair_reasons(look, rules)),
        notes=tuple(pair_notes(look, check, metric, rules)),
    )
