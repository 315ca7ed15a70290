"""What green runs measured, seed by seed, remembered on this machine.

They are kept per test, tier and metric, and only for the current baseline.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

CACHE_KEY: Final = "mlregress/recent"

RUNS_KEPT: Final = 20
"""How many runs of a metric are remembered."""


@dataclass(frozen=True, slots=True)
class GreenRun:
    """One metric in a green run.

    Attributes:
        commit: the commit of the run; empty outside git.
        kind: the verdict on the metric.
        values: its values by seed, in metric units.
    """

    commit: str
    kind: VerdictKind
    values: Mapping[int, float]


class Cache(Protocol):
    """Where green runs are kept between runs: the interface of `pytest.Cache`."""

    def get(self, key: str, default: Any, /) -> Any:
        """What is kept under the key, ``default`` if that is nothing readable.

        Args:
            key: the key.
            default: what is returned without a readable value.

        Returns:
            The value.
        """

    def set(self, key: str, value: Any, /) -> None:
        """Keep a value of plain builtins under the key.

        Args:
            key: the key.
            value: the value.
        """


class GreenRuns:
    """The green runs that this machine remembers.

    Args:
        cache: where they are kept; None where there is no cache, and nothing is remembered.
    """

    def __init__(self, cache: Cache | None) -> None:
        """Read what the cache holds."""
        self._cache = cache
        stored = cache.get(CACHE_KEY, {}) if cache is not None else {}
        self._entries: dict[str, Any] = stored if isinstance(stored, dict) else {}
        self._changed = False

    def of(
        self, test: str, tier: str, metric: str, baseline: Mapping[int, float]
    ) -> tuple[GreenRun, ...]:
        """The runs of a metric that were compared with these baseline values, oldest first.

        Args:
            test: the node id without the seed.
            tier: the tier.
            metric: the name of the metric.
            baseline: the baseline's values by seed.

        Returns:
            The runs.
        """
        match self._entries.get(_name(test, tier, metric)):
            case {"baseline": str(digest), "runs": list(runs)} if digest == _digest(baseline):
                return tuple(run for entry in runs if (run := _green_run(entry)) is not None)
        return ()

    def unchanged(
        self, test: str, tier: str, baseline: Artifact, commit: str
    ) -> dict[str, tuple[Mapping[int, float], ...]]:
        """Per metric the runs that showed no change against a baseline, neither loss nor gain.

        Args:
            test: the node id without the seed.
            tier: the tier.
            baseline: the baseline.
            commit: the current commit, whose runs are left out: a run of the same code is no new
                evidence.

        Returns:
            The values of each run by seed, by metric.
        """
        return {
            name: tuple(
                run.values
                for run in self.of(test, tier, name, metric.values)
                if run.kind is VerdictKind.PASS and run.commit != commit
            )
            for name, metric in baseline.metrics.items()
        }

    def remember(self, verdict: Verdict, commit: str) -> None:
        """Keep the metrics of a green verdict.

        A run that is bit-identical to the baseline or an earlier run is no evidence and takes no
        place; of two such runs the one with more seeds stays.

        Args:
            verdict: the verdict.
            commit: the current commit; empty outside git.
        """
        if verdict.colour is not Colour.GREEN or verdict.kind is VerdictKind.RECORDED:
            return
        for metric in verdict.metrics:
            run = GreenRun(commit, metric.kind, dict(metric.candidate))
            if all(map(math.isfinite, run.values.values())) and run.values:
                self._keep(verdict, metric, run)

    def save(self) -> None:
        """Write the cache; without a cache provider there is nowhere to write to."""
        if self._cache is not None and self._changed:
            self._cache.set(CACHE_KEY, self._entries)

    def _keep(self, verdict: Verdict, metric: MetricVerdict, run: GreenRun) -> None:
        from pytest_mlregress.statistics.seed_run_layout import same_values

        earlier = self.of(verdict.test, verdict.tier, metric.name, metric.baseline)
        same = [other for other in earlier if same_values(run.values, other.values)]
        longest = max((len(other.values) for other in same), default=0)
        if same_values(run.values, metric.baseline) or longest >= len(run.values):
            return
        others = [other for other in earlier if other not in same]
        self._entries[_name(verdict.test, verdict.tier, metric.name)] = {
            "baseline": _digest(metric.baseline),
            "runs": [_entry(one) for one in (*others, run)][-RUNS_KEPT:],
        }
        self._changed = True


def _entry(run: GreenRun) -> list[Any]:
    return [run.commit, str(run.kind), [[seed, value] for seed, value in run.values.items()]]


def _green_run(entry: object) -> GreenRun | None:
    """A run as the cache holds it, None for anything else: the cache is a file like any other."""
    match entry:
        case [str(commit), str(kind), list(pairs)] if kind in list(VerdictKind) and pairs:
            values: dict[int, float] = {}
            for pair in pairs:
                match pair:
                    case [int(seed), float(value)] if math.isfinite(value):
                        values[seed] = value
                    case _:
                        return None
            return GreenRun(commit, VerdictKind(kind), values)
    return None


def _name(test: str, tier: str, metric: str) -> str:
    return f"{test} {tier} {metric}"


def _digest(values: Mapping[int, float]) -> str:
    text = ",".join(f"{seed}={value!r}" for seed, value in sorted(values.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
