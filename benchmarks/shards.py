"""How even the shards of recorded suites are: the longest one over the mean.

    python -m benchmarks.shards [--root FOLDER]

Suites: the baselines of the examples, or below another folder (those that hold durations), and
simulated ones, whose seeds take log-normal times around a log-normal time of their test; in
`one long test` one of them takes half of all, in `half unknown` half of the tests were never timed:
they take what the others do on average, and their true times are used for the ratio. A split by
number deals the seeds out in the order of collection, as `--splits` without durations does.
What no split can be below is printed beside it: of the k N + 1 longest seeds, k + 1 share a shard.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from pytest_mlregress.baselines.json_text import loads
from pytest_mlregress.running.sharding import SeedOfTest, least_possible, shards_of

Suite = Mapping[SeedOfTest, float]
COUNTS = (2, 4, 8, 16)


def recorded_suites(root: Path) -> Iterator[tuple[str, Suite]]:
    """The seeds that the updates trained, with what each took."""
    for folder in sorted(root.glob("*/__baselines__")):
        suite: dict[SeedOfTest, float] = {}
        for file in sorted(folder.rglob("*.json")):
            artifact = loads(file.read_bytes(), source=str(file))
            for seed, spent in artifact.spent.items():
                suite[SeedOfTest(artifact.test, artifact.tier, seed)] = spent.duration
        if suite:
            yield folder.parent.name, suite


def simulated_suites(rng: np.random.Generator) -> Iterator[tuple[str, Suite, Suite]]:
    """Each with its true durations and those that its baselines hold."""
    for name, tests, seeds, spread in (
        ("10 tests x 5 seeds", 10, 5, 1.0),
        ("30 tests x 5 seeds", 30, 5, 1.0),
        ("100 tests x 5 seeds", 100, 5, 1.5),
        ("20 tests x 11 seeds", 20, 11, 1.0),
    ):
        true = _simulated(rng, tests, seeds, spread)
        yield name, true, true
    true = dict(_simulated(rng, 20, 5, 0.5))
    others = sum(true.values())
    true |= {SeedOfTest("long", "default", seed): others / 20 for seed in range(20)}
    yield "one long test of 20 seeds", true, true
    true = _simulated(rng, 40, 5, 0.5)
    known = {seed: took for seed, took in true.items() if int(seed.test) % 2}
    yield "40 tests x 5 seeds, half unknown", true, known


def _simulated(rng: np.random.Generator, tests: int, seeds: int, spread: float) -> Suite:
    of_test = rng.lognormal(3.0, spread, size=tests)
    noise = rng.lognormal(0.0, 0.1, size=(tests, seeds))
    return {
        SeedOfTest(str(test), "default", seed): float(of_test[test] * noise[test, seed])
        for test in range(tests)
        for seed in range(seeds)
    }


def ratio(true: Suite, shards: Mapping[SeedOfTest, int], count: int) -> float:
    """The longest shard over the mean."""
    loads = [0.0] * count
    for seed, number in shards.items():
        loads[number - 1] += true[seed]
    return max(loads) / (sum(loads) / count)


def main() -> None:
    """Print a line for each suite and number of shards."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=20, help="simulated suites of each kind")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(__file__).parents[1] / "examples",
        help="a folder of recorded suites",
    )
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    suites = [(name, suite, suite) for name, suite in recorded_suites(given.root)]
    for _ in range(given.repeats):
        suites += simulated_suites(rng)
    for name, true, recorded in suites:
        for count in COUNTS:
            units = {seed: recorded.get(seed) for seed in true}
            by_number = {seed: 1 + k % count for k, seed in enumerate(true)}
            least = least_possible(true.values(), count) / (sum(true.values()) / count)
            found.setdefault((name, count), []).append(
                (ratio(true, shards_of(units, count), count), ratio(true, by_number, count), least)
            )
    print("suite                              shards  worst/mean  by number  bound of any split")
    for (name, count), ratios in found.items():
        worst, numbered, least = np.max(ratios, axis=0)
        print(f"{name:<34} {count:>6} {worst:>11.3f} {numbered:>10.3f} {least:>19.3f}")


if __name__ == "__main__":
    main()
