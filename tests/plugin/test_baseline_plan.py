"""What the baselines say before and beyond a comparison: plans, strictness, pairing."""

from __future__ import annotations

import pytest
from baseline_files import FILE, TEST, doctor, document, files_of
from training_suite import TRAINING, Suite

MARGIN = TRAINING.replace("higher_is_better=True", "higher_is_better=True, margin={margin}")
LINKED = """
    import os
    import random

    import pytest


    @pytest.mark.seeds(5)
    @pytest.mark.mlregress(pairing="{pairing}")
    def test_training(mlregress):
        accuracy = random.gauss(0.9, 0.01) + random.gauss(0.0, 0.0001)
        accuracy -= float(os.environ.get("LOSS", "0")) * (1.0 + 0.01 * random.random())
        mlregress.record("accuracy", accuracy, higher_is_better=True)
"""


class TestPlan:
    def test_runs_nothing_and_says_what_the_seeds_can_show(
        self, recorded: Suite, workers: str
    ) -> None:
        result = recorded.run(workers, "--mlregress-plan", LOSS="0.5")
        assert result.ret == 0
        assert recorded.verdicts == {}
        result.stdout.fnmatch_lines(
            [
                "mlregress: plan, *",
                "test  * metric  * seeds  margin  power  detects  *typical  *worst",
                f"{TEST}  accuracy      5  0.0*  0.9*  0.0* s",
                "costs about 1 s on * worker*",
            ]
        )
        result.stdout.no_fnmatch_line("* seeds in *")

    def test_says_where_there_is_no_baseline(self, suite: Suite) -> None:
        suite.write(TRAINING)
        result = suite.run("--mlregress-plan")
        assert result.ret == 0
        assert "no baseline" in result.stdout.str()

    def test_writes_nothing(self, recorded: Suite) -> None:
        before = files_of(recorded)
        recorded.run("--mlregress-plan")
        assert files_of(recorded) == before

    def test_excludes_an_update(self, recorded: Suite) -> None:
        result = recorded.run("--mlregress-plan", "--mlregress-update")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(
            [
                "ERROR: --mlregress-plan runs nothing and so cannot record baselines; remove it "
                "or --mlregress-update"
            ]
        )


class TestStrict:
    def test_inconclusive_is_yellow_and_fails_when_strict(self, suite: Suite) -> None:
        suite.write(MARGIN.format(margin=0.001).replace("seeds(5)", "mlregress(test='welch')"))
        suite.record()
        result = suite.run(LOSS="0.01")
        assert suite.verdicts == {TEST: "inconclusive"}
        assert result.ret == 0
        result.stdout.fnmatch_lines(["=* 1 warning, 5 seeds, 1 inconclusive in *"])
        result = suite.run("--mlregress-strict", LOSS="0.01")
        assert suite.verdicts == {TEST: "inconclusive"}
        assert result.ret == 1
        result.stdout.fnmatch_lines(["mlregress: check, *, strict", f"FAILED {TEST} - *"])

    def test_minor_is_green_with_a_warning_and_fails_when_strict(self, suite: Suite) -> None:
        suite.write(MARGIN.format(margin=0.5))
        suite.record()
        result = suite.run("--mlregress-stop=never", LOSS="0.05")
        assert suite.verdicts == {TEST: "minor"}
        assert result.ret == 0
        result.stdout.fnmatch_lines(["*MLRegressWarning: accuracy lost a little: *"])
        result = suite.run("--mlregress-stop=never", "--mlregress-strict", LOSS="0.05")
        assert suite.verdicts == {TEST: "minor"}
        assert result.ret == 1

    def test_a_pass_stays_one(self, recorded: Suite) -> None:
        assert recorded.run("--mlregress-strict").ret == 0


class TestPairing:
    def test_always_sees_a_loss_that_is_hidden_in_the_spread(self, suite: Suite) -> None:
        suite.write(LINKED.format(pairing="always"))
        suite.record()
        result = suite.run("--mlregress-stop=never", LOSS="0.003")
        # Real, and far below the automatic margin: without earlier runs there is no smaller one.
        (metric,) = suite.tests[TEST]["metrics"]
        assert suite.verdicts[TEST] == "minor"
        # The unpaired difference of these seeds is a gain.
        assert metric["difference"] == pytest.approx(-0.003, abs=0.0005)
        result.stdout.fnmatch_lines(["*: accuracy lost a little: * (-0.003* vs 20 seeds"])
        (note,) = metric["notes"]
        assert note.startswith("seeds linked with theta = 1.00 show a loss of 0.003")
        assert ", less than their margin " in note

    def test_never_does_not(self, suite: Suite) -> None:
        suite.write(LINKED.format(pairing="never"))
        suite.record()
        suite.run(LOSS="0.003")
        assert suite.verdicts[TEST] in ("pass", "inconclusive")

    def test_an_update_books_how_the_seeds_went_together(self, recorded: Suite) -> None:
        recorded.record(LOSS="0.0001")
        (run,) = document(recorded)["pairing"]
        assert run["commit"] == document(recorded)["provenance"]["commit"]
        pairs = run["metrics"]["accuracy"]
        assert [seed for seed, _, _ in pairs] == list(range(20))
        assert all(before - now == pytest.approx(0.0001) for _, before, now in pairs)

    def test_earlier_commits_decide_whether_seeds_are_linked(self, suite: Suite) -> None:
        suite.write(LINKED.format(pairing="auto"))
        suite.record()
        for step in (1, 2, 3):
            suite.record(LOSS=f"{0.00001 * step}")
        result = suite.run("-v", "--mlregress-stop=never", LOSS="0.003")
        assert suite.verdicts == {TEST: "regression"}
        (metric,) = suite.tests[TEST]["metrics"]
        (note,) = metric["notes"]
        assert note.startswith("seeds linked with theta = 1.00, rho = 1.00 in 3 earlier runs show")
        result.stdout.fnmatch_lines(["*seeds linked with theta = 1.00, rho = 1.00 in 3 earlier*"])
        plan = suite.run("--mlregress-plan", "-v")
        plan.stdout.fnmatch_lines(["*seeds linked at 5, theta = 1.00, rho = 1.00 in 3 earlier*"])
        doctor(suite, lambda content: content.update(pairing=[]), FILE)
        suite.run("--mlregress-stop=never", LOSS="0.003")
        assert suite.verdicts[TEST] in ("pass", "inconclusive")
        (metric,) = suite.tests[TEST]["metrics"]
        assert not any("linked" in note for note in metric["notes"])
