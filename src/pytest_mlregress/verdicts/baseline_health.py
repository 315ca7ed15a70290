"""Whether a baseline still looks like what the project computes.

A baseline may have been lucky when it was recorded, or the code may have moved since by steps too
small to be shown one at a time. Both show in the green runs of later commits, taken together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_mlregress.verdicts.green_runs import GreenRun
from pytest_mlregress.verdicts.verdict import MetricVerdict

RUNS_NEEDED: Final = 10
"""Green runs before a baseline is doubted: the checks of 5 seeds hardly tell more than one."""


def baseline_remark(metric: MetricVerdict, runs: Sequence[GreenRun]) -> str | None:
    """What the green runs since say against a baseline.

    Their mean must differ from the baseline's by 1.5 of its standard errors, and by more than the
    chance of their seeds.

    Args:
        metric: the metric, with its baseline.
        runs: its green runs since.

    Returns:
        A sentence; None for nothing.
    """
    if len(runs) < RUNS_NEEDED:
        return None
    from pytest_mlregress.statistics.baseline_offset import baseline_offset

    found = baseline_offset(metric.baseline, [run.values for run in runs])
    if found is None or found.n_runs < RUNS_NEEDED or not found.shown:
        return None
    change = found.runs_mean - found.baseline_mean
    worse = (change < 0.0) is metric.higher_is_better
    return (
        f"baseline looks {'lucky or stale' if worse else 'unlucky or stale'}: {metric.name} is "
        f"{found.baseline_mean:.6g} there (standard error {found.standard_error:.2g}), and "
        f"{found.runs_mean:.6g} in the last {found.n_runs} green runs, {found.n_values} values; "
        f"--mlregress-update records it again"
    )
