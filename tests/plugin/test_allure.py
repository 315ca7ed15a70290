"""`--alluredir`: one result per verdict among those of the seeds, with and without workers."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import attr
import pytest
from allure_commons.model2 import ExecutableItem, TestResult
from training_suite import TRAINING, Suite, late_training

from pytest_mlregress.integrations import allure
from pytest_mlregress.integrations.allure import AllureTest

NAMED = """
    import os
    import random

    import allure
    import pytest


    class TestModels:
        @allure.title("Models of any size")
        @allure.severity(allure.severity_level.CRITICAL)
        @allure.epic("vision")
        @allure.link("https://example.org/models", name="models")
        @pytest.mark.parametrize("size", ["big"])
        @pytest.mark.tiers(fast={}, full={})
        @pytest.mark.seeds(3)
        def test_sizes(self, mlregress, size):
            '''Reaches what it reached before.'''
            accuracy = random.gauss(0.9, 0.01) - float(os.environ.get("LOSS", "0"))
            mlregress.record("accuracy", accuracy, higher_is_better=True)
"""


@pytest.fixture
def reporting(recorded: Suite) -> Suite:
    recorded.configure("allure_pytest")
    return recorded


def results(suite: Suite) -> list[dict[str, Any]]:
    files = (suite.path / "allure").glob("*-result.json")
    return [json.loads(file.read_text("utf-8")) for file in files]


def run(suite: Suite, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run into an empty folder, and return the one result that is not a seed's."""
    suite.run("--alluredir=allure", "--clean-alluredir", *arguments, **environment)
    (verdict,) = (result for result in results(suite) if not is_seed(result))
    return verdict


def is_seed(result: dict[str, Any]) -> bool:
    return any(parameter["name"] == "seed" for parameter in result.get("parameters", ()))


def test_a_regression_is_one_failed_result_beside_its_seeds(reporting: Suite, workers: str) -> None:
    verdict = run(reporting, workers, "--mlregress-stop=never", LOSS="0.05")
    assert (verdict["name"], verdict["status"]) == ("test_training", "failed")
    details = verdict["statusDetails"]
    assert details["message"].startswith("accuracy regressed: 0.8991 -> 0.8594 (-0.0397 [")
    assert details["message"].endswith(" 5 vs 20 seeds")
    assert "accuracy: regression (higher is better)" in details["trace"]
    seeds = [result for result in results(reporting) if is_seed(result)]
    assert sorted(seed["name"] for seed in seeds) == [f"test_training[seed{k}]" for k in range(5)]
    assert {seed["status"] for seed in seeds} == {"passed"}


def test_a_green_verdict_passes_and_says_why(reporting: Suite, workers: str) -> None:
    verdict = run(reporting, workers, LOSS="0.0001")
    assert verdict["status"] == "passed"
    assert verdict["statusDetails"]["message"].startswith("accuracy")


def test_the_verdict_carries_its_report_with_the_plots(reporting: Suite) -> None:
    (attachment,) = run(reporting, LOSS="0.05")["attachments"]
    assert (attachment["name"], attachment["type"]) == ("verdict", "text/html")
    page = (reporting.path / "allure" / attachment["source"]).read_text("utf-8")
    assert "<svg" in page
    assert "1 of 1 test failed" in page


def test_the_result_is_the_same_with_and_without_workers(suite: Suite) -> None:
    suite.write(NAMED)
    suite.record()
    suite.configure("allure_pytest")
    alone, with_workers = (
        run(suite, workers, "--mlregress-stop=never", LOSS="0.05") for workers in ("-n0", "-n2")
    )
    for result in (alone, with_workers):
        assert result["start"] == result["stop"] > 1.7e12  # milliseconds
        del result["statusDetails"]["trace"]  # it says how long the training took
        for name in ("uuid", "start", "stop", "attachments"):
            del result[name]
        result["labels"] = {(entry["name"], entry["value"]) for entry in result["labels"]}
        assert len([name for name, _ in result["labels"] if name == "thread"]) == 1
        result["labels"] = {entry for entry in result["labels"] if entry[0] != "thread"}
    assert alone == with_workers
    assert alone["name"] == "Models of any size (verdict)"
    assert alone["description"] == "Reaches what it reached before."
    assert alone["links"] == [
        {"type": "link", "url": "https://example.org/models", "name": "models"}
    ]
    assert alone["parameters"] == [
        {"name": "size", "value": "'big'"},
        {"name": "tier", "value": "fast"},
        {"name": "seeds", "value": "3 of 3", "excluded": True},
        {"name": "alpha", "value": "0.05", "excluded": True},
    ]
    assert alone["labels"] >= {
        ("severity", "critical"),
        ("epic", "vision"),
        ("tag", "mlregress"),
        ("tag", "verdict"),
        ("suite", "test_training"),
        ("subSuite", "TestModels"),
        ("framework", "pytest"),
    }


