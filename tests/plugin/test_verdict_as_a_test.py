"""A verdict is a test of its own: its line, its count, its failure, the exit status."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from training_suite import TRAINING, Suite

TEST = "test_training.py::test_training"
REGRESSED = "accuracy regressed: 0.8991 -> 0.8594 (-0.0397 [-0.0465, -0.0298])"


def test_an_unchanged_training_is_identical(recorded: Suite, workers: str) -> None:
    result = recorded.run(workers)
    assert recorded.verdicts == {TEST: "identical"}
    assert result.ret == 0
    saved = "2 seeds, 3 saved in" if workers == "-n0" else ""  # else as many as are in time
    assert f" 1 passed, {saved}" in result.stdout.lines[-1]


def test_a_loss_is_a_failed_test(recorded: Suite, workers: str) -> None:
    result = recorded.run(workers, "--mlregress-stop=never", LOSS="0.05")
    assert recorded.verdicts == {TEST: "regression"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "_* test_training _*",
            f"{REGRESSED.replace('[', '[[]')}, margin *",
            f"FAILED {TEST} - {REGRESSED.replace('[', '[[]')}, margin *",
            "=* 1 failed, 5 seeds in *",
        ]
    )


def test_a_failure_is_one_line_of_the_summary_in_a_ci_log(recorded: Suite) -> None:
    result = recorded.run("--mlregress-stop=never", LOSS="0.05", CI="true")
    heading, failed, totals = result.outlines[-3:]
    assert "short test summary info" in heading
    assert failed.startswith(f"FAILED {TEST} - {REGRESSED}, margin ")
    assert "1 failed, 5 seeds" in totals


def test_a_gain_is_green_and_suggests_an_update(recorded: Suite, workers: str) -> None:
    result = recorded.run(workers, "--mlregress-stop=never", LOSS="-0.05")
    assert recorded.verdicts == {TEST: "improvement"}
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [f"  keep the gain: pytest '{TEST}' --mlregress-update", "=* 1 passed, 5 seeds in *"]
    )


def test_verbose_shows_every_seed_and_the_verdict_after_the_last(recorded: Suite) -> None:
    result = recorded.run("-v")
    result.stdout.re_match_lines(
        [
            rf"{TEST}\[seed0\] SEED accuracy 0\.\d+ \(.* s\) +\[ 20%\]",
            rf"{TEST}\[seed1\] SEED accuracy 0\.\d+ \(.* s\) +\[ 40%\]",
            rf"{TEST} IDENTICAL +\[ \d\d%\]",
            rf"{TEST}\[seed2\] SAVED \(mlregress: not needed, the verdict of this test is .*",
            rf"{TEST}\[seed3\] SAVED .*",
            rf"{TEST}\[seed4\] SAVED .*\[100%\]",
        ]
    )


def test_verbose_with_workers_names_the_verdict(recorded: Suite) -> None:
    result = recorded.run("-v", "-n2", LOSS="0.05")
    result.stdout.re_match_lines([rf"\[gw\d\] .* SEED accuracy 0\.\d+ \(.* s\) {TEST}\[seed0\] ?"])
    result.stdout.re_match_lines([rf"{TEST} FAILED .*"])


def test_seeds_are_counted_apart_from_tests(recorded: Suite) -> None:
    recorded.write("def test_plain(): pass\ndef test_wrong(): assert 0", "test_plain.py")
    result = recorded.run("--mlregress-stop=never")
    result.stdout.fnmatch_lines(["=* 1 failed, 2 passed, 5 seeds in *"])


def test_a_test_without_baseline_fails_after_its_first_seed(suite: Suite, workers: str) -> None:
    suite.write(TRAINING)
    result = suite.run(workers, "--maxprocesses=1")
    assert suite.verdicts == {TEST: "no-baseline"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "no baseline is recorded for tier 'default'",
            "mean    accuracy 0.9*",
            f"next    pytest '{TEST}' --mlregress-update",
            "        commit the __baselines__ folder",
        ]
    )


def test_a_missing_baseline_may_be_a_warning(suite: Suite, workers: str) -> None:
    suite.write(TRAINING)
    result = suite.run(workers, "--mlregress-missing=warn")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            TEST,
            f"  {suite.path / 'test_training.py'}:8: MLRegressWarning: "
            "no baseline is recorded for tier 'default'",
            "    @pytest.mark.seeds(5)",
            "=* 1 warning, 5 seeds, 1 no-baseline in *",
        ]
    )


def test_junit_has_a_testcase_per_verdict_with_its_failure(recorded: Suite, workers: str) -> None:
    recorded.write(TRAINING.replace("test_training", "test_other"), "test_other.py")
    recorded.record("test_other.py")
    recorded.run(
        workers, "--junitxml=junit.xml", "test_training.py", "--mlregress-stop=never", LOSS="0.05"
    )
    suite = ElementTree.parse(recorded.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    cases = {(case.get("classname"), case.get("name")): case for case in suite.iter("testcase")}
    verdict = cases["test_training", "test_training"]
    failure = verdict.find("failure")
    assert failure is not None
    regressed = REGRESSED.replace("-0.0298", "-0.0277")  # at half the level
    assert failure.get("message", "").splitlines()[0].startswith(regressed)
    assert regressed in (failure.text or "")
    assert "  robust-t    harm: p = 1.9e-05, level 0.025: a loss is shown" in failure.text
    properties = verdict.find("properties")
    assert properties is not None
    found = {entry.get("name"): entry.get("value") for entry in properties}
    assert list(found)[:2] == ["mlregress_verdict", "mlregress_since"]
    assert found["mlregress_verdict"] == found["mlregress_verdict[accuracy]"] == "regression"
    assert found["mlregress_limit[accuracy]"] == "0.025"
    low, high = map(float, (found["mlregress_interval[accuracy]"] or "").split())
    assert (round(low, 3), round(high, 3)) == (-0.047, -0.028)
    assert cases["test_training", "test_training[seed0]"].find("failure") is None
    assert suite.get("failures") == "1"
    assert suite.get("errors") == "0"
    assert suite.get("skipped") == "0"
    assert len(cases) == 6


def test_junit_has_a_passing_testcase_for_a_green_verdict(recorded: Suite) -> None:
    recorded.run("--junitxml=junit.xml", "--junitprefix=ml")
    suite = ElementTree.parse(recorded.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert suite.get("failures") == suite.get("errors") == "0"
    verdict = suite.find("testcase[@name='test_training']")
    assert verdict is not None
    assert {child.tag for child in verdict} <= {"properties", "system-out"}


def test_report_logs_hold_the_verdict(recorded: Suite, workers: str) -> None:
    recorded.configure("reportlog")
    recorded.run(workers, "--report-log=log.jsonl", LOSS="0.05")
    lines = (recorded.path / "log.jsonl").read_text().splitlines()
    verdicts = [line for line in lines if '"mlregress_verdict": "regression"' in line]
    assert len(verdicts) == 3
    assert sum('"outcome": "failed"' in line for line in verdicts) == 1


def test_html_reports_hold_the_verdict(recorded: Suite, workers: str) -> None:
    recorded.configure("html", "html_fixtures", "metadata")
    result = recorded.run(workers, "--html=report.html", "--self-contained-html", LOSS="0.05")
    assert result.ret == 1
    page = (recorded.path / "report.html").read_text()
    assert "test_training.py::test_training&#34;" in page
    assert "accuracy regressed" in page


@pytest.mark.parametrize(
    "options",
    [
        "-p no:terminal",
        "-p no:cacheprovider",
        "-p no:warnings",
        "-p no:junitxml",
        "-p no:stepwise",
        "-p no:skipping",
        "-q --tb=no",
        "-s",
        "--durations=3",
        "--setup-show",
    ],
)
def test_the_verdict_does_not_depend_on_other_parts_of_pytest(
    recorded: Suite, options: str
) -> None:
    result = recorded.run(*options.split(), LOSS="0.05")
    assert recorded.verdicts == {TEST: "regression"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result = recorded.run(*options.split())
    assert recorded.verdicts == {TEST: "identical"}
    assert result.ret == 0


def test_warnings_as_errors_do_not_touch_the_verdict(suite: Suite, workers: str) -> None:
    suite.write(TRAINING)
    result = suite.run(workers, "-W", "error", "--mlregress-missing=warn")
    assert result.ret == 0
    assert suite.verdicts == {TEST: "no-baseline"}


def test_a_seed_that_raises_is_one_failure_and_saves_the_others(
    recorded: Suite, workers: str
) -> None:
    recorded.write(TRAINING + "        assert mlregress.seed != 1, 'exploded'\n")
    result = recorded.run(workers, "--maxprocesses=1", LOSS="0.0001")
    result.stdout.fnmatch_lines(
        [
            f"FAILED {TEST}[[]seed1] - AssertionError: exploded*",
            "=* 1 failed, * in *",
        ]
    )
    if workers == "-n0":
        result.stdout.fnmatch_lines(["=* 1 failed, 1 seeds, 3 saved in *"])
    assert recorded.verdicts == {TEST: "diverged"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
