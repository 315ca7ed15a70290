"""Watch learning curves while they grow: a collapsed run is ended early.

An obvious regression then costs seconds of one seed, not hours of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from pytest_mlregress.running.result import COLLAPSED

if TYPE_CHECKING:
    from pytest_mlregress.statistics.curve_collapse import CurveBand

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class BaselineCurves:
    """A test's recorded curves, and the direction of those that are metrics.

    Attributes:
        curves: the points (step, value) by name and seed.
        higher_is_better: the direction of each curve with the name of a recorded metric.
        level: probability that a check of the healthy ``seeds`` may have of ending any of them
            because of one curve.
        seeds: number of seeds of a check.
    """

    curves: Mapping[str, Mapping[int, Points]]
    higher_is_better: Mapping[str, bool]
    level: float
    seeds: int


class CurveLimits:
    """The limits of a seed's curves, computed when they are first asked for.

    Args:
        load: returns the baseline's curves, None without any.
    """

    def __init__(self, load: Callable[[], BaselineCurves | None]) -> None:
        self._load = load

    @cached_property
    def baseline(self) -> BaselineCurves | None:
        """The recorded curves; None without any."""
        return self._load()

    @cached_property
    def bands(self) -> dict[str, tuple[frozenset[int], CurveBand | None]]:
        """By name, the steps that are compared and their limits; loads numpy and scipy."""
        baseline = self.baseline
        if baseline is None or not baseline.curves:
            return {}
        from pytest_mlregress.statistics.curve_collapse import curve_band

        return {
            name: (
                frozenset(step for points in seeds.values() for step, _ in points),
                curve_band(
                    list(seeds.values()),
                    higher_is_better=baseline.higher_is_better.get(name),
                    level=baseline.level,
                    seeds=baseline.seeds,
                ),
            )
            for name, seeds in baseline.curves.items()
        }


@dataclass
class CurveWatch:
    """Compares the points that one seed logs with the baseline's curves of the same name.

    A curve with the name of a recorded metric has its direction and has limits; any other one ends
    the seed only if it is not finite and the baseline's always were. Only steps that the baseline
    kept are compared: its curves are thinned, and a limit for the best of a few points does not
    hold for the best of other points.

    Attributes:
        limits: of the seed's curves.
    """

    limits: CurveLimits
    _seen: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    _latest: dict[str, float] = field(default_factory=dict)

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to one or more curves; fail the seed if one has collapsed.

        Args:
            step: the step.
            values: the values by name of the curve.

        Raises:
            Failed: pytest's, for a curve that has collapsed.
        """
        self._latest.update(values)
        for name, value in values.items():
            steps, band = self.limits.bands.get(name, (frozenset(), None))
            if band is None or step not in steps:
                continue
            seen = self._seen.setdefault(name, [])
            if seen and seen[-1][0] == step:  # a step that is logged again: the last value counts
                seen.pop()
            seen.append((step, value))
            collapse = band.judge(seen)
            if collapse.collapsed:
                pytest.fail(
                    f"{COLLAPSED}: {name} {collapse.reason}{self._so_far(name)}", pytrace=False
                )

    def _so_far(self, collapsed: str) -> str:
        """The latest values of the logged metrics."""
        baseline = self.limits.baseline
        metrics = baseline.higher_is_better if baseline is not None else {}
        values = [
            f"{name} so far {value:.4g}"
            for name, value in self._latest.items()
            if name in metrics and name != collapsed
        ]
        return "".join(f"; {value}" for value in values)
