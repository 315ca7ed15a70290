"""Whether a baseline still looks like what the project computes.

A baseline may have been lucky when it was recorded, or the code may have moved since by steps too
small to be shown one at a time.  Both show in the green runs of later commits: they all lie on the
same side of it.  What such runs measured is remembered in pytest's cache, on this machine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Final

import pytest

from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

CACHE_KEY: Final = "mlregress/recent"
RUNS_KEPT: Final = 20
RUNS_NEEDED: Final = 5
STANDARD_ERRORS: Final = 2.0


@dataclass(frozen=True, slots=True)
class GreenRun:
    """The mean of one metric in a green run of another commit."""

    commit: str
    mean: float
    n_seeds: int


def health_line(metric: MetricVerdict, runs: Sequence[GreenRun]) -> str | None:
    """What the green runs since say against a baseline, or None.

    At least `RUNS_NEEDED` commits must lie on one side of the baseline's mean, on average by more
    than `STANDARD_ERRORS` standard errors of one run.  The runs share their seeds, so that more
    of them make the average no more precise.
    """
    values = [value for value in metric.baseline.values() if math.isfinite(value)]
    usable = [run for run in runs if math.isfinite(run.mean)]
    if len(values) < 2 or len(usable) < RUNS_NEEDED:
        return None
    sign = 1.0 if metric.higher_is_better else -1.0
    before = fmean(values)
    moved = [sign * (run.mean - before) for run in usable]
    n_seeds = min(run.n_seeds for run in usable)
    error = stdev(values) * math.sqrt(1.0 / len(values) + 1.0 / n_seeds)
    one_sided = all(change > 0.0 for change in moved) or all(change < 0.0 for change in moved)
    if not one_sided or abs(fmean(moved)) <= STANDARD_ERRORS * error:
        return None
    worse = moved[0] < 0.0
    return (
        f"baseline looks {'lucky or stale' if worse else 'stale'}: {metric.name} was "
        f"{'worse' if worse else 'better'} in all of the last {len(usable)} green commits, "
        f"{fmean(run.mean for run in usable):.6g} on average against {before:.6g}"
    )


def health_notes(verdicts: Iterable[Verdict], recent: RecentRuns, commit: str) -> tuple[str, ...]:
    """What earlier green runs say against the baselines; today's, at ``commit``, join them."""
    verdicts = tuple(verdicts)
    for verdict in verdicts:
        recent.remember(verdict, commit)
    recent.save()
    return tuple(
        f"{verdict.test}: {line}"
        for verdict in verdicts
        for metric in verdict.metrics
        if (line := health_line(metric, recent.of(verdict, metric))) is not None
    )


class RecentRuns:
    """The green runs that this machine remembers, by test, tier and metric."""

    def __init__(self, cache: pytest.Cache | None) -> None:
        self._cache = cache
        stored = cache.get(CACHE_KEY, {}) if cache is not None else {}
        self._entries: dict[str, Any] = stored if isinstance(stored, dict) else {}

    def of(self, verdict: Verdict, metric: MetricVerdict) -> tuple[GreenRun, ...]:
        """The runs against today's baseline, oldest first."""
        match self._entries.get(_name(verdict, metric)):
            case {"baseline": str(baseline), "runs": list(runs)}:
                if baseline == _digest(metric.baseline):
                    return tuple(run for entry in runs if (run := _green_run(entry)) is not None)
        return ()

    def remember(self, verdict: Verdict, commit: str) -> None:
        """Keep the metrics of a green verdict, one run per commit."""
        if verdict.colour is not Colour.GREEN or verdict.kind is VerdictKind.RECORDED:
            return
        for metric in verdict.metrics:
            if not metric.candidate:
                continue
            run = GreenRun(commit, fmean(metric.candidate.values()), len(metric.candidate))
            others = [other for other in self.of(verdict, metric) if other.commit != commit]
            self._entries[_name(verdict, metric)] = {
                "baseline": _digest(metric.baseline),
                "runs": [[r.commit, r.mean, r.n_seeds] for r in (*others, run)][-RUNS_KEPT:],
            }

    def save(self) -> None:
        """Write the cache; without a cache provider there is nowhere to write to."""
        if self._cache is not None and self._entries:
            self._cache.set(CACHE_KEY, self._entries)


def _green_run(entry: object) -> GreenRun | None:
    """A run as the cache holds it, None for anything else: the cache is a file like any other."""
    match entry:
        case [str(commit), float(mean), int(n_seeds)] if n_seeds > 0:
            return GreenRun(commit, mean, n_seeds)
    return None


def _name(verdict: Verdict, metric: MetricVerdict) -> str:
    return f"{verdict.test} {verdict.tier} {metric.name}"


def _digest(values: Mapping[int, float]) -> str:
    text = ",".join(f"{seed}={value!r}" for seed, value in sorted(values.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
