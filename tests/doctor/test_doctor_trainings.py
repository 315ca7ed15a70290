"""What the doctor says of trained seeds, from results made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from doctor_projects import diagnose, of

from pytest_mlregress.doctor.bit_comparison import first_difference
from pytest_mlregress.doctor.finding import Level
from pytest_mlregress.doctor.trainings import TrainedTest, Trainings
from pytest_mlregress.running.result import RecordedMetric, SeedResult

SEED = SeedResult(
    0,
    "finished",
    metrics=(RecordedMetric("score", 0.25, True), RecordedMetric("loss", 1.5, False)),
    curves={"train": ((0, 1.0), (1, 0.5))},
    peak_memory=10**8,
)
NEXT = float.fromhex("0x1.0000000000001p-2")  # the float after 0.25


def trained(**changes: object) -> Trainings:
    test = TrainedTest("t.py::test", "default", SEED, SEED, replace(SEED, seed=1))
    return Trainings({"t.py::test": replace(test, **changes)})


def said(folder: Path, check: str, **changes: object) -> tuple[str, str]:
    ((level, _, evidence),) = of(diagnose(folder, only=check, trainings=trained(**changes)), check)
    return level, evidence


def test_one_bit_of_a_metric(tmp_path: Path) -> None:
    again = replace(SEED, metrics=(RecordedMetric("score", NEXT, True), SEED.metrics[1]))
    assert said(tmp_path, "same-seed-twice", again=again) == (
        "problem",
        "t.py::test: seed 0 gave score 0.25 and 0.25000000000000006 in two runs of the same code",
    )
    assert said(tmp_path, "same-seed-twice") == (
        "ok",
        "t.py::test: seed 0 gave equal bits twice (2 metrics and 1 curve)",
    )


def test_the_divergence_is_named(tmp_path: Path) -> None:
    again = replace(SEED, curves={"train": ((0, 1.0), (1, 0.75))})
    where = "step 0, forward: `attn` differs first; `attn.py:41` ran"
    assert said(tmp_path, "same-seed-twice", again=again, divergence=where) == (
        "problem",
        "t.py::test: seed 0 gave train 0.5 and 0.75 at step 1 in two runs of the same code; "
        f"{where}",
    )


def test_nan_equals_nan_and_zero_has_a_sign() -> None:
    nan = replace(SEED, metrics=(RecordedMetric("score", float("nan"), True),))
    assert first_difference(nan, replace(nan, duration=3.0)) == ""
    plus = replace(SEED, metrics=(RecordedMetric("score", 0.0, True),))
    minus = replace(SEED, metrics=(RecordedMetric("score", -0.0, True),))
    assert first_difference(plus, minus) == "score 0.0 and -0.0"
    assert first_difference(SEED, replace(SEED, metrics=SEED.metrics[:1])) == "loss 1.5 and None"


def test_equal_seeds(tmp_path: Path) -> None:
    assert said(tmp_path, "seeds-equal") == (
        "problem",
        "t.py::test: seeds 0 and 1 gave the same bits (score 0.25, loss 1.5)",
    )
    other = replace(SEED, seed=1, curves={"train": ((0, 1.0), (1, 0.75))})
    assert said(tmp_path, "seeds-equal", other=other) == (
        "ok",
        "t.py::test: seeds 0 and 1 differ: train 0.5 and 0.75 at step 1",
    )


def test_a_fixed_model_whose_seeds_differ_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "test_t.py").write_text(
        "from lightgbm import LGBMClassifier\ndef test(mlregress):\n"
        "    LGBMClassifier(seed=3).fit()\n"
    )
    same = "LGBMClassifier(seed=3), and no other model takes the test's seed"
    assert said(tmp_path, "seed-fixed", test="test_t.py::test") == ("problem", same)
    other = replace(SEED, seed=1, curves={"train": ((0, 1.0), (1, 0.75))})
    assert said(tmp_path, "seed-fixed", test="test_t.py::test", other=other) == (
        "warning",
        f"{same}; its seeds differ by something else",
    )


def test_a_coarse_metric_at_its_bound_is_no_sign(tmp_path: Path) -> None:
    perfect = replace(
        SEED, metrics=(RecordedMetric("score", 1.0, True, resolution=0.01),), curves={}
    )
    other = replace(perfect, seed=1)
    assert said(tmp_path, "seeds-equal", first=perfect, again=perfect, other=other) == (
        "ok",
        "t.py::test: seeds 0 and 1 both reached the bound: score 1",
    )


@pytest.mark.parametrize(
    ("check", "evidence"),
    [
        ("same-seed-twice", "t.py::test: it is skipped: needs a GPU"),
        ("seeds-equal", "t.py::test: it is skipped: needs a GPU"),
        ("memory-peak", "t.py::test: it is skipped: needs a GPU"),
    ],
)
def test_what_cannot_run_here(check: str, evidence: str, tmp_path: Path) -> None:
    why = "it is skipped: needs a GPU"
    assert said(tmp_path, check, first=None, again=None, other=None, unavailable=why) == (
        "skipped",
        evidence,
    )


@pytest.mark.parametrize("level", ["problem", "warning", "skipped"])
def test_nothing_could_be_trained(level: Level, tmp_path: Path) -> None:
    why = "conftest.py: RuntimeError"
    found = diagnose(tmp_path, trainings=Trainings(problem=why, level=level))
    assert of(found, "same-seed-twice") == [(level, "", why)]
    assert of(found, "seeds-equal") == [("skipped", "", why)]


def test_a_seed_that_fails(tmp_path: Path) -> None:
    failed = replace(SEED, outcome="failed", message="ValueError: no data\n  at ...")
    assert said(tmp_path, "same-seed-twice", first=failed) == (
        "problem",
        "t.py::test: seed 0 failed: ValueError: no data",
    )
    assert said(tmp_path, "seeds-equal", first=failed)[0] == "skipped"
    assert said(tmp_path, "memory-peak", first=failed) == ("skipped", "t.py::test: seed 0 failed")


def test_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_mlregress.resources import capacity

    monkeypatch.setattr(capacity, "_memory", lambda: (10**9, None))
    assert said(tmp_path, "memory-peak") == (
        "ok",
        "t.py::test: one seed took 100 MB at its peak of 1 GB: 9 seeds fit at once",
    )
    large = replace(SEED, peak_memory=95 * 10**7)
    assert said(tmp_path, "memory-peak", first=large) == (
        "warning",
        "t.py::test: one seed took 950 MB at its peak of the 1 GB that this machine has",
    )
    (tmp_path / "t.py").write_text(
        "import pytest\n@pytest.mark.mlregress(memory='50MB')\ndef test(mlregress):\n    pass\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = t.py\n")
    assert said(tmp_path, "memory-peak") == (
        "warning",
        "t.py::test: one seed took 100 MB at its peak, and the test declares 50 MB",
    )
