"""What the seed that speaks most for a verdict has printed, and where it failed."""

from __future__ import annotations

import math
import re
from typing import Final

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.reporting.headline import failed_seeds
from pytest_mlregress.reporting.metric_text import compares_matched_seeds
from pytest_mlregress.reporting.report import most_severe_metrics_first
from pytest_mlregress.reporting.text_layout import clip
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict

_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
"""An ANSI sequence: a colour, a movement of the cursor, a title."""

_HEADING: Final = re.compile(r"Captured \w+ \w+")


def worst_seed(verdict: Verdict) -> SeedResult | None:
    """The seed to look at first: one that failed, else the one with the largest loss.

    Args:
        verdict: the verdict.

    Returns:
        The seed; None if none was reported.
    """
    by_number = {seed.seed: seed for seed in verdict.seeds}
    order = [seed for seed, _ in failed_seeds(verdict)]
    for metric in most_severe_metrics_first(verdict)[:1]:
        order += sorted(metric.candidate, key=lambda seed: (_value(metric, seed), seed))
    return next((by_number[seed] for seed in order if seed in by_number), None)


def output_lines(seed: SeedResult, *, most: int, width: int) -> list[str]:
    """The end of what a seed printed, or of its traceback where it has one.

    Args:
        seed: the seed.
        most: the largest number of lines.
        width: cells that a line may take; the end of a longer one is left out.

    Returns:
        The lines, without escape sequences, progress that was overwritten and blank lines.
    """
    lines = [_shown(line) for line in (seed.traceback or seed.captured).split("\n")]
    kept = [line for line in lines if line.strip() and not _HEADING.fullmatch(line.strip(" -"))]
    return [clip(line, width) for line in kept[-most:]] if most > 0 else []


def _value(metric: MetricVerdict, seed: int) -> float:
    """The seed's value, oriented so that lower is worse; beside its own baseline if it has that."""
    value = metric.candidate[seed]
    if compares_matched_seeds(metric) and seed in metric.baseline:
        value -= metric.baseline[seed]
    if not math.isfinite(value):
        return -math.inf
    return value if metric.higher_is_better else -value


def _shown(line: str) -> str:
    """What a terminal would show of a line: a progress bar writes over itself."""
    return visible(_ESCAPE.sub("", line).rstrip("\r\n").rpartition("\r")[2]).rstrip()