def test_the_history_goes_on_whatever_the_verdict(reporting: Suite) -> None:
    green, red = run(reporting), run(reporting, LOSS="0.05")
    assert (green["status"], red["status"]) == ("passed", "failed")
    assert green["historyId"] == red["historyId"]
    assert green["testCaseId"] == red["testCaseId"]
    seeds = {result["historyId"] for result in results(reporting) if is_seed(result)}
    assert red["historyId"] not in seeds


def test_a_test_without_baseline_is_broken_or_passes_with_its_message(suite: Suite) -> None:
    suite.write(TRAINING)
    suite.configure("allure_pytest")
    missing = run(suite)
    assert missing["status"] == "broken"
    assert missing["statusDetails"]["message"].startswith("no baseline is recorded")
    warned = run(suite, "--mlregress-missing=warn")
    assert warned["status"] == "passed"
    assert warned["statusDetails"]["message"] == missing["statusDetails"]["message"]


def test_an_undecided_test_passes_unless_that_fails_the_run(suite: Suite) -> None:
    value = '(0.55 if mlregress.seed == 1 and "BROKEN" in os.environ else random.gauss(0.9, 0.01))'
    suite.write(TRAINING.replace("random.gauss(0.9, 0.01)", value))
    suite.record()
    suite.configure("allure_pytest")
    lenient = run(suite, BROKEN="1")
    assert suite.verdicts == {"test_training.py::test_training": "inconclusive"}
    assert lenient["status"] == "passed"
    assert lenient["statusDetails"]["message"].startswith("accuracy is inconclusive: ")
    assert run(suite, "--mlregress-strict", BROKEN="1")["status"] == "broken"


def test_an_expected_regression_is_skipped_as_allure_has_it(recorded: Suite) -> None:
    mark = "    @pytest.mark.xfail(reason='too small', strict=True)\n"
    recorded.write(textwrap.dedent(TRAINING).replace("@pytest", f"{mark.strip()}\n@pytest"))
    recorded.configure("allure_pytest")
    expected = run(recorded, LOSS="0.05")
    assert expected["status"] == "skipped"
    assert expected["statusDetails"]["message"].startswith("XFAIL too small\n\naccuracy regressed")
    unexpected = run(recorded)
    assert unexpected["status"] == "failed"
    assert unexpected["statusDetails"]["message"].startswith("[XPASS(strict)] too small\n\n")


def test_the_reason_of_an_expected_failure_is_printable(recorded: Suite) -> None:
    mark = r"@pytest.mark.xfail(reason='\x1b[31mtoo\nsmall')" + "\n"
    recorded.write(textwrap.dedent(TRAINING).replace("@pytest", f"{mark}@pytest"))
    recorded.configure("allure_pytest")
    message = run(recorded, "-n0", LOSS="0.05")["statusDetails"]["message"]
    assert message.startswith(r"XFAIL \x1b[31mtoo small" + "\n\naccuracy regressed")


DYNAMIC = """
    import random

    import allure
    import pytest


    @pytest.fixture(autouse=True)
    def shown(token, size):
        allure.dynamic.title("Read from data")
        allure.dynamic.parameter("token", token, mode=allure.parameter_mode.MASKED)
        allure.dynamic.parameter("size", size, excluded=True)


    @pytest.mark.parametrize(("token", "size"), [("secret", 1)], ids=["a"])
    @pytest.mark.seeds(5)
    def test_it(mlregress, token, size):
        mlregress.record("accuracy", random.gauss(0.9, 0.01), higher_is_better=True)
"""


