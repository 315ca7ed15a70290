"""An update after a comparison of two environments: one revision with its evidence.

Here a variable that decides how cuBLAS computes tells the environments apart, and the evidence is
written by hand; `test_environment_comparison.py` has two interpreters.
"""

from __future__ import annotations

from typing import Any

import pytest
from baseline_files import FILE, document
from training_suite import TRAINING, Suite

from pytest_mlregress.baselines.provenance import working_tree
from pytest_mlregress.revisions.environment_evidence import (
    FILE_NAME,
    ComparedTest,
    EnvironmentEvidence,
    read_evidence,
    write_evidence,
)

OLD = {"CUBLAS_WORKSPACE_CONFIG": ":16:8"}
OTHER_FILE = "__baselines__/test_other/test_training.default.json"
DIFFERENCE = "CUBLAS_WORKSPACE_CONFIG: :16:8 -> unset"
DETERMINISTIC = "@pytest.mark.mlregress(deterministic=True)"
SUMMARY = "the environments agree: 2 of 2 tests, no metric has lost"


@pytest.fixture
def moving(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Two tests with baselines of the old environment, in the new one."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    suite.write(TRAINING)
    suite.write(TRAINING.replace("0.9,", "0.7,"), "test_other.py")
    suite.record(**OLD)
    return suite


def evidence_for(suite: Suite, *, change: float = 0.0, verdict: str = "pass") -> None:
    """Keep what a comparison of both tests showed, as the run that makes it would."""
    tree = working_tree(suite.path)
    assert tree.commit is not None
    old = document(suite)["provenance"]["environment"]
    new = {**old, "determinism": {**old["determinism"], "CUBLAS_WORKSPACE_CONFIG": None}}
    folder = suite.path / ".pytest_cache" / "d" / "mlregress"
    folder.mkdir(parents=True, exist_ok=True)
    evidence = EnvironmentEvidence(
        time="2026-03-01T12:00:00Z",
        commit=tree.commit,
        diff_hash=tree.diff_hash,
        differences=(DIFFERENCE,),
        summary=SUMMARY,
        tests=tuple(
            ComparedTest(
                test=f"{file}.py::test_training",
                tier="default",
                verdict=verdict,
                pairs=3,
                base=old,
                candidate=new,
                effects={"accuracy": (change, change - 0.001, change + 0.001)},
            )
            for file in ("test_training", "test_other")
        ),
    )
    write_evidence(folder, evidence)
    assert read_evidence(folder) == evidence


def last_entries(suite: Suite) -> list[dict[str, Any]]:
    return [document(suite, file)["ledger"][-1] for file in (FILE, OTHER_FILE)]


def notes(suite: Suite) -> list[str]:
    return suite.report["summary"]["notes"]


def test_all_baselines_move_as_one_revision(moving: Suite, workers: str) -> None:
    evidence_for(moving)
    commit = working_tree(moving.path).commit
    assert commit is not None

    assert moving.run(workers, "--mlregress-update").ret == 0

    first, second = last_entries(moving)
    assert first["kind"] == "environment"
    assert first["reason"] == (
        f"environment: {DIFFERENCE}; A/B of 2 tests at {commit[:7]}: {SUMMARY}"
    )
    assert first["anchored"] == ["accuracy"]
    assert first["evidence"] == {
        "change": {"accuracy": 0.0},
        "commit": commit,
        "diff_hash": None,
        "differences": [DIFFERENCE],
        "high": {"accuracy": 0.001},
        "label": first["evidence"]["label"],
        "low": {"accuracy": -0.001},
        "pairs": 3,
        "suite": SUMMARY,
        "tests": 2,
        "time": "2026-03-01T12:00:00Z",
        "verdict": "pass",
    }
    assert (second["time"], second["evidence"]["label"]) == (
        first["time"],
        first["evidence"]["label"],
    )
    assert document(moving)["provenance"]["time"] == first["time"]
    assert document(moving)["anchor"]["accuracy"]["time"] == first["time"]
    assert notes(moving)[0] == (
        f"2 baselines re-recorded as one revision of kind environment: {DIFFERENCE}; {SUMMARY}"
    )


def test_a_comparison_of_uncommitted_changes_holds_once_they_are_committed(moving: Suite) -> None:
    """A new lock file is compared before it is committed."""
    lock = moving.path / "pytest.ini"
    lock.write_text(lock.read_text() + "# torch 2.6.0\n")
    evidence_for(moving)
    moving.commit()

    moving.run("--mlregress-update")

    assert [entry["kind"] for entry in last_entries(moving)] == ["environment"] * 2


def test_other_code_needs_another_comparison(moving: Suite) -> None:
    evidence_for(moving)
    moving.write("# another helper\n", "helpers.py")

    moving.run("--mlregress-update")

    assert not any("kind" in entry for entry in last_entries(moving))
    assert notes(moving)[0] == (
        f"all 2 replaced baselines came from one other environment ({DIFFERENCE}): for one "
        "revision with evidence, restore them, compare with that environment's interpreter, and "
        "update again: pytest -m mlregress --mlregress-against=env:PYTHON"
    )


def test_a_comparison_of_other_environments_is_no_evidence(moving: Suite) -> None:
    evidence_for(moving)

    moving.run("--mlregress-update", CUBLAS_WORKSPACE_CONFIG=":4096:8")

    assert not any("kind" in entry for entry in last_entries(moving))


def test_evidence_that_cannot_be_read_is_none(moving: Suite) -> None:
    evidence_for(moving)
    (moving.path / ".pytest_cache" / "d" / "mlregress" / FILE_NAME).write_text("{")

    assert moving.run("--mlregress-update").ret == 0
    assert not any("kind" in entry for entry in last_entries(moving))


def test_a_loss_against_the_baseline_is_refused_as_ever(moving: Suite) -> None:
    evidence_for(moving)
    before = document(moving, FILE)
    moving.write(TRAINING.replace("0.9,", "0.8,").replace("LOSS", "OTHER"), "test_training.py")
    evidence_for(moving)  # made after the change, which it cannot show: both sides have it

    assert moving.run("--mlregress-update").ret == 1

    assert document(moving, FILE)["metrics"] == before["metrics"]
    assert document(moving, OTHER_FILE)["ledger"][-1]["kind"] == "environment"
    assert notes(moving)[0].endswith(f"{SUMMARY}; 1 refused")


def test_one_value_moves_with_the_others(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a deterministic training, whose bits change with the environment."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    suite.write(
        TRAINING.replace("    @pytest.mark.seeds", f"    {DETERMINISTIC}\n    @pytest.mark.seeds")
    )
    suite.write(TRAINING, "test_other.py")
    suite.record(**OLD)
    evidence_for(suite)

    assert suite.run("--mlregress-update", LOSS="0").ret == 0

    assert [entry["kind"] for entry in last_entries(suite)] == ["environment"] * 2
    assert last_entries(suite)[0]["reason"].startswith(f"environment: {DIFFERENCE}; ")


def test_a_rebase_is_a_rebase(moving: Suite) -> None:
    evidence_for(moving)

    moving.run("--mlregress-update", "--mlregress-rebase-anchor=smaller model")

    assert [entry["kind"] for entry in last_entries(moving)] == ["rebase"] * 2
    assert last_entries(moving)[0]["reason"] == "smaller model"


def test_an_update_in_the_same_environment_says_nothing_of_environments(recorded: Suite) -> None:
    recorded.run("--mlregress-update")

    assert "kind" not in document(recorded)["ledger"][-1]
    assert not any("environment" in note for note in notes(recorded))
