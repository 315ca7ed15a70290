"""How long a decision takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.calibration.measures import Measure, Section
from pytest_mlregress.statistics.comparison import compare
from pytest_mlregress.statistics.sequential import sequential_design


def run(repeats: int) -> list[Section]:
    """The best of several runs, in milliseconds: what the code costs, not what else ran."""
    generator = np.random.default_rng(11)
    baseline, candidate = generator.normal(size=20), generator.normal(size=5)
    margins = iter(np.linspace(1.4, 1.6, repeats + 1))
    return [
        Section(
            "Speed, milliseconds",
            ("best", "median"),
            (
                (
                    "exact 20v5 comparison",
                    _timed(lambda: compare(baseline, candidate, higher_is_better=True), repeats, 5),
                ),
                (
                    "boundary set of 3 looks",
                    _timed(
                        lambda: sequential_design(
                            (3, 6, 11),
                            n_baseline=20,
                            alpha=0.01,
                            beta=0.1,
                            margin_sd=float(next(margins)),
                        ),
                        repeats,
                        20,
                    ),
                ),
            ),
            "at most 5 ms a comparison, 20 ms a boundary set",
        )
    ]


def _timed(call: Callable[[], object], repeats: int, limit_ms: float) -> tuple[Measure, Measure]:
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1000.0 * (time.perf_counter() - start))
    return Measure(min(times), limit_ms, style=".2f"), Measure(float(np.median(times)), style=".2f")
