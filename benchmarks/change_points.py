"""How often change points are false, and how often a change is found: `mlregress history`.

    python -m benchmarks.change_points [SERIES]

Prints, per shape of the noise and length of the series, the share of series without a change in
which one is reported, and of a tenth of the series (less of long ones, which take their time) the
share in which a shift of the mean after two thirds of the runs is.
"""

import sys
from collections.abc import Callable
from math import sqrt

import numpy as np

from pytest_mlregress.statistics.change_points import LEVEL, change_points

SEEDS = 5
LENGTHS = (3, 5, 8, 12, 40, 200)

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def _diverged(generator: np.random.Generator, shape: tuple[int, int], to: float) -> np.ndarray:
    return np.where(generator.random(shape) < 0.02, to, generator.normal(size=shape))


def _shared_seeds(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return sqrt(0.5) * (generator.normal(size=shape) + generator.normal(size=shape[1]))


def _run_effect(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Of half the standard error of a run's mean."""
    effect = 0.5 / sqrt(SEEDS) * generator.normal(size=(shape[0], 1))
    return generator.normal(size=shape) + effect


NOISE: dict[str, Draw] = {  # of SD 1 but for what diverged
    "normal": lambda generator, shape: generator.normal(size=shape),
    "skewed": lambda generator, shape: (2.0 - generator.gamma(2.0, size=shape)) / sqrt(2.0),
    "heavy tails": lambda generator, shape: generator.standard_t(3.0, size=shape) / sqrt(3.0),
    "99 of 100": lambda generator, shape: (generator.binomial(100, 0.99, size=shape) - 99) / 0.995,
    "2 % diverged": lambda generator, shape: _diverged(generator, shape, -20.0),
    "2 % NaN": lambda generator, shape: _diverged(generator, shape, np.nan),
    "shared seeds": _shared_seeds,
    "run effect": _run_effect,
}


def series(values: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """The values of each run; one with a value that is not finite is left out, as in a history."""
    runs = [row[:count] for row, count in zip(values, counts, strict=True)]
    return [run for run in runs if np.isfinite(run).all()]


def main(number: int) -> None:
    """Print the table."""
    limit = LEVEL + 3 * sqrt(LEVEL * (1 - LEVEL) / number)
    print(f"{number} series each; checks of {SEEDS} seeds, one in three stopped after 3")
    print(f"false alarms: at most {LEVEL:.3f} promised, {limit:.4f} with 3 standard errors")
    print(f"{'noise':14} {'runs':>5} {'false':>7} {'1 SD':>7} {'2 SD':>7} {'at the run':>11}")
    for name, draw in NOISE.items():
        for runs in LENGTHS:
            generator = np.random.default_rng([7, runs])
            counts = np.where(np.arange(runs) % 3 == 1, 3, SEEDS)
            at = max(1, runs * 2 // 3)
            shift = (np.arange(runs) >= at)[:, None]
            false, found, moved = 0, [0, 0, 0], max(1, min(number // 10, 6_000 // runs))
            for one in range(number):
                values = draw(generator, (runs, SEEDS))
                false += bool(change_points(series(values, counts)))
                if one < moved:
                    before = len(series(values[:at], counts[:at]))
                    for size in (1, 2):
                        points = change_points(series(values - size * shift, counts))
                        found[size - 1] += bool(points)
                    found[2] += any(point.at == before for point in points)
            rates = (false / number, *(count / moved for count in found))
            print(f"{name:14} {runs:5d} " + " ".join(f"{rate:7.4f}" for rate in rates), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
