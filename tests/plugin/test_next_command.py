"""The command that a failure text ends with does what it says, pasted into a shell as it stands."""

from __future__ import annotations

import re
import shlex

import pytest
from training_suite import TRAINING, Suite

TIERS = TRAINING.replace(
    "@pytest.mark.seeds(5)",
    "@pytest.mark.tiers(fast={}, full={})\n    @pytest.mark.seeds(5)",
)
LONG = "a_test_with_such_a_long_name_that_no_terminal_of_eighty_columns_can_show_its_node_id_at_all"
ODD_IDS = """
    import random

    import pytest


    @pytest.mark.parametrize("name", ["it's", "two words", "x]y", "$HOME", '"'])
    def test_{long}(mlregress, name):
        mlregress.record("accuracy", random.gauss(0.9, 0.01), higher_is_better=True)
""".replace("{long}", LONG)


def printed_commands(result: pytest.RunResult) -> list[list[str]]:
    """The pytest commands of the failure texts, as a shell splits them."""
    text = re.sub(r" \\\n *", " ", result.stdout.str())
    commands = re.findall(r"^(?:next)? +(?:[^'\n]*: )?pytest ('.*)$", text, flags=re.MULTILINE)
    return [shlex.split(command) for command in commands]


def follow(suite: Suite, result: pytest.RunResult) -> pytest.RunResult:
    (arguments,) = printed_commands(result)
    return suite.run(*arguments)


def test_it_records_the_tier_that_was_asked_for(suite: Suite, workers: str) -> None:
    suite.write(TIERS)
    result = suite.run(workers, "--mlregress-tier=full")
    result.stdout.fnmatch_lines(
        [
            "next    pytest 'test_training.py::test_training' --mlregress-tier=full "
            "--mlregress-update",
            "        commit the __baselines__ folder",
        ]
    )
    assert follow(suite, result).ret == 0
    suite.commit()
    assert suite.run("--mlregress-tier=full").ret == 0


def test_it_names_no_tier_for_a_test_that_has_none(suite: Suite) -> None:
    suite.write(TRAINING)
    suite.write(TIERS, name="test_two_tiers.py")
    suite.run("--mlregress-tier=full").stdout.fnmatch_lines(
        ["next    pytest 'test_training.py::test_training' --mlregress-update"]
    )


def test_it_records_in_the_place_that_was_asked_for(suite: Suite, workers: str) -> None:
    suite.write(TRAINING)
    result = suite.run(workers, "--mlregress-baseline=kept here")
    result.stdout.fnmatch_lines(
        [
            "no baseline is recorded for tier 'default' in kept here",
            "next    pytest 'test_training.py::test_training' --mlregress-baseline='kept here' "
            "--mlregress-update",
        ]
    )
    result.stdout.no_fnmatch_line("*commit the __baselines__ folder*")
    assert follow(suite, result).ret == 0
    suite.commit()
    assert suite.run("--mlregress-baseline=kept here").ret == 0


def test_it_records_in_a_folder_what_a_git_ref_lacks(suite: Suite) -> None:
    suite.write(TRAINING)
    result = suite.run("--mlregress-baseline=git:main")
    result.stdout.fnmatch_lines(
        [
            "no baseline is recorded for tier 'default' in git:main",
            "next    pytest 'test_training.py::test_training' --mlregress-update",
            "        commit the __baselines__ folder",
        ]
    )
    assert follow(suite, result).ret == 0
    suite.commit()
    assert suite.run("--mlregress-baseline=git:main").ret == 0


def test_it_runs_tests_with_long_ids_and_odd_characters(suite: Suite) -> None:
    suite.write(ODD_IDS)
    commands = printed_commands(suite.run())
    assert len(commands) == 5
    for command in commands:
        assert suite.run(*command).ret == 0
        assert list(suite.verdicts.values()) == ["recorded"]
        suite.commit()
    assert suite.run().ret == 0
    assert set(suite.verdicts.values()) == {"identical"}
