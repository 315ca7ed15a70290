"""What the doctor says of baselines, metrics and the environment they were recorded in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from doctor_projects import commit, diagnose, of, write
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.baselines.artifact import MetricBaseline, Provenance
from pytest_mlregress.baselines.environment import describe_environment
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path
from pytest_mlregress.baselines.recorded_reads import RecordedReads
from pytest_mlregress.doctor.checks.metric_definition import _examples
from pytest_mlregress.doctor.examine import examine
from pytest_mlregress.doctor.project import Project

FILES = {
    "tests/test_fit.py": """
        import pytest

        import model


        @pytest.mark.seeds(5)
        def test_fit(mlregress):
            accuracy = model.accuracy(model.fit(mlregress.seed))
            mlregress.record("accuracy", accuracy, higher_is_better=True)
    """,
    "model.py": '''
        def fit(seed):
            return seed


        def accuracy(model) -> float:
            """The share of right answers."""
            return model / 100
    ''',
    "pytest.ini": "[pytest]\npythonpath = .\n",
}
NOW = datetime.now(UTC)
FILE = "tests/__baselines__/test_fit/test_fit.default.json"


def spread(seed: int = 0, sd: float = 0.01) -> dict[int, float]:
    draws = np.random.default_rng(seed).normal(0.9, sd, 20)
    return dict(enumerate(map(float, draws)))


def record(folder: Path, values: Mapping[int, float], **metric: Any) -> None:
    provenance = metric.pop("provenance", {})
    test = "test_fit.py::test_fit"
    artifact = first_artifact(
        test,
        "default",
        {"accuracy": MetricBaseline(higher_is_better=True, values=values, **metric)},
        Provenance(
            **{
                "plugin": "0.1.0",
                "time": NOW.isoformat(),
                "seeds": tuple(values),
                "environment": describe_environment(),
                **provenance,
            }
        ),
    )
    key = BaselineKey(PurePosixPath("tests"), artifact_path(test, "default"))
    FolderStore(folder, beside_tests=True).write(key, artifact)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, FILES)


def test_a_fresh_baseline_is_well(folder: Path) -> None:
    record(folder, spread(), margin=0.05)
    findings = diagnose(folder)
    assert of(
        findings,
        *("baseline-present", "baseline-age", "baseline-environment", "baseline-edited"),
        *("metric-resolution", "metric-version"),
    ) == [
        ("ok", "", "1 baseline of 1 test"),
        ("ok", "", "the oldest is 0 days old"),
        ("ok", "", "tests/test_fit.py::test_fit: recorded in an environment as this one"),
        ("ok", "", "1 baseline as recorded, from clean trees"),
        ("ok", "", "no evaluation function has changed since its baseline's commit"),
        ("ok", "", "no metric without resolution= has values that are multiples of 1/n"),
    ]
    (power,) = of(findings, "margin-power")
    assert power[0] == "ok"
    assert power[2].startswith(
        "tests/test_fit.py::test_fit: accuracy: 5 seeds detect a loss of 0.0"
    )


def test_an_old_baseline(folder: Path) -> None:
    time = (NOW - timedelta(days=200)).isoformat()
    record(folder, spread(), provenance={"time": time})
    (found,) = [f for f in diagnose(folder) if f.check == "baseline-age"]
    assert (found.level, found.location) == ("warning", FILE)
    assert found.evidence == (
        f"tests/test_fit.py::test_fit: recorded 200 days ago ({time[:10]}), more than 180"
    )
    assert found.remedy == (
        "pytest 'tests/test_fit.py::test_fit' --mlregress-update, after a check that passes"
    )
    (other,) = [
        f for f in examine(Project(folder, folder, older_than=365)) if f.check == "baseline-age"
    ]
    assert (other.level, other.evidence) == ("ok", "the oldest is 200 days old")


def test_a_baseline_of_another_environment(folder: Path) -> None:
    environment = {**describe_environment(), "cpu": "Other", "packages": {"numpy": "1.0"}}
    record(folder, spread(), provenance={"environment": environment})
    (found,) = of(diagnose(folder, only="baseline-environment"), "baseline-environment")
    assert found[0] == "warning"
    assert "CPU: Other -> " in found[2]
    assert f"numpy 1.0 -> {np.__version__}" in found[2]


def test_packages_of_the_process_alone_are_no_difference(folder: Path) -> None:
    environment = {**describe_environment(), "threads": 64, "determinism": {"PYTHONHASHSEED": "7"}}
    record(folder, spread(), provenance={"environment": environment})
    assert of(diagnose(folder, only="baseline-environment"), "baseline-environment")[0][0] == "ok"


def test_a_baseline_edited_by_hand_and_one_of_a_dirty_tree(folder: Path) -> None:
    record(folder, spread(), provenance={"dirty": True})
    assert of(diagnose(folder, only="baseline-edited"), "baseline-edited")[0][0] == "warning"
    file = folder / FILE
    document = json.loads(file.read_text())
    document["metrics"]["accuracy"]["values"]["0"] = 0.99
    file.write_text(json.dumps(document))
    ((level, location, evidence),) = of(diagnose(folder, only="baseline-edited"), "baseline-edited")
    assert (level, location) == ("problem", FILE)
    assert evidence.startswith("tests/test_fit.py::test_fit: the file does not hold what was")
    file.write_text("{")
    found = of(diagnose(folder, only="baseline-present"), "baseline-present")
    assert [level for level, _, _ in found] == ["problem", "problem"]
    assert "test_fit.default.json" in found[0][2]


def test_a_margin_that_the_seeds_cannot_detect(folder: Path) -> None:
    record(folder, spread(sd=0.02), margin=0.005)
    (found,) = [f for f in diagnose(folder) if f.check == "margin-power"]
    assert (found.level, found.location) == ("warning", FILE)
    assert found.evidence.startswith(
        "tests/test_fit.py::test_fit: accuracy: its margin is 0.005 (power "
    )
    assert "mlregress plan --seeds 5" in found.remedy


def test_an_automatic_margin_is_what_the_seeds_detect(folder: Path) -> None:
    record(folder, spread(sd=0.02))
    assert of(diagnose(folder, only="margin-power"), "margin-power") == [
        ("ok", "", "tests/test_fit.py::test_fit: its margins are automatic, what its seeds detect")
    ]


def test_flags_of_a_gpu(folder: Path) -> None:
    flags = {
        "deterministic_algorithms": True,
        "CUBLAS_WORKSPACE_CONFIG": None,
        "cudnn.benchmark": True,
        "matmul.allow_tf32": False,
    }
    environment = {**describe_environment(), "gpus": ["NVIDIA H200"], "determinism": flags}
    record(folder, spread(), provenance={"environment": environment})
    (found,) = [f for f in diagnose(folder) if f.check == "cuda-determinism"]
    assert (found.level, found.evidence, found.remedy) == (
        "warning",
        "tests/test_fit.py::test_fit: recorded on NVIDIA H200 (TF32 in convolutions off); "
        "cudnn.benchmark is on: algorithms are chosen by their time; CUBLAS_WORKSPACE_CONFIG is "
        "not set",
        "torch.backends.cudnn.benchmark = False; export CUBLAS_WORKSPACE_CONFIG=:4096:8",
    )


@pytest.mark.parametrize(
    ("changes", "gpus", "level"),
    [
        ({"cudnn.benchmark": False, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}, ["H200"], "ok"),
        ({}, [], "ok"),  # on the CPU no flag matters
    ],
)
def test_flags_that_do_not_matter(
    folder: Path, changes: dict[str, Any], gpus: list[str], level: str
) -> None:
    flags = {"deterministic_algorithms": True, "cudnn.benchmark": True, **changes}
    environment = {**describe_environment(), "gpus": gpus, "determinism": flags}
    record(folder, spread(), provenance={"environment": environment})
    assert of(diagnose(folder, only="cuda-determinism"), "cuda-determinism")[0][0] == level


def test_reads_outside_the_repository(folder: Path) -> None:
    reads = RecordedReads(
        files={"model.py": "0"},
        always_run=("opens ~/data/x.npz outside the repository (model.py)", "starts a process"),
    )
    record(folder, spread(), provenance={"reads": reads})
    ((level, _, evidence),) = of(diagnose(folder, only="data-outside"), "data-outside")
    assert (level, evidence) == (
        "warning",
        "tests/test_fit.py::test_fit: opens ~/data/x.npz outside the repository (model.py)",
    )
    record(folder, spread(), provenance={"reads": RecordedReads(files={"model.py": "0"})})
    assert of(diagnose(folder, only="data-outside"), "data-outside")[0][0] == "ok"


class TestMetricVersion:
    def changed(self, folder: Path, old: str, new: str, **metric: Any) -> list[Any]:
        first = commit(folder)
        record(folder, spread(), provenance={"commit": first}, **metric)
        model = folder / "model.py"
        assert old in model.read_text()
        model.write_text(model.read_text().replace(old, new))
        return of(diagnose(folder, only="metric-version"), "metric-version")

    def test_a_metric_that_counts_otherwise(self, folder: Path) -> None:
        ((level, location, evidence),) = self.changed(folder, "model / 100", "model / 10")
        assert (level, location) == ("warning", "model.py:5")
        assert evidence.startswith("accuracy() has changed since the baseline of accuracy")
        assert evidence.endswith("and its version is still 1")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("The share of right answers.", "Right answers by all answers."),
            ("return model / 100", "# in percent\n    return (model / 100)"),
            (" -> float", ""),
            ("    return seed", "    return seed + 1"),  # the training, and not the metric
            ("return model / 100", "model.fit(1)\n    return model / 10"),  # it trains, too
        ],
    )
    def test_what_is_no_change_of_the_metric(self, folder: Path, old: str, new: str) -> None:
        assert [level for level, _, _ in self.changed(folder, old, new)] == ["ok"]

    def test_a_version_that_has_moved(self, folder: Path) -> None:
        test = folder / "tests" / "test_fit.py"
        test.write_text(test.read_text().replace("better=True", "better=True, version=2"))
        assert self.changed(folder, "/ 100", "/ 10")[0][0] == "ok"


class TestResolution:
    def test_an_accuracy_on_a_test_set(self, folder: Path) -> None:
        record(folder, {seed: (300 + seed) / 360 for seed in range(20)})
        ((level, location, evidence),) = of(
            diagnose(folder, only="metric-resolution"), "metric-resolution"
        )
        assert (level, location) == ("warning", FILE)
        assert evidence == (
            "tests/test_fit.py::test_fit: all 20 values of accuracy are multiples of 1/360 (such "
            "as 0.833333), and it declares no resolution"
        )

    def test_one_that_says_so(self, folder: Path) -> None:
        values = {seed: (300 + seed) / 360 for seed in range(20)}
        record(folder, values, resolution=1 / 360)
        assert of(diagnose(folder, only="metric-resolution"), "metric-resolution")[0][0] == "ok"

    @given(st.integers(5, 1500), st.lists(st.integers(1, 10**6), min_size=4, max_size=20))
    def test_it_finds_a_divisor_of_the_number_of_examples(self, n: int, hits: list[int]) -> None:
        values = {seed: (hit % n) / n for seed, hit in enumerate(hits)}
        found = _examples(MetricBaseline(higher_is_better=True, values=values))
        if len({value for value in values.values() if 0 < value < 1}) >= 3:
            assert found is not None
            assert n % found == 0
            assert all(
                abs(value * found - round(value * found)) < 1e-6 for value in values.values()
            )

    @given(st.integers(0, 10**6))
    def test_continuous_values_are_multiples_of_nothing(self, seed: int) -> None:
        values = dict(enumerate(map(float, np.random.default_rng(seed).uniform(size=6))))
        assert _examples(MetricBaseline(higher_is_better=True, values=values)) is None
