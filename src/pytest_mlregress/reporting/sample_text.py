"""Text about a sample: its size, mean and spread, and the seeds that are not in it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pytest_mlregress.running.seed_outcome import RAN, WITHOUT_SUCCESS
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind

NOT_NEEDED: Final = "not needed"
LATE: Final = "came after the verdict"


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """Number, mean and spread of a sample.

    Attributes:
        n: number of values.
        mean: in metric units; non-finite if a value is.
        sd: n - 1 in the denominator; NaN then, and for fewer than two values.
    """

    n: int
    mean: float
    sd: float


def summarise(values: Iterable[float]) -> SampleSummary:
    """The size, mean and standard deviation of a sample.

    Args:
        values: the values, in metric units.

    Returns:
        The summary.
    """
    return _summary(tuple(float(value) for value in values))


@lru_cache(maxsize=8192)
def _summary(sample: tuple[float, ...]) -> SampleSummary:
    """Kept, since a report asks a dozen times for each sample."""
    if not all(map(math.isfinite, sample)):
        return SampleSummary(len(sample), _limit(sample), math.nan)
    if not sample:
        return SampleSummary(0, math.nan, math.nan)
    # Sums of values near the largest double overflow; scaling by a power of two is exact.
    scale = 2.0 ** max(0, math.frexp(max(map(abs, sample)))[1] - 1)
    scaled = [value / scale for value in sample]
    sd = _stdev(scaled) * scale if len(sample) > 1 else math.nan
    return SampleSummary(len(sample), statistics.fmean(scaled) * scale, sd)


def _stdev(sample: Sequence[float]) -> float:
    """`statistics.stdev` of finite floats in a fifth of the time, to the last bit.

    All floats are integers in units of the smallest one; the sums are exact.
    """
    ratios = [value.as_integer_ratio() for value in sample]
    unit = max(denominator for _, denominator in ratios)  # powers of 2
    whole = [numerator * (unit // denominator) for numerator, denominator in ratios]
    n = len(whole)
    squares = n * sum(value * value for value in whole) - sum(whole) ** 2
    return _root_of_ratio(squares, n * (n - 1) * unit * unit)


def _root_of_ratio(n: int, m: int) -> float:
    """The square root of n / m, correctly rounded: as of Python's `statistics`, 3.11 and later."""
    digits = (n.bit_length() - m.bit_length() - 109) // 2
    if digits >= 0:
        return float(_odd_root(n, m << 2 * digits) << digits)
    return _odd_root(n << -2 * digits, m) / (1 << -digits)


def _odd_root(n: int, m: int) -> int:
    """The square root of n / m, rounded to odd, so that rounding it again is rounding it once."""
    root = math.isqrt(n // m)
    return root | (root * root * m != n)


def effect_size(metric: MetricVerdict) -> float | None:
    """The difference of the means in SDs of the baseline, candidate minus baseline.

    Args:
        metric: the metric.

    Returns:
        The effect; None without a comparison or without spread.
    """
    if metric.comparison is None:
        return None
    spread = summarise(metric.baseline.values()).sd
    if not spread > 0:
        return None
    effect = metric.comparison.difference / spread
    return effect if math.isfinite(effect) else None


def seeds_counted(verdict: Verdict) -> int:
    """How many seeds a verdict is said to rest on, the same number in every report.

    Where seeds failed, all that ran: `Verdict.decided_after` counts those with values.

    Args:
        verdict: the test.

    Returns:
        The number.
    """
    outcomes = [seed.outcome for seed in verdict.seeds]
    if not (WITHOUT_SUCCESS | {"xfailed"}).intersection(outcomes):
        return verdict.decided_after
    return max(verdict.decided_after, sum(outcome in RAN for outcome in outcomes))


def seeds_of_planned(verdict: Verdict, *, of: str = "/") -> str:
    """``3/5``; ``10`` of a file, of which nothing was planned.

    Args:
        verdict: the test, or the file.
        of: what is between both numbers.

    Returns:
        The text.
    """
    counted = str(seeds_counted(verdict))
    return f"{counted}{of}{len(verdict.planned)}" if verdict.planned else counted


def unit_of(verdicts: Iterable[Verdict]) -> str:
    """What is counted of verdicts: seeds, pairs of them in an A/B run, rows or examples of files.

    Args:
        verdicts: the verdicts.

    Returns:
        Its singular; that of seeds where they have several.
    """
    found = {"pair" if verdict.base else verdict.unit for verdict in verdicts}
    if "pair" in found:
        return "pair"
    return found.pop() if len(found) == 1 else "seed"


def absent(verdict: Verdict, metric: MetricVerdict) -> Mapping[int, str]:
    """The planned seeds without a value of this metric, with the reason in a word.

    Args:
        verdict: the test.
        metric: its metric.

    Returns:
        The reason by seed.
    """
    outcomes = {seed.seed: seed.outcome for seed in verdict.seeds}
    return {
        seed: _why_absent(seed, verdict, outcomes.get(seed))
        for seed in verdict.planned
        if seed not in metric.candidate
    }


def unneeded(verdict: Verdict) -> tuple[int, ...]:
    """The selected seeds that were not needed, already skipped or not yet.

    Args:
        verdict: the test.

    Returns:
        The seeds.
    """
    if verdict.kind is VerdictKind.INCOMPLETE:
        return verdict.stopped
    reported = {seed.seed for seed in verdict.seeds} - set(verdict.stopped)
    return tuple(seed for seed in verdict.selected if seed not in reported)


def _why_absent(seed: int, verdict: Verdict, outcome: str | None) -> str:
    if seed in unneeded(verdict):
        return NOT_NEEDED
    if outcome is None:
        return "not run" if seed in verdict.selected else "deselected"
    if outcome not in ("finished", "xfailed"):
        return outcome
    came_late = seed in verdict.planned[verdict.decided_after :]
    return LATE if came_late else "missing"


def _limit(sample: tuple[float, ...]) -> float:
    extremes = {value for value in sample if not math.isfinite(value)}
    return extremes.pop() if len(extremes) == 1 else math.nan
