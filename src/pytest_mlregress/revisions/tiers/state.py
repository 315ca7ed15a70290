"""What both tiers of a test gave at one state of the code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any, Literal, TypeAlias

from pytest_mlregress.margins import MarginLike
from pytest_mlregress.running.result import SeedResult

Source: TypeAlias = Literal["baselines", "ledger", "cache", "calibration"]


@dataclass(frozen=True, slots=True)
class TierSample:
    """One tier at one state.

    Attributes:
        values: by metric, the finite value of each seed.
        seconds: how long each seed took, where that was recorded.
        means: by metric, where only the mean is known.
        rules: by metric, whether higher is better, and the margin as declared.
    """

    values: Mapping[str, Mapping[int, float]]
    seconds: tuple[float, ...] = ()
    means: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, tuple[bool, MarginLike]] = field(default_factory=dict)

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics that have a value."""
        return frozenset(name for name, found in self.values.items() if found) | set(self.means)

    def mean(self, metric: str) -> float:
        """The mean of a metric over seeds.

        Args:
            metric: one of `metrics`.

        Returns:
            The mean, in metric units.
        """
        values = self.values.get(metric)
        return fmean(values.values()) if values else self.means[metric]

    def standard_error(self, metric: str) -> float | None:
        """The standard error of that mean.

        Args:
            metric: one of `metrics`.

        Returns:
            It; None for fewer than two seeds.
        """
        values = list(self.values.get(metric, {}).values())
        return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None

    @classmethod
    def of_results(cls, results: Iterable[SeedResult]) -> TierSample:
        """The sample of seeds that passed.

        Args:
            results: of seeds.

        Returns:
            The sample.
        """
        values: dict[str, dict[int, float]] = {}
        rules: dict[str, tuple[bool, MarginLike]] = {}
        seconds = []
        for result in results:
            if result.outcome != "finished":
                continue
            if result.duration > 0:
                seconds.append(result.duration)
            for metric in result.metrics:
                rules[metric.name] = metric.higher_is_better, metric.margin
                if math.isfinite(metric.value):
                    values.setdefault(metric.name, {})[result.seed] = metric.value
        return cls(values, tuple(seconds), rules=rules)

    def to_builtins(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "values": {
                name: {str(seed): value for seed, value in found.items()}
                for name, found in self.values.items()
            },
            "seconds": list(self.seconds),
            "rules": {name: list(rule) for name, rule in self.rules.items()},
        }

    @classmethod
    def from_builtins(cls, record: Mapping[str, Any]) -> TierSample:
        """The inverse of `to_builtins`.

        Args:
            record: what it returned.

        Returns:
            The sample.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is none.
        """
        return cls(
            {
                str(name): {int(seed): float(value) for seed, value in found.items()}
                for name, found in record["values"].items()
            },
            tuple(float(value) for value in record["seconds"]),
            rules={name: (bool(up), margin) for name, (up, margin) in record["rules"].items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TierState:
    """Both tiers at one state of the code.

    Attributes:
        key: what tells states apart: a commit's full name, or a hash of what seeds read.
        name: a few characters for tables.
        commit: the commit; None where only the hash is known.
        source: where the values come from.
        fast: the fast tier.
        full: the full one.
    """

    key: str
    name: str
    commit: str | None
    source: Source
    fast: TierSample
    full: TierSample
