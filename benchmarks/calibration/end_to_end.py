"""The plumbing, calibrated: ``PYTHONPATH=src python -m benchmarks.calibration.end_to_end``.

Real pytest runs, each a process of its own, record baselines and check suites of instant tests of
known distribution. Run from the repository's root. Exits with 1 if a figure misses its target.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import click
import numpy as np
from rich.console import Console

from benchmarks.calibration.measures import Measure, Section, share, show
from benchmarks.calibration.trainings import Code, metric, touched
from pytest_mlregress.statistics.required_seeds import seeds_needed

N_BASELINE: Final = 20
SUITE_ALPHA: Final = 0.05
LOSS_SD: Final = 2.0
ROOT: Final = Path(__file__).resolve().parents[2]

TEST_FILE: Final = """\
import pytest
from benchmarks.calibration.trainings import metric


@pytest.mark.seeds({seeds})
@pytest.mark.parametrize("test", range({tests}))
def test_training(mlregress, test):
    value = metric(test, mlregress.seed, seeds={seeds})
    mlregress.record("metric", value, higher_is_better=True)
    mlregress.log(0, seed=mlregress.seed)  # constant metrics come from trainings with a seed, too
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one test, and how many of its seeds ran."""

    verdict: str
    red: bool
    seeds: int


@dataclass(frozen=True, slots=True)
class PytestSuite:
    """A folder with a suite of `tests` tests of at most `seeds` seeds, and its baselines."""

    folder: Path
    tests: int
    seeds: int

    @classmethod
    def recorded(cls, folder: Path, tests: int, code: Code) -> PytestSuite:
        """Write a suite whose seeds suffice for a loss of `LOSS_SD`, and record its baselines."""
        alpha = SUITE_ALPHA / tests
        seeds = seeds_needed(LOSS_SD, n_baseline=N_BASELINE, alpha=alpha).candidate
        assert seeds is not None
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "test_suite.py").write_text(TEST_FILE.format(tests=tests, seeds=seeds))
        suite = cls(folder, tests, seeds)
        suite._run(code, "--mlregress-update", f"--mlregress-baseline-seeds={N_BASELINE}")
        return suite

    def check(self, code: Code) -> list[Outcome]:
        """The outcomes of a check with that code, by test."""
        report = self._run(code)
        outcomes = {
            test["id"]: Outcome(
                test["verdict"],
                test["colour"] == "red",
                len(test["selected"]) - len(test["stopped"]),
            )
            for test in report["tests"]
        }
        return [outcomes[f"test_suite.py::test_training[{test}]"] for test in range(self.tests)]

    def _run(self, code: Code, *options: str) -> dict[str, list[dict[str, str]]]:
        command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, "-p", "mlregress", "--mlregress-report=report.json", *options],
            cwd=self.folder,
            env={
                **os.environ,
                **code.environment,
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
                "OMP_NUM_THREADS": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stdout + done.stderr)
        report: dict[str, list[dict[str, str]]] = json.loads(
            (self.folder / "report.json").read_text()
        )
        return report


def run(suites: int, tests_each: int, tests: int) -> Iterator[Section]:
    """Many small suites for the suite-level alpha, and a large one for everything else."""
    salts = count(1)
    yield _unchanged(suites, tests_each, salts)
    with tempfile.TemporaryDirectory() as folder:
        suite = PytestSuite.recorded(Path(folder), tests, Code(0))
        yield _lost(suite, suite.check(Code(next(salts), loss_sd=LOSS_SD)))
        yield _diverged(suite, salts)
        yield _still(suite, Code(next(salts), still=True))


def _unchanged(suites: int, tests: int, salts: Iterator[int]) -> Section:
    """Suites of unchanged tests, each with a baseline of its own and fresh randomness."""
    outcomes = []
    for _ in range(suites):
        with tempfile.TemporaryDirectory() as folder:
            suite = PytestSuite.recorded(Path(folder), tests, Code(next(salts)))
            outcomes.append(suite.check(Code(next(salts))))
    everything = [outcome for checked in outcomes for outcome in checked]
    return Section(
        f"Unchanged: {suites} suites of {tests} tests, all 13 distributions",
        ("P(any false red)", "SE", "false reds a test", "seeds a test", "planned"),
        (
            (
                f"alpha {SUITE_ALPHA} a suite",
                (
                    any_red := share(
                        [any(outcome.red for outcome in checked) for checked in outcomes],
                        SUITE_ALPHA,
                    ),
                    Measure(any_red.error),
                    share([outcome.red for outcome in everything], SUITE_ALPHA / tests),
                    _mean_seeds(everything, float(suite.seeds)),
                    Measure(suite.seeds, style=".0f"),
                ),
            ),
        ),
        f"false reds at most alpha + 3 SE; fewer seeds than {suite.seeds} a test",
        ("Candidate and baseline share no randomness: no value of one is a value of the other.",),
    )


def _lost(suite: PytestSuite, outcomes: Sequence[Outcome]) -> Section:
    """A loss in the touched tests, none in the others."""
    hit = [outcome for test, outcome in enumerate(outcomes) if touched(test)]
    spared = [outcome for test, outcome in enumerate(outcomes) if not touched(test)]
    return Section(
        f"A loss of {LOSS_SD:g} SD in {len(hit)} of {suite.tests} tests, "
        f"at most {suite.seeds} seeds",
        ("power", "SE", "seeds where lost", "false reds elsewhere", "seeds elsewhere"),
        (
            (
                f"alpha {SUITE_ALPHA} / {suite.tests}",
                (
                    power := _at_least([outcome.red for outcome in hit], 0.9),
                    Measure(power.error),
                    _mean_seeds(hit),
                    share([outcome.red for outcome in spared], SUITE_ALPHA / suite.tests),
                    _mean_seeds(spared),
                ),
            ),
        ),
        "power at least 0.90 - 3 SE",
    )


def _diverged(suite: PytestSuite, salts: Iterator[int]) -> Section:
    """Touched tests of which some seeds give NaN."""
    rows = []
    for name, lost, limit in (
        ("all seeds NaN", suite.seeds, 1.0),
        ("half of them", (suite.seeds + 1) // 2, 0.95),
        ("one of them", 1, None),
    ):
        outcomes = suite.check(Code(next(salts), lost_seeds=lost))
        hit = [outcome for test, outcome in enumerate(outcomes) if touched(test)]
        told = [outcome.verdict == "diverged" for outcome in hit]
        told_share = share(told) if limit is None else _at_least(told, limit)
        rows.append((name, (told_share, Measure(told_share.error), _mean_seeds(hit))))
    return Section(
        f"Seeds that diverge in {len(hit)} of {suite.tests} tests",
        ("told as diverged", "SE", "seeds run"),
        tuple(rows),
        "always where all seeds are NaN, at least 0.95 - 3 SE where half are",
        ("One NaN may hide among the seeds that an early verdict saves.",),
    )


def _still(suite: PytestSuite, code: Code) -> Section:
    """A commit that moves no bit of four tests in five."""
    outcomes = suite.check(code)
    kept = [test for test in range(suite.tests) if not touched(test)]
    identical = [outcomes[t].verdict == "identical" for t in kept if _all_differ(suite, t)]
    others = [o.verdict == "identical" for t, o in enumerate(outcomes) if touched(t)]
    used = sum(outcome.seeds for outcome in outcomes)
    saved = 1.0 - used / (suite.tests * suite.seeds)
    return Section(
        "A commit that leaves 80 % of the tests bit-identical",
        ("identical of those", "identical of touched", "identical of all", "seeds saved"),
        (
            (
                f"{suite.tests} tests, at most {suite.seeds} seeds",
                (
                    share(identical, 1.0, "at least"),
                    share(others, 0.0),
                    share([outcome.verdict == "identical" for outcome in outcomes]),
                    Measure(saved, 0.7, "at least"),
                ),
            ),
        ),
        "all of those whose recorded seeds all differ, none of the touched; 70 % saved",
        (
            "Coarse metrics need more equal seeds than two and may pass before; equal values of a "
            "constant one prove nothing.",
        ),
    )


def _all_differ(suite: PytestSuite, test: int) -> bool:
    """Whether no two recorded seeds of a test have one value, so that two equal ones prove it."""
    values = {metric(test, seed, seeds=suite.seeds, code=Code(0)) for seed in range(N_BASELINE)}
    return len(values) == N_BASELINE


def _mean_seeds(outcomes: Sequence[Outcome], limit: float | None = None) -> Measure:
    return Measure(float(np.mean([outcome.seeds for outcome in outcomes])), limit, style=".2f")


def _at_least(hits: Sequence[bool], wanted: float) -> Measure:
    """A share of few tests scatters: it may lie three standard errors below what is wanted."""
    error = float(np.sqrt(wanted * (1.0 - wanted) / len(hits)))
    value = sum(hits) / len(hits)
    return Measure(value, wanted - 3.0 * error, "at least", error)


@click.command(help=__doc__)
@click.option("--suites", default=100, show_default=True, help="Suites of unchanged tests.")
@click.option("--tests-each", default=50, show_default=True, help="Tests in each of them.")
@click.option("--tests", default=200, show_default=True, help="Tests of the large suite.")
@click.option("--width", default=140, show_default=True, help="Width of the tables.")
def main(suites: int, tests_each: int, tests: int, width: int) -> None:
    """Run the suites and print the tables."""
    console = Console(width=width)
    missed: list[str] = []
    start = time.perf_counter()
    for section in run(suites, tests_each, tests):
        show(console, section)
        missed.extend(section.missed())
    console.print(f"  {time.perf_counter() - start:.0f} s")
    for line in missed:
        console.print(f"[bold red]missed[/] {line}")
    console.print("every target is met" if not missed else f"{len(missed)} targets are missed")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
