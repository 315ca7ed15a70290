"""How long a comparison takes, and what a whole verdict costs at up to a thousand seeds.

    python benchmarks/statistics_speed.py

The aims: at most 5 ms for an exact comparison of 20 with 5 seeds, both one-sided tests and the
safety test included, and at most 5 ms for the three metrics of one test. A verdict (the plan of its
check, all looks, effect sizes) of 1,000 against 1,000 seeds: at most 1 s and 300 MB, in a process
of its own, where nothing is cached.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from pytest_mlregress.looks import default_looks
from pytest_mlregress.statistics import (
    compare,
    dispersion_test,
    effect_sizes,
    plan_check,
    rank_test,
    t_test,
)

RUNS = 100

#: Baseline and candidate seeds of whole verdicts.
SIDES = ((5, 5), (20, 11), (20, 20), (40, 40), (20, 500), (60, 60), (200, 200), (1000, 1000))


def milliseconds(run: Callable[[], object]) -> tuple[float, float, float]:
    """The first call, which fills the caches, then the median and the fastest of `RUNS`."""
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return times[0], statistics.median(times[1:]), min(times[1:])


def sample(n: int, seed: int) -> list[float]:
    """A list, as the controller has it, of n seeds of an accuracy."""
    return list(np.random.default_rng(seed).normal(0.9, 0.01, n))


def three_metrics() -> None:
    """What the controller does for one test."""
    for metric in range(3):
        compare(sample(20, metric), sample(5, 10 + metric), higher_is_better=True, beta=0.1)


def verdict(n_baseline: int, n_candidate: int) -> None:
    """Print seconds, CPU seconds and peak megabytes of one verdict that reaches all looks."""
    baseline = sample(n_baseline, 0)
    # Half a margin lost: neither an early acceptance nor an early rejection ends the check.
    margin = 0.02 * (1 / n_baseline + 1 / n_candidate) ** 0.5
    candidate = [value - margin / 2 for value in sample(n_candidate, 1)]
    start, start_cpu = time.perf_counter(), time.process_time()
    check = plan_check(
        baseline, default_looks(n_candidate), higher_is_better=True, margin=margin, alpha=0.001
    )
    decisions = check.follow(baseline, candidate)
    effect_sizes(baseline, candidate, higher_is_better=True)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sides = f"{n_baseline} with {n_candidate}, {len(decisions)} looks, {decisions[-1].action}"
    print(f"{sides:50} {seconds:8.2f} {cpu:8.2f} {peak:8.0f}")


def main() -> None:
    """Print the tables."""
    if len(sys.argv) > 1:
        verdict(int(sys.argv[1]), int(sys.argv[2]))
        return
    print(f"{'a verdict: seconds, CPU seconds, peak MB':50} {'wall':>8} {'CPU':>8} {'peak':>8}")
    sys.stdout.flush()
    for sides in SIDES:
        subprocess.run([sys.executable, __file__, *map(str, sides)], check=True)
    of_20, of_10, of_5 = sample(20, 0), sample(10, 1), sample(5, 2)
    cases: dict[str, Callable[[], object]] = {
        "compare 20 with 5, exact (53,130 relabellings)": lambda: compare(
            of_20, of_5, higher_is_better=True, beta=0.1
        ),
        "compare 10 with 10, exact (184,756)": lambda: compare(
            of_10, sample(10, 3), higher_is_better=True, beta=0.1
        ),
        "compare 20 with 20 (200,000 draws)": lambda: compare(
            of_20, sample(20, 4), higher_is_better=True, beta=0.1
        ),
        "compare 20 with 5, one seed NaN": lambda: compare(
            of_20, [*of_5[:4], float("nan")], higher_is_better=True, beta=0.1
        ),
        "compare 20 with 5, rank": lambda: compare(
            of_20, of_5, higher_is_better=True, beta=0.1, test="rank"
        ),
        "compare 20 with 5, welch": lambda: compare(
            of_20, of_5, higher_is_better=True, beta=0.1, test="welch"
        ),
        "three metrics of one test, 20 with 5": three_metrics,
        "t_test 20 with 5, robust": lambda: t_test(of_20, of_5),
        "rank_test 20 with 5": lambda: rank_test(of_20, of_5),
        "effect_sizes 20 with 5": lambda: effect_sizes(of_20, of_5, higher_is_better=True),
        "dispersion_test 20 with 5": lambda: dispersion_test(of_20, of_5),
    }
    print(f"{'milliseconds':50} {'first':>8} {'median':>8} {'fastest':>8}")
    for name, run in cases.items():
        first, median, fastest = milliseconds(run)
        print(f"{name:50} {first:8.2f} {median:8.2f} {fastest:8.2f}")


if __name__ == "__main__":
    main()
