"""What verdicts advise: words that fit the case, and commands that work where they are printed."""

from __future__ import annotations

import shutil

import pytest
from baseline_files import TEST, doctor
from training_suite import TRAINING, Suite

ACCEPT = f"pytest '{TEST}' --mlregress-update --mlregress-rebase-anchor='why'"
CONFIRM = (
    "near its limit, so test fresh seeds of both commits (20 trainings, less than a minute): "
    f"pytest '{TEST}' --mlregress-confirm"
)
EXPLAIN = f"first difference: mlregress explain '{TEST}'"


def steps(suite: Suite) -> list[str]:
    found: list[str] = suite.tests[TEST]["next_steps"]
    return found


def notes(suite: Suite) -> list[str]:
    found: list[str] = suite.tests[TEST]["notes"]
    return found


def commit_of(suite: Suite) -> str:
    commit: str = suite.tests[TEST]["baseline_commit"]
    return commit[:10]


@pytest.fixture
def recorded(suite: Suite) -> Suite:
    suite.write(TRAINING)
    suite.record()
    return suite


def test_a_red_near_its_limit_is_tested_on_fresh_seeds_and_not_run_again(
    recorded: Suite, workers: str
) -> None:
    assert recorded.run(workers, LOSS="0.025").ret == 1
    assert steps(recorded) == [CONFIRM, EXPLAIN, f"to accept it: {ACCEPT}"]


def test_a_red_far_from_its_limit_needs_no_confirmation(recorded: Suite) -> None:
    assert recorded.run(LOSS="0.5").ret == 1
    assert not [step for step in steps(recorded) if "--mlregress-confirm" in step]


def test_a_red_that_was_confirmed_is_not_sent_there_again(recorded: Suite) -> None:
    loss = TRAINING.replace("gauss(0.9,", "gauss(0.875,")
    recorded.write(loss)
    assert recorded.run("--mlregress-confirm").ret == 1
    assert not [step for step in steps(recorded) if "--mlregress-confirm" in step]


def test_the_steps_of_a_changed_tree_begin_with_a_commit(recorded: Suite) -> None:
    loss = TRAINING.replace("gauss(0.9,", "gauss(0.875,")
    recorded.pytester.makepyfile(test_training=loss)
    assert recorded.run().ret == 1
    assert steps(recorded)[-2:] == [
        f"what changed: git diff --stat {commit_of(recorded)} -- ':!*__baselines__*'",
        f"to accept it, commit, then: {ACCEPT}",
    ]


def test_the_steps_of_a_committed_change_name_its_commits(recorded: Suite) -> None:
    recorded.write(TRAINING.replace("gauss(0.9,", "gauss(0.7,"))
    assert recorded.run().ret == 1
    log = f"what changed: git log --oneline {commit_of(recorded)}..HEAD -- ':!*__baselines__*'"
    accept = f"to accept it: {ACCEPT}"
    assert steps(recorded) == [log, accept]
    recorded.write(TRAINING.replace("gauss(0.9,", "gauss(0.71,"))
    assert recorded.run().ret == 1
    bisect = f"which commit: mlregress bisect {commit_of(recorded)} HEAD --test '{TEST}'"
    assert steps(recorded) == [log, bisect, accept]
    recorded.write("RATE = 0.1\n", "model.py")
    assert recorded.run().ret == 1
    assert steps(recorded) == [log, bisect, EXPLAIN, accept]


def test_outside_git_no_step_asks_for_git(recorded: Suite) -> None:
    shutil.rmtree(recorded.path / ".git")
    assert recorded.run(LOSS="0.025").ret == 1
    assert steps(recorded) == [f"to accept it: {ACCEPT}"]


def test_an_unknown_commit_is_not_asked_for(recorded: Suite) -> None:
    doctor(recorded, lambda content: content["provenance"].update(commit="0" * 40))
    assert recorded.run(LOSS="0.025").ret == 1
    assert steps(recorded) == [f"to accept it: {ACCEPT}"]


