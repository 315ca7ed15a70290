"""`--mlregress-junit=verdicts`: test cases of tests, not of the seeds that passed."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from training_suite import Suite

OTHERS = """
    import pytest

    def test_plain():
        pass

    def test_skipped():
        pytest.skip("not here")
"""

RAISES = """
    import pytest

    @pytest.mark.seeds(3)
    def test_raises(mlregress):
        assert mlregress.seed != 1
"""


def cases(suite: Suite) -> tuple[list[str], dict[str, str]]:
    (tests,) = ElementTree.parse(suite.path / "junit.xml").getroot()
    counts = {name: tests.get(name, "") for name in ("tests", "failures", "errors", "skipped")}
    return sorted(case.get("name", "") for case in tests.iter("testcase")), counts


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_seeds_that_passed_are_left_out_with_their_counts(recorded: Suite, workers: str) -> None:
    recorded.write(OTHERS, "test_others.py")
    recorded.run(workers, "--junitxml=junit.xml", "--mlregress-junit=verdicts", LOSS="0.2")
    names, counts = cases(recorded)
    assert names == ["test_plain", "test_skipped", "test_training"]
    assert counts == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}


def test_a_seed_that_raised_stays_since_its_test_fails_by_it(recorded: Suite) -> None:
    recorded.write(RAISES, "test_raises.py")
    recorded.run("-n0", "--junitxml=junit.xml", "--mlregress-junit=verdicts", "test_raises.py")
    names, counts = cases(recorded)
    assert names == ["test_raises[seed1]"]
    assert (counts["tests"], counts["failures"]) == ("1", "1")


def test_without_the_option_seeds_are_test_cases(recorded: Suite) -> None:
    recorded.run("-n0", "--junitxml=junit.xml")
    names, _ = cases(recorded)
    assert "test_training" in names
    assert "test_training[seed0]" in names
