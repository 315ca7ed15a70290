"""A suite of any size whose seeds report what a real one reported, without training anything.

One seed is run by pytest and its reports are kept as workers send them; those of all other seeds
are copies with their own ids and values. All but one test in a hundred are unchanged, which is the
expensive case: they take every look that the early stop leaves. The others have lost three
standard deviations.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pytest_mlregress.baselines.artifact import MetricBaseline, Provenance
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.node_ids import in_file
from pytest_mlregress.running.result import STOPPED_MESSAGE
from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines

BASELINE_SEEDS = 20
SD = 0.004
LOST = 100
"""One test in so many has lost."""
TESTS_PER_FILE = 100

Message: TypeAlias = tuple[Any, ...]

ONE_SEED = """
import pytest

@pytest.mark.seeds([0])
def test_0(mlregress):
    {records}
"""

KEEP_REPORTS = """
import json

def pytest_runtest_logreport(report):
    if hasattr(report, "mlregress"):
        data = config.hook.pytest_report_to_serializable(config=config, report=report)
        with open("reports.jsonl", "a") as file:
            print(json.dumps(data), file=file)

def pytest_configure(config):
    globals()["config"] = config
"""


@dataclass(frozen=True)
class SimulatedSuite:
    """How large a suite is.

    Attributes:
        tests: the number of tests.
        seeds: of each test.
        metrics: that each seed records.
    """

    tests: int
    seeds: int
    metrics: int

    def __str__(self) -> str:
        return f"{self.tests:,} tests x {self.seeds} seeds x {self.metrics} metrics"

    def test(self, number: int) -> str:
        """The node id of a test, without a seed."""
        return in_file(f"test_{number // TESTS_PER_FILE:03}.py", f"test_{number}")

    def node_ids(self) -> Iterator[tuple[int, int, str]]:
        """Test, seed and node id of every seed, in the order in which they run."""
        for seed in range(self.seeds):
            for number in range(self.tests):
                yield number, seed, f"{self.test(number)}[seed{seed}]"

    def means(self) -> dict[str, float]:
        """What the metrics of the baselines are around."""
        return {f"metric_{number}": 0.9 + 0.01 * (number % 7) for number in range(self.metrics)}

    def values(self, test: int, seed: int) -> dict[str, float]:
        """What a seed of the candidate measures: the same in every run."""
        draws = random.Random(1_000_003 * test + seed)
        loss = 3 * SD if test % LOST == LOST - 1 else 0.0
        return {name: draws.gauss(mean - loss, SD) for name, mean in self.means().items()}


def write_suite(folder: Path, suite: SimulatedSuite) -> list[dict[str, Any]]:
    """Make a repository with the suite's baselines, committed.

    Args:
        folder: an empty one.
        suite: the suite.

    Returns:
        What the three phases of a seed report, as workers send it.
    """
    _git(folder, "init", "--quiet")
    (folder / ".gitignore").write_text("*.jsonl\n__pycache__/\n.mlregress/\n")
    _git(folder, "add", ".")
    _commit(folder)
    commit = _git(folder, "rev-parse", "HEAD").strip()
    reports = reports_of_a_seed(folder, suite)
    environment = reports[-1]["mlregress"]["environment"]
    baselines = SuiteBaselines(None, folder)
    draws = random.Random(0)
    for number in range(suite.tests):
        _write_baseline(baselines, folder, suite, number, draws, commit, environment)
    _git(folder, "add", ".")
    _commit(folder)
    return reports


def reports_of_a_seed(folder: Path, suite: SimulatedSuite) -> list[dict[str, Any]]:
    """What the phases of one seed report, found by running it."""
    place = folder / "one.jsonl"
    place.mkdir()
    records = "\n    ".join(
        f"mlregress.record({name!r}, {mean}, higher_is_better=True)"
        for name, mean in suite.means().items()
    )
    (place / "pytest.ini").write_text("[pytest]\n")
    (place / "conftest.py").write_text(KEEP_REPORTS)
    (place / "test_one.py").write_text(ONE_SEED.format(records=records))
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_mlregress.plugin",
         "--mlregress-missing=warn"],
        cwd=place,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=True,
        capture_output=True,
    )  # fmt: skip
    reports = [json.loads(line) for line in (place / "reports.jsonl").read_text().splitlines()]
    shutil.rmtree(place)
    return reports


def messages(
    folder: Path,
    suite: SimulatedSuite,
    reports: list[dict[str, Any]],
    is_stopped: Callable[[str], bool],
) -> Iterator[list[Message]]:
    """What workers send, seed by seed.

    Args:
        folder: pytest's rootdir.
        suite: the suite.
        reports: what the phases of a seed report.
        is_stopped: whether a test needs no more seeds.

    Yields:
        The messages of one seed.
    """
    planned = list(range(suite.seeds))
    reports = [_with_interned_names(report) for report in reports]
    for number, seed, node_id in suite.node_ids():
        yield messages_of_seed(folder, suite, reports, (number, seed, node_id), planned, is_stopped)


def messages_of_seed(
    folder: Path,
    suite: SimulatedSuite,
    reports: list[dict[str, Any]],
    which: tuple[int, int, str],
    planned: list[int],
    is_stopped: Callable[[str], bool],
) -> list[Message]:
    """What a worker sends of one seed, between its being told of it and its being ready again."""
    number, seed, node_id = which
    test = suite.test(number)
    file = test.partition("::")[0]
    location = (file, 3, node_id.partition("::")[2])
    stopped = is_stopped(test)
    values = suite.values(number, seed)
    of_test = {
        "test": test,
        "file": str(folder / file),
        "location": location,
        "seed": seed,
        "planned": planned,
        "selected": planned,
        "check_seeds": suite.seeds,
        "tests": suite.tests,
        "stopped": stopped,
    }
    sent: list[Message] = [("start", node_id, location)]
    for template in reports:
        if stopped and template["when"] == "call":
            continue
        payload = {**template["mlregress"], **of_test}
        if "values" in payload:
            payload["values"] = values
        if "result" in payload:
            payload["result"] = {**payload["result"], "seed": seed}
            payload["result"]["metrics"] = [
                {**metric, "value": values[metric["name"]]}
                for metric in payload["result"]["metrics"]
                if not stopped
            ]
        if stopped:
            for name in ("environment", "reads", "reproduced", "passed", "spent"):
                payload.pop(name, None)
        report = {**template, "nodeid": node_id, "location": location, "mlregress": payload}
        if stopped and template["when"] == "setup":
            report["outcome"] = "skipped"
            report["longrepr"] = (str(folder / file), 4, f"Skipped: {STOPPED_MESSAGE}")
        sent.append(("report", report))
    return [*sent, ("finish", node_id, location)]


def _with_interned_names(value: Any) -> Any:
    """Names are literals in the process that sends them, and so one string in the one that reads.

    A value of a mapping may be anything.
    """
    if isinstance(value, dict):
        return {sys.intern(name): _with_interned_names(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return list(map(_with_interned_names, value))
    return sys.intern(value) if isinstance(value, str) else value


def _write_baseline(
    baselines: SuiteBaselines,
    folder: Path,
    suite: SimulatedSuite,
    number: int,
    draws: random.Random,
    commit: str,
    environment: dict[str, Any],
) -> None:
    metrics = {
        name: MetricBaseline(
            higher_is_better=True,
            values={seed: draws.gauss(mean, SD) for seed in range(BASELINE_SEEDS)},
        )
        for name, mean in suite.means().items()
    }
    provenance = Provenance(
        plugin="benchmark",
        time="2026-01-01T00:00:00Z",
        commit=commit,
        seeds=tuple(range(BASELINE_SEEDS)),
        environment=environment,
    )
    test = suite.test(number)
    artifact = first_artifact(test, "default", metrics, provenance)
    key = baselines.locate(folder / test.partition("::")[0], test, "default")
    baselines.store.write(key, artifact)


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def _commit(folder: Path) -> None:
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "state",
         "--allow-empty")  # fmt: skip
