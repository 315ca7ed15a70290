"""A margin that the seeds cannot pay for, as a user meets it: at its own test, and at no other."""

from __future__ import annotations

import re
import shlex

import pytest
from baseline_files import TEST
from training_suite import TRAINING, Suite

MARGIN = TRAINING.replace("higher_is_better=True", "higher_is_better=True, margin={margin}")
BESIDE = """

    def test_unit():
        pass


    @pytest.mark.seeds(5)
    def test_other(mlregress):
        mlregress.record("loss", random.gauss(1.0, 0.1), higher_is_better=False)
"""
UNIT, OTHER = "test_training.py::test_unit", "test_training.py::test_other"


@pytest.fixture
def narrow(suite: Suite) -> Suite:
    """A recorded suite in which one margin of three tests is too small for its seeds."""
    suite.write(MARGIN.format(margin=0.0165) + BESIDE)
    suite.record()
    return suite


class TestVerdict:
    def test_touches_its_own_test_alone(self, narrow: Suite, workers: str) -> None:
        result = narrow.run(workers, "-v")
        assert result.ret == 0
        assert narrow.verdicts == {TEST: "unaffordable", OTHER: "identical"}
        result.stdout.fnmatch_lines(
            [f"*{UNIT} PASSED*"] if workers == "-n0" else [f"*PASSED {UNIT}*"]
        )
        test = narrow.tests[TEST]
        assert (test["colour"], test["decided_after"]) == ("yellow", 1)

    def test_spares_the_other_seeds(self, narrow: Suite) -> None:
        narrow.run(TEST)
        assert [seed["outcome"] for seed in narrow.tests[TEST]["seeds"]] == [
            "finished", *["cancelled"] * 4
        ]  # fmt: skip

    def test_is_no_matter_where_it_is_deselected(self, narrow: Suite) -> None:
        result = narrow.run("-m", "not mlregress")
        assert result.ret == 0
        result.stdout.fnmatch_lines(["*1 passed, 10 deselected*"])
        result = narrow.run(OTHER)
        assert (result.ret, narrow.verdicts) == (0, {OTHER: "identical"})

    def test_fails_when_strict(self, narrow: Suite) -> None:
        result = narrow.run("--mlregress-strict")
        assert result.ret == 1
        result.stdout.fnmatch_lines([f"FAILED {TEST} - unaffordable: metric 'accuracy' with *"])

    def test_is_told_with_all_the_ways_out(self, narrow: Suite) -> None:
        result = narrow.run("-v")
        steps = narrow.tests[TEST]["next_steps"]
        assert len(steps) == 4
        told = " ".join(result.stdout.str().split())
        for step in steps:
            assert " ".join(step.split()) in told
        result.stdout.fnmatch_lines(
            [
                "unaffordable  test_training.py::test_training * 1/5 seeds",
                "* 1 unaffordable, 7 saved in *",
            ]
        )

    def test_takes_a_few_lines_and_is_said_once(self, narrow: Suite) -> None:
        lines = narrow.run().stdout.lines
        (warned,) = (line for line in lines if "MLRegressWarning" in line)
        assert warned.endswith("MLRegressWarning: unaffordable: too few seeds for accuracy")
        start = next(i for i, line in enumerate(lines) if line.startswith("unaffordable "))
        end = next(i for i, line in enumerate(lines) if line.startswith("identical "))
        told = lines[start + 1 : end]
        assert len(told) <= 4
        assert told[0].startswith("  unaffordable: metric 'accuracy' with margin 0.0165: 5 seeds")
        step = narrow.tests[TEST]["next_steps"][0]
        assert " ".join(step.split()) in " ".join(" ".join(told).replace("\\", "").split())
        assert sum("with power 0." in line for line in lines) == 1

    def test_stands_in_the_way_of_neither_an_update_nor_a_plan(self, narrow: Suite) -> None:
        assert narrow.run("--mlregress-plan").ret == 0
        assert narrow.run("--mlregress-update").ret == 0


def test_the_commands_that_are_offered_work(narrow: Suite) -> None:
    narrow.run(TEST)
    steps = narrow.tests[TEST]["next_steps"]
    commands = [step.partition(": pytest ")[2] for step in steps if ": pytest " in step]
    (update,) = (command for command in commands if "--mlregress-update" in command)
    assert len(commands) == 3
    for command in (*(command for command in commands if command != update), update):
        assert narrow.run(*shlex.split(command)).ret == 0
        assert narrow.verdicts[TEST] in ("identical", "pass", "recorded"), command
    narrow.commit()
    (then,) = (found for step in steps if (found := re.search(r"seeds\((\d+)\) after that", step)))
    narrow.run(TEST, f"--mlregress-seeds={then[1]}")
    assert narrow.verdicts[TEST] == "identical"


class TestWhenRecording:
    def test_is_a_warning_and_a_note(self, suite: Suite, workers: str) -> None:
        suite.write(MARGIN.format(margin=0.0165) + BESIDE)
        result = suite.run("--mlregress-update", workers)
        assert result.ret == 0
        (note,) = suite.tests[TEST]["notes"]
        assert note.startswith(
            "a check will be unaffordable: metric 'accuracy' with margin 0.0165: 5 seeds "
            "against 20 detect a loss of the margin "
        )
        assert "the 2 comparisons of the suite share its alpha: each is held to 0.025" in note
        assert len(suite.tests[TEST]["next_steps"]) > 1
        assert suite.tests[OTHER]["notes"] == []
        result.stdout.fnmatch_lines(
            ["*MLRegressWarning: a check will be unaffordable: too few seeds for accuracy"]
        )
        assert result.stdout.str().count("seeds against 20 detect a loss") == 1

    def test_counts_the_comparisons_that_the_same_run_adds(self, suite: Suite) -> None:
        """No cliff: the last metric of many is what makes three seeds too few."""
        many = "".join(
            f"        mlregress.record('m{k}', random.random(), higher_is_better=True)\n"
            for k in range(66)
        )
        suite.write(TRAINING.replace("seeds(5)", "seeds(3)") + many)
        suite.run("--mlregress-update")
        (note,) = suite.tests[TEST]["notes"]
        assert "metric 'accuracy': 3 seeds against 20 baseline seeds cannot show a loss" in note
        assert "the 67 comparisons of the suite share its alpha" in note
        suite.commit()
        suite.run()
        assert suite.verdicts == {TEST: "unaffordable"}

    def test_is_silent_where_the_margin_is_paid_for(self, suite: Suite) -> None:
        suite.write(MARGIN.format(margin=0.05))
        suite.record()
        assert suite.tests[TEST]["notes"] == []
