"""What seeds printed and how they failed, ready to be shown as plain text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.reporting.headline import failed_seeds
from pytest_mlregress.reporting.html.figures import short_name
from pytest_mlregress.reporting.report import most_severe_metrics_first
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.verdicts.verdict import Colour, Verdict

__all__ = ["SeedOutput", "plain_output", "seed_outputs"]

_SEQUENCES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # window titles, links
)
_OVERWRITTEN: Final = re.compile(r"[^\n]*\r(?!\n)(?=[^\r\n])")
"""What a progress bar has drawn over since the line began."""


@dataclass(frozen=True, slots=True)
class SeedOutput:
    """One seed's text.

    Attributes:
        seed: the seed.
        side: ``of the base``, or empty.
        what: what happened to it.
        bad: whether it failed.
        traceback: pytest's account of its failure.
        captured: what it printed and logged.
    """

    seed: int
    side: str
    what: str
    bad: bool
    traceback: str
    captured: str


def seed_outputs(verdict: Verdict) -> tuple[SeedOutput, ...]:
    """The seeds that failed, then, of a red test, the worst of the others.

    Args:
        verdict: the test.

    Returns:
        Their outputs.
    """
    happened = dict(failed_seeds(verdict))
    found = [
        _output(result, happened.get(result.seed, result.outcome), bad=True)
        for result in verdict.seeds
        if result.seed in happened or result.outcome in WITHOUT_SUCCESS
    ]
    found += [
        _output(result, result.message.partition("\n")[0] or result.outcome, bad=True, base=True)
        for result in verdict.base_seeds
        if result.outcome in WITHOUT_SUCCESS
    ]
    if verdict.colour is Colour.RED and not found:
        found += _of_worst(verdict)
    return tuple(found)


def plain_output(text: str) -> str:
    """What a terminal would have shown in the end, without colours; other controls as escapes.

    Args:
        text: what a process printed.

    Returns:
        The text, its line feeds kept.
    """
    text = _SEQUENCES.sub("", text).replace("\r\n", "\n")
    return visible(_OVERWRITTEN.sub("", text).rstrip())


def _output(result: SeedResult, what: str, *, bad: bool, base: bool = False) -> SeedOutput:
    message = plain_output(result.message) if bad else ""
    return SeedOutput(
        seed=result.seed,
        side="of the base" if base else "",
        what=short_name(what),
        bad=bad,
        traceback=plain_output(result.traceback) or (message if what not in message else ""),
        captured=plain_output(result.captured),
    )


def _of_worst(verdict: Verdict) -> Iterator[SeedOutput]:
    """The seed with the worst value of the metric that decided."""
    metrics = most_severe_metrics_first(verdict)
    if not metrics or not metrics[0].candidate:
        return
    metric = metrics[0]
    sign = 1.0 if metric.higher_is_better else -1.0
    finite = {seed: value for seed, value in metric.candidate.items() if math.isfinite(value)}
    if not finite:
        return
    worst = min(finite, key=lambda seed: (sign * finite[seed], seed))
    for result in verdict.seeds:
        if result.seed == worst and result.captured:
            yield _output(result, f"the worst {metric.name}", bad=False)