def test_what_seeds_said_stays_said_where_later_ones_are_stopped(
    suite: Suite, workers: str
) -> None:
    suite.write(DYNAMIC)
    suite.record()
    suite.configure("allure_pytest")
    verdict = run(suite, workers)
    skipped = [result for result in results(suite) if result["status"] == "skipped"]
    assert skipped or workers != "-n0"
    token, size = verdict["parameters"][:2]
    assert token == {"name": "token", "value": "'secret'", "mode": "masked"}
    assert size == {"name": "size", "value": "1", "excluded": True}
    suite.write(DYNAMIC.replace('("secret", 1)', '("secret", 2)'))
    assert run(suite, workers)["historyId"] == verdict["historyId"]
    suite.write(DYNAMIC.replace('("secret", 1)', '("other", 1)'))
    assert run(suite, workers)["historyId"] != verdict["historyId"]


def test_a_library_without_the_path_of_titles_gets_none(
    reporting: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [field for field in attr.fields(TestResult) if field.name != "titlePath"]
    older = attr.make_class(
        "TestResult",
        {field.name: attr.ib(default=field.default) for field in own},
        bases=(ExecutableItem,),
    )
    older.file_pattern = TestResult.file_pattern
    monkeypatch.setattr(allure, "TestResult", older)
    verdict = run(reporting, "-n0")
    assert verdict["status"] == "passed"
    assert "titlePath" not in verdict


def test_a_seed_that_raised_fails_alone_as_for_pytest(reporting: Suite) -> None:
    reporting.write(TRAINING + "        assert mlregress.seed != 1, 'exploded'\n")
    reporting.run("--alluredir=allure", LOSS="0.0001")
    assert [(r["name"], r["status"]) for r in results(reporting) if r["status"] == "failed"] == [
        ("test_training[seed1]", "failed")
    ]
    assert all(is_seed(result) for result in results(reporting))


def test_a_seed_that_is_lost_after_the_verdict_leaves_its_result(reporting: Suite) -> None:
    reporting.write(late_training("os._exit(3)"))
    assert run(reporting, "-n2")["status"] == "passed"


def test_a_seed_that_raises_after_the_verdict_is_the_only_result(reporting: Suite) -> None:
    reporting.write(late_training("raise OSError('disk')"))
    reporting.run("--alluredir=allure", "--clean-alluredir", "-n2")
    failed = [result for result in results(reporting) if result["status"] != "passed"]
    assert [is_seed(result) for result in failed if result["status"] == "broken"] == [True]


def test_a_test_whose_workers_died_is_named_by_its_id(reporting: Suite) -> None:
    described = run(reporting)
    test = AllureTest.of_node_id("test_training.py::test_training")
    assert (test.name, test.full_name) == (described["name"], described["fullName"])
    assert test.title_path == described["titlePath"]
    labels = {(entry["name"], entry["value"]) for entry in described["labels"]}
    assert set(test.labels) == {entry for entry in labels if entry[0] not in ("tag", "thread")}


def test_a_node_id_tells_package_suite_and_classes() -> None:
    test = AllureTest.of_node_id("a/b/test_c.py::TestD::TestE::test_f[x::y]")
    assert (test.name, test.full_name) == ("test_f[x::y]", "a.b.test_c.TestD.TestE#test_f")
    assert test.title_path == ["a", "b", "test_c.py", "TestD", "TestE"]
    assert {
        ("parentSuite", "a.b"),
        ("suite", "test_c"),
        ("subSuite", "TestD > TestE"),
        ("package", "a.b.test_c"),
    } <= set(test.labels)


def test_a_folder_that_cannot_be_written_fails_the_run(reporting: Suite) -> None:
    reporting.write(
        """
        import shutil

        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_sessionfinish(session):
            shutil.rmtree("allure")
            return (yield)
        """,
        "conftest.py",
    )
    result = reporting.run("--alluredir=allure", "--junitxml=junit.xml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *No such file or directory: *allure*"])
    assert (reporting.path / "junit.xml").exists()


@pytest.mark.parametrize("options", ["--collect-only", "--setup-plan", "--mlregress-plan"])
def test_nothing_is_written_where_no_verdict_is_reached(reporting: Suite, options: str) -> None:
    reporting.run("--alluredir=allure", options)
    assert all(is_seed(result) for result in results(reporting))
