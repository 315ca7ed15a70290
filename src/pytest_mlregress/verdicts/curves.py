"""What judging learning curves takes from the level of the comparisons of their test."""

from __future__ import annotations

from dataclasses import replace

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.verdicts.policy import Rules


def beside_curves(rules: Rules, baseline: Artifact | None) -> Rules:
    """The rules of a test's comparisons, which leave its judged curves their share of alpha.

    Whether curves are judged is known before the first seed, so no value of the candidate changes a
    level.

    Args:
        rules: the rules of the run.
        baseline: the baseline; None without one.

    Returns:
        The rules; unchanged if no curve of the baseline has limits, or none is judged.
    """
    if baseline is None or not rules.judges_curves or not _judged(baseline):
        return rules
    from pytest_mlregress.statistics.curve_collapse import CURVE_SHARE

    left = 1.0 - CURVE_SHARE
    return replace(rules, alpha=left * rules.alpha, tested_share=left * rules.tested_share)


def curve_level(rules: Rules) -> float:
    """The probability that a check may have of ending a healthy seed because of one curve.

    Args:
        rules: those of the run, with all of the comparison's alpha.

    Returns:
        The level.
    """
    from pytest_mlregress.statistics.curve_collapse import CURVE_SHARE

    return CURVE_SHARE * rules.alpha


def _judged(baseline: Artifact) -> bool:
    """Whether a curve has the name of a metric, whose direction it takes, and enough seeds."""
    from pytest_mlregress.statistics.curve_collapse import LEAST_CURVES

    return any(len(baseline.curves.get(name, ())) >= LEAST_CURVES for name in baseline.metrics)
