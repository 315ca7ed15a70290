"""How much later than it must a suite ends on workers: its makespan over the lower bound.

    python -m benchmarks.makespan [--root FOLDER] [--repeats N]

Suites: those of `benchmarks.shards`, the recorded ones of the examples (or below another folder),
each by itself and all together, and simulated ones. Orders: that of the collection; seed by seed,
as one process has it; the longest first; and that of workers (`running/seed_order.py`), once as
forked workers take it, one item at a time, and once as xdist does, where the next item of a worker
is bound to it while it still runs another (`running/seed_scheduling.py`).

`all seeds` (`--mlregress-stop=never`): the lower bound is that of any schedule, of the longest
seed, the mean, and the k N + 1 longest seeds of which k + 1 share a worker. `early stop`: six of
ten tests are certain at their first look and the others at a later one; the bound counts the seeds
that a verdict needs, and is no less than the longest chain, of the longest seed of each look that
a test needs. A schedule that begins later looks early may undercut the chain. What is begun and
then not needed runs to its end and counts.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.shards import COUNTS, Suite, recorded_suites, simulated_suites
from pytest_mlregress.looks import default_looks
from pytest_mlregress.running.seed_order import planned_order
from pytest_mlregress.running.seed_scheduling import dealt
from pytest_mlregress.running.sharding import SeedOfTest, expected_durations, least_possible

ORDERS = ("collection", "by seed", "longest", "workers", "xdist")


@dataclass(frozen=True)
class Run:
    """One run of a suite.

    Attributes:
        seeds: in the order of collection.
        true: what each takes, in seconds.
        known: what it is expected to take.
        looks: the look that each belongs to.
        needed: of each test how many of its seeds its verdict needs.
    """

    seeds: Sequence[SeedOfTest]
    true: Mapping[SeedOfTest, float]
    known: Mapping[SeedOfTest, float]
    looks: Mapping[SeedOfTest, int]
    needed: Mapping[str, int]

    def bound(self, workers: int, *, chained: bool) -> float:
        """The lower bound, in seconds."""
        needed = [seed for seed in self.seeds if self.is_needed(seed)]
        chains: dict[str, dict[int, float]] = {}
        for seed in needed:
            of_looks = chains.setdefault(seed.test, {})
            look = self.looks[seed] if chained else 0
            of_looks[look] = max(of_looks.get(look, 0.0), self.true[seed])
        longest = max(sum(chain.values()) for chain in chains.values())
        return max(longest, least_possible((self.true[seed] for seed in needed), workers))

    def is_needed(self, seed: SeedOfTest) -> bool:
        """Whether the verdict of its test waits for it."""
        return seed.seed < self.needed[seed.test]


def drawn_run(true: Suite, known: Suite, rng: np.random.Generator, *, early: bool) -> Run:
    """A run of a suite: the tests' seeds counted from 0, and when each test is certain."""
    number = dict.fromkeys(true, 0)
    counts: dict[str, int] = {}
    for seed in sorted(true):
        number[seed] = counts.get(seed.test, 0)
        counts[seed.test] = number[seed] + 1
    unit = {seed: SeedOfTest(seed.test, seed.tier, place) for seed, place in number.items()}
    expected = expected_durations({seed: known.get(seed) for seed in true})
    needed, looks = {}, {}
    for test, count in counts.items():
        stops = default_looks(count) if early else (count,)
        later = rng.integers(len(stops)) if rng.random() >= 0.6 else 0
        needed[test] = stops[later]
        for seed in unit.values():
            if seed.test == test:
                looks[seed] = sum(seed.seed >= stop for stop in stops)
    return Run(
        seeds=sorted(unit.values(), key=lambda seed: list(counts).index(seed.test)),
        true={unit[seed]: took for seed, took in true.items()},
        known={unit[seed]: took for seed, took in expected.items()},
        looks=looks,
        needed=needed,
    )


def makespan(run: Run, order: Sequence[SeedOfTest], workers: int, *, bound: int = 0) -> float:
    """When the last worker ends, in seconds.

    Args:
        run: the run.
        order: in which the seeds begin.
        workers: how many.
        bound: how many items are bound to a worker beside the one that it runs.
    """
    left, certain = dict(run.needed), set()
    pending = list(order)
    held: list[list[SeedOfTest]] = [[] for _ in range(workers)]
    if bound:  # as xdist deals them out
        order = [order[index] for index in dealt(range(len(order)), workers)]
        paired = len(order) >= 2 * workers
        for place, seed in enumerate(order[: 2 * workers]):
            held[place // 2 if paired else place % workers].append(seed)
        pending = order[2 * workers :]
    ends: list[tuple[float, SeedOfTest]] = []
    free = [(0.0, worker) for worker in range(workers)]
    last = 0.0
    while free:
        now, worker = heapq.heappop(free)
        while ends and ends[0][0] <= now:
            _, ended = heapq.heappop(ends)
            left[ended.test] -= run.is_needed(ended)
            if left[ended.test] == 0:
                certain.add(ended.test)
        own = held[worker]
        while pending and len(own) < 1 + bound:
            own.append(pending.pop(0))
        while own and own[0].test in certain:
            own.pop(0)
            while pending and len(own) < 1 + bound:
                own.append(pending.pop(0))
        if own:
            seed = own.pop(0)
            last = max(last, now + run.true[seed])
            heapq.heappush(ends, (now + run.true[seed], seed))
            heapq.heappush(free, (now + run.true[seed], worker))
    return last


def ratios(run: Run, workers: int, *, early: bool) -> list[float]:
    """Of each of `ORDERS`."""
    seeds, known = run.seeds, [run.known[seed] for seed in run.seeds]
    looks = [run.looks[seed] if early else 0 for seed in seeds]
    longest = sorted(range(len(seeds)), key=lambda index: (looks[index], -known[index]))
    planned = [seeds[index] for index in planned_order(looks, known, workers)]
    found = [
        makespan(run, seeds, workers),
        makespan(run, sorted(seeds, key=lambda seed: seed.seed), workers),
        makespan(run, [seeds[index] for index in longest], workers),
        makespan(run, planned, workers),
        makespan(run, planned, workers, bound=1),
    ]
    bound = run.bound(workers, chained=early)
    return [one / bound for one in found]


def main() -> None:
    """Print a line for each suite and number of workers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=20, help="draws of each suite")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(__file__).parents[1] / "examples",
        help="a folder of recorded suites",
    )
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    recorded = list(recorded_suites(given.root))
    together = {seed: took for _, suite in recorded for seed, took in suite.items()}
    found: dict[tuple[str, str, int], list[list[float]]] = {}
    for _ in range(given.repeats):
        suites = [(name, suite, suite) for name, suite in (*recorded, ("all three", together))]
        suites += simulated_suites(rng)
        for early in (False, True):
            for name, true, known in suites:
                run = drawn_run(true, known, rng, early=early)
                for workers in COUNTS:
                    key = ("early stop" if early else "all seeds", name, workers)
                    found.setdefault(key, []).append(ratios(run, workers, early=early))
    print(f"{'':11}{'suite':<34}{'workers':>8}" + "".join(f"{order:>11}" for order in ORDERS))
    for (stop, name, workers), rows in sorted(found.items(), key=lambda entry: entry[0][0]):
        means = "".join(f"{mean:11.3f}" for mean in np.mean(rows, axis=0))
        print(f"{stop:<11}{name:<34}{workers:>8}{means}")


if __name__ == "__main__":
    main()
