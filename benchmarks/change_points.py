"""How often change points are false, and how often a change is found: `mlregress history`.

    python -m benchmarks.change_points [SERIES]

Prints, per shape of the noise and length of the series, the share of series without a change in
which one is reported, and the share in which a shift of the mean after two thirds of the runs is.
"""

import sys

import numpy as np

from pytest_mlregress.statistics.change_points import change_points

SEEDS = 5
LENGTHS = (2, 5, 12, 40)


def noise(shape: str, generator: np.random.Generator, runs: int, counts: np.ndarray) -> list:
    """The values of each run, SD 1."""
    most = int(counts.max())
    values = generator.normal(size=(runs, most))
    if shape == "skewed":
        values = -(generator.gamma(2.0, size=(runs, most)) - 2.0) / np.sqrt(2.0)
    if shape == "2 % diverged":
        values = np.where(generator.random((runs, most)) < 0.02, -20.0, values)
    if shape == "shared seeds":
        values = np.sqrt(0.5) * (values + generator.normal(size=most))
    if shape == "run effect":  # of half the standard error of a run's mean
        values = values + 0.5 / np.sqrt(SEEDS) * generator.normal(size=(runs, 1))
    return [row[:count] for row, count in zip(values, counts, strict=True)]


def main(series: int) -> None:
    """Print the table."""
    print(f"{series} series each; checks of {SEEDS} seeds, one in three stopped after 3")
    print(f"{'noise':14} {'runs':>5} {'false':>7} {'1 SD':>7} {'2 SD':>7} {'at the run':>11}")
    for shape in ("normal", "skewed", "2 % diverged", "shared seeds", "run effect"):
        for runs in LENGTHS:
            generator = np.random.default_rng([7, runs])
            counts = np.where(np.arange(runs) % 3 == 1, 3, SEEDS)
            false = found_1 = found_2 = exact = 0
            at = max(1, runs * 2 // 3)
            for _ in range(series):
                values = noise(shape, generator, runs, counts)
                false += bool(change_points(values))
                for shift in (1.0, 2.0):
                    moved = [v - shift * (i >= at) for i, v in enumerate(values)]
                    found = change_points(moved)
                    found_1 += shift == 1.0 and bool(found)
                    found_2 += shift == 2.0 and bool(found)
                    exact += shift == 2.0 and any(point.at == at for point in found)
            rates = (false, found_1, found_2, exact)
            print(f"{shape:14} {runs:5d} " + " ".join(f"{n / series:7.3f}" for n in rates))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
