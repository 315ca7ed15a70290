"""The run effect of a metric, from what the artifact and pytest's cache hold of its code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.history import samples_of_same_code
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict

if TYPE_CHECKING:
    from pytest_mlregress.statistics.run_effect import RunEffect


def run_effect_of(name: str, baseline: Artifact, rules: Rules) -> RunEffect | None:
    """The run effect in the revisions and green runs that count as the code of the baseline.

    A small change that was never shown counts as a run effect.

    Args:
        name: the name of the metric.
        baseline: the baseline.
        rules: how the test is judged, with the green runs.

    Returns:
        The effect; None if it cannot be estimated.
    """
    runs = [*samples_of_same_code(baseline, name), *rules.green_runs.get(name, ())]
    if len(runs) < 2:
        return None
    from pytest_mlregress.statistics.run_effect import estimate_run_effect

    return estimate_run_effect(runs)


def run_effect_notes(metrics: Sequence[MetricVerdict]) -> Iterator[str]:
    """What a reader should know of run effects: those that enter a test.

    Args:
        metrics: the judged metrics.

    Yields:
        One note per metric.
    """
    for metric in metrics:
        if metric.run_effect is not None and metric.run_effect.shown:
            yield f"{metric.name}: {metric.run_effect}"
