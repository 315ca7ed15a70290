"""What cannot be compared with its baseline: told by the exact difference, never compared."""

from __future__ import annotations

from typing import Any

import pytest
from baseline_files import TEST, doctor, document, files_of
from training_suite import TRAINING, Suite

METRIC = 'mlregress.record("accuracy", accuracy, higher_is_better=True'
ACCEPT = f"if the change is intended, record a new baseline: pytest '{TEST}' --mlregress-update"


def with_metric(arguments: str) -> str:
    """The training with other arguments of `record`."""
    return TRAINING.replace(METRIC, f"mlregress.record({arguments}")


CHANGES = {
    "version": (
        with_metric('"accuracy", accuracy, higher_is_better=True, version=2'),
        "metric 'accuracy' now has version=2, the baseline 1",
    ),
    "direction": (
        with_metric('"accuracy", accuracy, higher_is_better=False'),
        "metric 'accuracy' now has higher_is_better=False, the baseline True",
    ),
    "resolution": (
        with_metric('"accuracy", accuracy, higher_is_better=True, resolution=0.001'),
        "metric 'accuracy' now has resolution=0.001, the baseline None",
    ),
    "missing": (
        with_metric('"precision", accuracy, higher_is_better=True'),
        "metric 'accuracy' is missing: the baseline has it, no seed recorded it",
    ),
    "new": (
        TRAINING + '        mlregress.record("recall", accuracy, higher_is_better=True)\n',
        "metric 'recall' is new: the baseline does not have it",
    ),
    "none": (
        "import pytest\n@pytest.mark.seeds(5)\ndef test_training(mlregress): pass",
        "no seed recorded a metric, the baseline has some",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_metric_is_not_compared(recorded: Suite, change: str) -> None:
    source, reason = CHANGES[change]
    recorded.write(source)
    before = files_of(recorded)
    result = recorded.run(LOSS="0.05")
    assert result.ret == 1
    assert recorded.verdicts == {TEST: "incomparable"}
    assert reason in recorded.tests[TEST]["reasons"]
    assert recorded.tests[TEST]["next_steps"] == [ACCEPT]
    result.stdout.fnmatch_lines([f"FAILED {TEST} - *incomparable*: *"])
    assert files_of(recorded) == before


@pytest.mark.parametrize("change", ["version", "direction", "new"])
def test_the_command_that_is_offered_records_the_changed_metric(
    recorded: Suite, change: str
) -> None:
    recorded.write(CHANGES[change][0])
    assert recorded.run("--mlregress-update").ret == 0
    recorded.commit()
    assert recorded.run().ret == 0
    assert recorded.verdicts == {TEST: "identical"}


def test_other_data_are_not_compared(suite: Suite) -> None:
    source = TRAINING + "        mlregress.fingerprint('train', b'these')\n"
    suite.write(source)
    suite.record()
    assert suite.run().ret == 0
    suite.write(source.replace("b'these'", "b'those'"))
    result = suite.run()
    assert result.ret == 1
    assert suite.verdicts == {TEST: "incomparable"}
    (reason,) = suite.tests[TEST]["reasons"]
    recorded = document(suite)["data"]["train"]
    assert reason.startswith("data 'train' has the fingerprint ")
    assert reason.endswith(f", the baseline was recorded with {recorded}")
    assert reason.count(recorded) == 1


def test_a_margin_written_another_way_is_the_same_margin(suite: Suite) -> None:
    suite.write(with_metric('"accuracy", accuracy, higher_is_better=True, margin=0.05'))
    suite.record()
    suite.write(with_metric('"accuracy", accuracy, higher_is_better=True, margin=5e-2'))
    assert suite.run().ret == 0
    assert suite.tests[TEST]["notes"] == []


class TestMarginOfTheCode:
    def test_takes_effect_at_once(self, suite: Suite, workers: str) -> None:
        suite.write(with_metric('"accuracy", accuracy, higher_is_better=True, margin=0.02'))
        suite.record()
        assert suite.run(workers, LOSS="0.04").ret == 1
        assert suite.verdicts == {TEST: "regression"}
        suite.write(with_metric('"accuracy", accuracy, higher_is_better=True, margin="10%"'))
        result = suite.run(workers, LOSS="0.04")
        assert (result.ret, suite.verdicts) == (0, {TEST: "minor"})
        (metric,) = suite.tests[TEST]["metrics"]
        mean = metric["baseline"]["mean"]
        assert metric["declared_margin"] == "10%"
        assert metric["recorded_margin"] == 0.02
        assert metric["margin"] == pytest.approx(0.1 * mean)
        (note,) = suite.tests[TEST]["notes"]
        assert note == (
            f"the margin of 'accuracy' is 10% = {0.1 * mean:.6g}, the baseline was recorded with "
            "0.02; the check goes by the former"
        )
        result.stdout.fnmatch_lines([f"*MLRegressWarning: *, margin 10% = {0.1 * mean:.3g}, *"])

    def test_needs_no_new_baseline_and_an_update_keeps_it(self, recorded: Suite) -> None:
        recorded.write(with_metric('"accuracy", accuracy, higher_is_better=True, margin=0.05'))
        assert recorded.run().ret == 0
        assert recorded.verdicts == {TEST: "identical"}
        recorded.record()
        assert document(recorded)["metrics"]["accuracy"]["margin"] == 0.05
        assert recorded.run().ret == 0
        assert recorded.tests[TEST]["notes"] == []

    def test_is_not_known_to_a_plan_which_says_so(self, suite: Suite) -> None:
        suite.write(with_metric('"accuracy", accuracy, higher_is_better=True, margin=0.05'))
        suite.record()
        suite.write(with_metric('"accuracy", accuracy, higher_is_better=True, margin=0.06'))
        result = suite.run("--mlregress-plan")
        result.stdout.fnmatch_lines(
            [
                f"{TEST}  accuracy      5    0.05 *",
                "fixed margins are those that the baselines were recorded with: *",
            ]
        )


class TestMissing:
    def test_a_test_without_baseline_fails(self, suite: Suite) -> None:
        suite.write(TRAINING)
        assert suite.run().ret == 1
        assert suite.verdicts == {TEST: "no-baseline"}

    def test_unless_a_warning_is_enough(self, suite: Suite) -> None:
        suite.write(TRAINING)
        result = suite.run("--mlregress-missing=warn")
        assert result.ret == 0
        assert suite.tests[TEST]["colour"] == "yellow"
        result.stdout.fnmatch_lines(["=* 1 warning, 5 seeds, 1 no-baseline in *"])

    def test_the_warning_does_not_excuse_others(self, recorded: Suite) -> None:
        recorded.write(TRAINING.replace("LOSS", "OTHER_LOSS"), "test_other.py")
        assert recorded.run("--mlregress-missing=warn", LOSS="0.05").ret == 1
        assert recorded.verdicts == {
            TEST: "regression",
            "test_other.py::test_training": "no-baseline",
        }


class TestEnvironment:
    @pytest.fixture
    def foreign(self, recorded: Suite) -> Suite:
        """A suite whose baseline was recorded with another Python."""

        def move(content: dict[str, Any]) -> None:
            content["provenance"]["environment"]["python"] = "3.2.1"

        doctor(recorded, move)
        return recorded

    def test_warns_and_compares(self, foreign: Suite) -> None:
        result = foreign.run()
        assert result.ret == 0
        assert foreign.verdicts[TEST] in ("pass", "improvement")  # never identical: other bits
        assert any("3.2.1" in line for line in foreign.tests[TEST]["environment"])

    def test_may_fail(self, foreign: Suite, workers: str) -> None:
        result = foreign.run(workers, "--mlregress-env-mismatch=fail")
        assert result.ret == 1
        assert foreign.verdicts == {TEST: "incomparable"}
        first, difference = foreign.tests[TEST]["reasons"]
        assert first == "the baseline comes from another environment"
        assert "3.2.1" in difference
        assert foreign.tests[TEST]["next_steps"] == [
            f"record the baseline in this environment: pytest '{TEST}' --mlregress-update",
            "or accept the difference: --mlregress-env-mismatch=warn",
        ]

    def test_may_be_ignored(self, foreign: Suite) -> None:
        assert foreign.run("--mlregress-env-mismatch=ignore").ret == 0
        assert foreign.verdicts == {TEST: "identical"}
        assert foreign.tests[TEST]["environment"] == []

    def test_is_told_with_a_regression(self, foreign: Suite) -> None:
        result = foreign.run(LOSS="0.05")
        assert foreign.verdicts == {TEST: "regression"}
        result.stdout.fnmatch_lines(["differs Python: 3.2.1 -> CPython *"])