def test_a_divergence_is_looked_at_and_never_recorded(recorded: Suite) -> None:
    assert recorded.run(LOSS="nan").ret == 1
    assert steps(recorded) == [
        EXPLAIN,
        f"look at one seed alone: pytest '{TEST}' -k seed0",
    ]
    recorded.run(TEST, "-k", "seed0", LOSS="nan").assert_outcomes(failed=0)


def test_a_huge_gain_asks_for_the_data(recorded: Suite) -> None:
    recorded.run(LOSS="-0.08")
    asked = notes(recorded)[0]
    assert asked.startswith("accuracy gained 0.0")
    assert asked.endswith(
        " margins: does it still measure the same data? mlregress.fingerprint(name, data) in the "
        "test answers this"
    )
    recorded.run(LOSS="-0.02")
    assert recorded.verdicts == {TEST: "improvement"}
    assert not [note for note in notes(recorded) if "gained" in note]


def test_a_huge_gain_names_the_data_that_are_known_to_be_the_same(suite: Suite) -> None:
    suite.write(TRAINING + '        mlregress.fingerprint("train", b"digits")\n')
    suite.record()
    suite.run(LOSS="-0.08")
    assert notes(suite)[0].endswith(
        "only what mlregress.fingerprint has hashed is known to be: train"
    )


def test_a_loss_from_a_constant_metric_names_its_resolution(suite: Suite) -> None:
    logged = "        mlregress.log(0, noise=random.random())\n"
    suite.write(TRAINING.replace("random.gauss(0.9, 0.01)", "0.9") + logged)
    suite.record()
    assert suite.run(LOSS="0.001").ret == 1
    assert notes(suite)[0] == (
        "all 20 seeds of the baseline gave accuracy = 0.9, so any change counts: "
        "record(..., resolution=) gives the smallest step that the metric can take, "
        "@pytest.mark.mlregress(deterministic=True) that the training ignores its seed on purpose"
    )


def test_other_bits_of_the_same_commit_are_noted(suite: Suite) -> None:
    suite.write(TRAINING.replace("random.gauss", "random.SystemRandom().gauss"))
    suite.record()
    suite.run()
    (note,) = notes(suite)
    assert note == (
        "not deterministic: the code and the environment are the baseline's, and accuracy of seed "
        "0 has other bits; such a test is never identical (docs: How-to, Non-determinism)"
    )


def test_other_bits_of_other_code_are_not(recorded: Suite) -> None:
    recorded.write(TRAINING.replace("gauss(0.9,", "gauss(0.901,"))
    recorded.run()
    assert notes(recorded) == []


def test_other_bits_of_uncommitted_code_are_not(recorded: Suite) -> None:
    (recorded.path / "test_training.py").write_text(
        (recorded.path / "test_training.py").read_text("utf-8").replace("0.9,", "0.901,"), "utf-8"
    )
    recorded.run()
    assert notes(recorded) == []


HINT = (
    "seeds run at the same time: where a path is the same in all of them, put it below "
    "mlregress.tmp_path, a folder of each seed's own"
)


@pytest.mark.parametrize(
    "trouble",
    ["open('gone/model.pt')", "raise OSError('database is locked')"],
)
def test_seeds_in_each_others_way_are_told_of_their_own_folders(suite: Suite, trouble: str) -> None:
    suite.write(TRAINING + f"        {trouble}\n")
    assert suite.run("-n2").ret == 1
    assert HINT in steps(suite)
    assert suite.run("-n0").ret == 1
    assert HINT not in steps(suite)


def test_other_failures_are_not(suite: Suite) -> None:
    suite.write(TRAINING + "        assert accuracy > 2\n")
    assert suite.run("-n2").ret == 1
    assert HINT not in steps(suite)


NOTHING = (
    "*MLRegressWarning: no metric recorded, so nothing is compared with a baseline: call "
    "mlregress.record(name, value, higher_is_better=...), or use the fixture seed instead of "
    "mlregress"
)


def test_a_test_that_takes_the_fixture_and_records_nothing_is_warned_of(
    suite: Suite, workers: str
) -> None:
    suite.write("def test_training(mlregress):\n    assert mlregress.seed >= 0\n")
    for update in ([], ["--mlregress-update"]):
        result = suite.run(workers, *update)
        assert result.ret == 0
        result.stdout.fnmatch_lines([f"{TEST}", NOTHING])
        assert result.parseoutcomes()["warnings"] == 1


