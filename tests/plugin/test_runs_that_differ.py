"""Runs that differ by themselves: the estimate in reports, and in the test once it is shown."""

from __future__ import annotations

from training_suite import Suite

TEST = "test_training.py::test_training"


def effect(suite: Suite) -> dict[str, object] | None:
    (metric,) = suite.tests[TEST]["metrics"]
    found: dict[str, object] | None = metric["run_effect"]
    return found


def test_five_runs_show_what_all_seeds_of_a_run_have_in_common(recorded: Suite) -> None:
    for run in range(4):
        recorded.commit()  # a run of the same commit again says the same
        recorded.run("-n0", LOSS=f"{0.001 * (run + 1)}")
        assert recorded.verdicts == {TEST: "pass"}
        found = effect(recorded)
        assert (found is None) == (run == 0)
        assert found is None or (found["runs"], found["used"]) == (run + 1, False)
        assert not any("run effect" in note for note in recorded.tests[TEST]["notes"])
    recorded.commit()
    result = recorded.run("-n0", LOSS="0.0005")
    found = effect(recorded)
    assert found is not None
    assert (found["runs"], found["used"]) == (5, True)
    (note,) = [note for note in recorded.tests[TEST]["notes"] if "run effect" in note]
    assert note == "accuracy: run effect 0.00158 (0.16 SD) in 5 runs: enters the test"
    assert result.ret == 0
    recorded.run("-n0", LOSS="0.0005")
    assert effect(recorded) == found
    planned = recorded.run("-n0", "--mlregress-plan")
    planned.stdout.fnmatch_lines(["*run effect 0.001*: no number of seeds detects less than *"])
