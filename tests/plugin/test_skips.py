"""Skips: of a whole test, and of some of its seeds."""

from __future__ import annotations

import pytest
from training_suite import TRAINING, Suite

TEST = "test_training.py::test_training"


@pytest.mark.parametrize(
    "mark", ["@pytest.mark.skip(reason='no GPU')", "@pytest.mark.skipif(True, reason='no GPU')"]
)
def test_a_skipped_test_is_skipped_whole(recorded: Suite, workers: str, mark: str) -> None:
    recorded.write(
        TRAINING.replace("    @pytest.mark.seeds", f"    {mark}\n    @pytest.mark.seeds")
    )
    result = recorded.run(workers, "-rs", LOSS="0.05")
    assert recorded.verdicts == {TEST: "skipped"}
    result.stdout.fnmatch_lines(["SKIPPED [[]5] test_training.py:*: no GPU", "=* 5 skipped in *"])
    assert result.ret == 0


def test_a_test_may_skip_itself(recorded: Suite, workers: str) -> None:
    recorded.write(TRAINING.replace("accuracy = ", "pytest.skip('no data')\n        accuracy = "))
    result = recorded.run(workers, "-rs")
    assert recorded.verdicts == {TEST: "skipped"}
    result.stdout.fnmatch_lines(["SKIPPED [[]5] test_training.py:*: no data", "=* 5 skipped in *"])
    assert result.ret == 0


def test_a_test_that_skips_some_of_its_seeds_has_no_verdict(recorded: Suite, workers: str) -> None:
    recorded.write(
        TRAINING.replace(
            "accuracy = ", "if mlregress.seed == 4: pytest.skip('odd')\n        accuracy = "
        )
    )
    result = recorded.run(workers, "--mlregress-stop=never", LOSS="0.0001")
    assert recorded.verdicts == {TEST: "incomplete"}
    reason = "seed 4 skipped (odd), the others ran; a verdict needs all of them"
    result.stdout.fnmatch_lines([f"  incomplete, hence no verdict: {reason}"])
    assert " 1 failed, 1 skipped, 4 seeds" in result.stdout.lines[-1]
    assert result.ret == 1


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]], ids=str)
def test_a_skipped_seed_that_the_verdict_does_not_need_changes_nothing(
    recorded: Suite, order: list[int]
) -> None:
    recorded.write(
        TRAINING.replace(
            "accuracy = ", "if mlregress.seed == 4: pytest.skip('odd')\n        accuracy = "
        )
    )
    recorded.write(
        f"""
        import pytest
        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            items.sort(key=lambda item: {order}.index(item.callspec.params["seed"]))
        """,
        "conftest.py",
    )
    recorded.run()
    assert recorded.verdicts == {TEST: "identical"}


def test_a_class_skipped_by_its_fixture_is_skipped(suite: Suite) -> None:
    suite.write(
        """
        import pytest
        @pytest.fixture
        def gpu(): pytest.skip("no GPU")
        @pytest.mark.seeds(3)
        def test_training(gpu, mlregress): raise AssertionError
        """
    )
    assert suite.run().ret == 0
    assert suite.verdicts == {TEST: "skipped"}


def test_a_missing_package_skips_the_file(suite: Suite) -> None:
    suite.write(
        "import pytest\npytest.importorskip('no_such_package')" + TRAINING.replace("\n    ", "\n")
    )
    result = suite.run("-rs")
    assert " 1 skipped" in result.stdout.lines[-1]
    assert suite.verdicts == {}