def test_a_test_of_seeds_alone_is_not(suite: Suite) -> None:
    suite.write("def test_training(seed):\n    assert seed >= 0\n")
    assert "warnings" not in suite.run().parseoutcomes()


OWN_SEED = """
    import pytest


    @pytest.fixture
    def seed():
        return 42


    def test_training(mlregress, seed):
        mlregress.record("accuracy", seed, higher_is_better=True)


    def test_without_seeds(seed):
        assert seed == 42
"""


def test_an_own_fixture_seed_that_is_overridden_is_said(suite: Suite, workers: str) -> None:
    suite.write(OWN_SEED)
    result = suite.run(workers, "--mlregress-update")
    result.stdout.fnmatch_lines(
        [
            "*MLRegressWarning: test_training.py::test_training: the fixture 'seed' of "
            "test_training.py:5 is not used, since in a regression test 'seed' is the seed of the "
            "run; give the fixture another name"
        ]
    )
    assert result.ret == 0
    assert result.stdout.str().count("MLRegressWarning") == 1  # workers' ones are the same


def test_an_overridden_seed_that_is_an_error_fails_its_test_alone(
    suite: Suite, workers: str
) -> None:
    suite.write(OWN_SEED)
    result = suite.run(workers, "--mlregress-update", "-W", "error")
    assert "errors during collection" not in result.stdout.str()
    assert "error during collection" not in result.stdout.str()
    result.stdout.fnmatch_lines(
        ["*MLRegressWarning: test_training.py::test_training: the fixture 'seed' of *"]
    )
    result.stdout.fnmatch_lines(["diverged *test_training.py::test_training *"])
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 1, outcomes  # test_without_seeds
    assert outcomes["errors"] <= 2, outcomes  # the other seeds of 60 are saved
    assert result.ret == 1


def test_an_overridden_seed_that_is_ignored_is_not_said(suite: Suite) -> None:
    suite.write(OWN_SEED)
    ignore = ("-W", "ignore::pytest_mlregress.MLRegressWarning")
    for arguments in ((), ("--collect-only",)):
        result = suite.run("--mlregress-update", *ignore, *arguments)
        assert result.ret == 0
        assert "MLRegressWarning" not in result.stdout.str()


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("ignore::pytest_mlregress.MLRegressWarning", 0),
        ("error::pytest_mlregress.MLRegressWarning", 1),
        ("default::pytest_mlregress.MLRegressWarning", 1),
        ("ignore::UserWarning", 1),
    ],
)
def test_filters_that_name_the_warning_of_a_verdict_decide(
    suite: Suite, chosen: str, shown: int
) -> None:
    suite.write("def test_training(mlregress):\n    pass\n")
    result = suite.run("-W", chosen)
    assert result.stdout.str().count("MLRegressWarning: no metric recorded") == shown
    assert result.ret == 0


def test_an_undecided_test_names_its_collapsed_seeds_where_it_is_read(suite: Suite) -> None:
    """A yellow verdict has no failure text: the summary is all that is printed."""
    collapses = 'mlregress.seed in (1, 4) and os.environ.get("BROKEN")'
    value = f"(0.55 + mlregress.seed / 100 if {collapses} else random.gauss(0.9, 0.01))"
    suite.write(TRAINING.replace("random.gauss(0.9, 0.01)", value))
    suite.record()
    result = suite.run("-n0", BROKEN="1")
    assert result.ret == 0
    assert suite.verdicts == {"test_training.py::test_training": "inconclusive"}
    result.stdout.fnmatch_lines(
        [
            "inconclusive  test_training.py::test_training * 5/5 seeds",
            "  seeds 1, 4 collapsed: 0.56, 0.59; the baseline's worst is 0.*",
            "  seeds(20) would tell a part of collapsed seeds from chance, and costs the same*",
            "  no loss is shown, and none of the margin, *, is excluded: the data exclude a loss*",
        ]
    )
