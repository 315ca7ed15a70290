"""What verdicts cost the controller: a suite of 1,000 tests, 5 seeds each, 3 metrics each.

Baselines of 20 seeds lie in files; the records of the seeds come in one by one, as they do from
workers.  Measured is the reading of the baseline, the unpacking of the records and the judging
after each of them, per test (aim: under 5 ms), in CPU time, which a busy machine disturbs less.
Candidates are drawn from the distribution of their baseline, which is the expensive case:
unchanged tests take all looks that the early stop leaves.
"""

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from pytest_mlregress.baselines.artifact import MetricBaseline, Provenance
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.policy import rules_for
from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines

SEEDS = 5
BASELINE_SEEDS = 20
MEANS = {"accuracy": 0.92, "f1": 0.88, "auc": 0.97}
SD = 0.004
OF_TEST = {"test": "robust-t", "pairing": "auto", "expect": None, "on_nonfinite": "fail"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=1000)
    tests = parser.parse_args().tests
    draws = random.Random(0)

    with tempfile.TemporaryDirectory() as name:
        rootdir = Path(name)
        plans = [plan(rootdir, number) for number in range(tests)]
        write_baselines(SuiteBaselines(None, rootdir), plans, draws)
        records = {each.test: [record(seed, draws) for seed in range(SEEDS)] for each in plans}

        first = judged_in(
            SuiteBaselines(None, rootdir), plans[0], records[plans[0].test], Settings()
        )
        print(
            f"{tests} tests x {SEEDS} seeds x {len(MEANS)} metrics, baselines of {BASELINE_SEEDS}"
        )
        print(f"  the first verdict, with the imports of numpy and scipy: {first:.2f} s, once")
        for stop in ("early", "never"):
            desk = SuiteBaselines(None, rootdir)
            settings = Settings(stop=stop)
            start = time.process_time()
            comparisons = desk.comparisons
            counting = time.process_time() - start
            seconds = [judged_in(desk, each, records[each.test], settings) for each in plans]
            each_ms = 1e3 * (sum(seconds) + counting) / tests
            print(
                f"  stop {stop:5}  {each_ms:6.2f} ms a test (aim: under 5), "
                f"median {1e3 * statistics.median(seconds):.2f}, "
                f"slowest {1e3 * max(seconds):.2f}; "
                f"counting {comparisons} comparisons {counting:.2f} s once"
            )


def plan(rootdir: Path, number: int) -> GroupPlan:
    name = f"test_{number:04}"
    seeds = tuple(range(SEEDS))
    file = rootdir / "test_suite.py"
    return GroupPlan(f"test_suite.py::{name}", file, (file.name, 1, name), seeds, seeds, "default",
                     OF_TEST)  # fmt: skip


def write_baselines(desk: SuiteBaselines, plans: list[GroupPlan], draws: random.Random) -> None:
    provenance = Provenance(plugin="benchmark", time="2026-01-01T00:00:00Z")
    for each in plans:
        metrics = {
            name: MetricBaseline(
                higher_is_better=True,
                values={seed: draws.gauss(mean, SD) for seed in range(BASELINE_SEEDS)},
            )
            for name, mean in MEANS.items()
        }
        artifact = first_artifact(each.baseline_id, each.tier, metrics, provenance)
        desk.store.write(desk.key(each), artifact)


def record(seed: int, draws: random.Random) -> dict[str, Any]:
    metrics = tuple(
        RecordedMetric(name, draws.gauss(mean, SD), higher_is_better=True)
        for name, mean in MEANS.items()
    )
    return SeedResult(seed, "passed", metrics).to_builtins()


def judged_in(
    desk: SuiteBaselines, each: GroupPlan, records: list[dict[str, Any]], settings: Settings
) -> float:
    """Seconds from the first record of a test to its verdict."""
    start = time.process_time()
    group = SeedGroup(each)
    rules = rules_for(settings, each.settings, comparisons=desk.comparisons)
    baseline = desk.read(each)
    for packed in records:
        result = SeedResult.from_builtins(packed)
        group.results[result.seed] = result
        if judge(group, baseline, rules) is not None:
            return time.process_time() - start
    raise RuntimeError(f"{each.test}: no verdict after {SEEDS} seeds")


if __name__ == "__main__":
    main()
