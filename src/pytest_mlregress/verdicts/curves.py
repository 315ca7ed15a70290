"""What judging learning curves takes from the level of the comparisons of their test."""

from __future__ import annotations

from dataclasses import replace

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.verdicts.policy import Rules


def beside_curves(rules: Rules, baseline: Artifact | None) -> Rules:
    """The rules of a test's comparisons, which leave its judged curves their share of alpha.

    Unchanged where no curve of the baseline is held against limits, or none is judged at all. That
    is known before the first seed, and so no value of the candidate moves a level.
    """
    if baseline is None or not rules.judges_curves or not _judged(baseline):
        return rules
    from pytest_mlregress.statistics.curve_collapse import CURVE_SHARE

    left = 1.0 - CURVE_SHARE
    return replace(rules, alpha=left * rules.alpha, tested_share=left * rules.tested_share)


def curve_level(rules: Rules) -> float:
    """The chance that a check may have of ending a healthy seed because of one curve.

    ``rules`` are those of the run, with all of the comparison's alpha.
    """
    from pytest_mlregress.statistics.curve_collapse import CURVE_SHARE

    return CURVE_SHARE * rules.alpha


def _judged(baseline: Artifact) -> bool:
    """Whether a curve has the name of a metric, whose direction it takes, and seeds enough."""
    from pytest_mlregress.statistics.curve_collapse import LEAST_CURVES

    return any(len(baseline.curves.get(name, ())) >= LEAST_CURVES for name in baseline.metrics)
