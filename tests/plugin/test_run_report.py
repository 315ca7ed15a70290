"""What the report of a run holds of code, baselines and output, as pytest sessions leave it."""

from __future__ import annotations

import pytest
from training_suite import TRAINING, Suite

from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.session import run_outputs

TALKING = TRAINING.replace(
    "        mlregress.record(",
    """        import sys

        print("epoch 1 of seed", mlregress.seed)
        print("a warning of seed", mlregress.seed, file=sys.stderr)
        if mlregress.seed == 1 and "BREAK" in os.environ:
            raise RuntimeError("out of data")
        mlregress.record(""",
)
TEST = "test_training.py::test_training"


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[RunReport]:
    """The reports of the runs in this process, the latest last."""
    kept: list[RunReport] = []
    outputs = (*run_outputs.OUTPUTS, lambda run: kept.append(run.report))
    monkeypatch.setattr(run_outputs, "OUTPUTS", outputs)
    return kept


def test_a_run_knows_its_code_its_baselines_and_where_its_tests_are(
    suite: Suite, reports: list[RunReport], workers: str
) -> None:
    suite.write(TRAINING)
    suite.record()
    suite.pytester.makepyfile(helper="")
    assert suite.run(workers, LOSS="0.5").ret == 1
    report = reports[-1]
    (verdict,) = report.verdicts
    (baseline,) = report.baselines.values()
    assert report.code is not None
    assert report.code.changed == ("helper.py",)
    assert (baseline.test, baseline.tier) == (TEST, "default")
    assert report.places == {TEST: ("test_training.py", 8)}
    assert "CPython 3." in report.machine
    assert verdict.since is not None
    assert verdict.since.commit == baseline.provenance.commit
    assert (verdict.since.commits, verdict.since.uncommitted) == (0, ("helper.py",))
    assert verdict.since.recorded == baseline.provenance.time[:10]


def test_outside_git_there_is_no_code_to_name(
    suite: Suite, reports: list[RunReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.write(TRAINING)
    suite.record()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(suite.path.parent))
    (suite.path / ".git").rename(suite.path / "no-git")
    assert suite.run(LOSS="0.5").ret == 1
    assert reports[-1].code is None
    assert reports[-1].verdicts[0].since is None


def test_every_seed_keeps_the_end_of_its_output(
    suite: Suite, reports: list[RunReport], workers: str
) -> None:
    suite.write(TALKING)
    suite.record()
    assert suite.run(workers, BREAK="1").ret == 1
    first, second, *_ = reports[-1].verdicts[0].seeds
    assert first.captured == (
        "Captured stdout call\nepoch 1 of seed 0\nCaptured stderr call\na warning of seed 0"
    )
    assert first.traceback == ""
    assert second.captured.endswith("a warning of seed 1")
    assert second.traceback.splitlines()[-1] == "test_training.py:16: RuntimeError"


def test_of_a_long_output_the_end_is_kept(suite: Suite, reports: list[RunReport]) -> None:
    suite.write(TALKING.replace('print("epoch 1', 'print("x\\n" * 5000)\n        print("epoch 1'))
    suite.record()
    suite.run(LOSS="0.5")
    captured = reports[-1].verdicts[0].seeds[0].captured
    assert len(captured.splitlines()) == 100
    assert captured.endswith("a warning of seed 0")
