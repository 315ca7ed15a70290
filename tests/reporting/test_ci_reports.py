"""What GitHub and GitLab read: workflow commands, code quality, OpenMetrics, JUnit properties."""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import replace

import pytest
import verdict_cases as cases
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pytest_mlregress.integrations.github_actions import LONGEST_SUMMARY, append_summary
from pytest_mlregress.reporting.code_quality import to_code_quality
from pytest_mlregress.reporting.junit_properties import verdict_properties
from pytest_mlregress.reporting.openmetrics import to_openmetrics
from pytest_mlregress.reporting.workflow_commands import annotation_commands
from pytest_mlregress.verdicts.since import Since

SINCE = Since("4041c47e21", "2026-03-12", 2)
NAME = "tests/test_digits.py::test_digits"
PLACED = {"places": {NAME: ("tests/test_digits.py", 7)}, "folder": "ml"}


def test_an_annotation_is_at_the_file_and_line_in_the_repository() -> None:
    run = cases.a_run(cases.regression(since=SINCE), cases.minor(test="t.py::test_a"), **PLACED)
    assert annotation_commands(run) == (
        "::error file=ml/tests/test_digits.py,line=7,title=mlregress%3A regression::"
        "tests/test_digits.py::test_digits: accuracy regressed: 0.9318 -> 0.8874 "
        "(-0.0444 [-0.0481, -0.0407]), margin 0.01, p = 0.00033, 5 vs 10 seeds, "
        "since 4041c47 (2 commits, 12 Mar 2026)",
        "::warning title=mlregress%3A minor::t.py::test_a: accuracy lost a little: "
        "0.9318 -> 0.9256 (-0.0062 [-0.0093, -0.0033]), margin 0.02, p = 0.00033, "
        "5 vs 10 seeds",
    )


def test_the_ten_worst_are_annotated() -> None:
    reds = [replace(cases.refused(), test=f"t.py::test_{i:02}") for i in range(9)]
    yellows = [replace(cases.minor(), test=f"t.py::test_y{i}") for i in range(9)]
    lines = annotation_commands(cases.a_run(*yellows, *reds))
    assert [line.split()[0] for line in lines] == ["::error"] * 9 + ["::warning"]


def test_a_green_run_has_no_annotation() -> None:
    assert annotation_commands(cases.a_run(cases.passed())) == ()


@given(st.text(max_size=40))
def test_an_annotation_is_one_line_whatever_the_names(text: str) -> None:
    verdict = replace(cases.refused(), test=f"t.py::test[{text}]", reasons=(text,))
    places = {verdict.test: (f"a,b:{text}%.py", 1)}
    (line,) = annotation_commands(cases.a_run(verdict, places=places))
    assert len(line.splitlines()) == 1
    properties, _, message = line.removeprefix("::error ").partition("::")
    assert re.fullmatch(r"file=[^,:]*,line=1,title=mlregress%3A refused", properties)
    assert not re.search(r"%(?!25|0D|0A)", message)


def test_code_quality_has_an_issue_per_test_that_is_not_green() -> None:
    run = cases.a_run(
        cases.regression(since=SINCE),
        cases.minor(test="t.py::test_a"),
        cases.passed(test="t.py::test_b"),
        **PLACED,
    )
    issues = json.loads(to_code_quality(run))
    assert [list(issue) for issue in issues] == [
        ["description", "check_name", "fingerprint", "severity", "location"]
    ] * 2
    assert issues[0]["check_name"] == "mlregress-regression"
    assert issues[0]["severity"] == "critical"
    assert issues[0]["location"] == {"path": "ml/tests/test_digits.py", "lines": {"begin": 7}}
    assert issues[1]["severity"] == "minor"
    assert issues[1]["location"] == {"path": "t.py", "lines": {"begin": 1}}
    assert len({issue["fingerprint"] for issue in issues}) == 2
    assert to_code_quality(cases.a_run(cases.passed())) == "[]\n"


def test_a_fingerprint_outlives_the_numbers() -> None:
    first, second = (
        json.loads(to_code_quality(cases.a_run(replace(cases.refused(), reasons=(reason,)))))[0]
        for reason in ("one", "two")
    )
    assert first["fingerprint"] == second["fingerprint"]
    assert first["description"] != second["description"]


def test_openmetrics_of_a_regression() -> None:
    text = to_openmetrics(cases.a_run(cases.regression()))
    labels = '{test="tests/test_digits.py::test_digits",tier="default",metric="accuracy"}'
    assert text.splitlines()[:3] == [
        "# TYPE mlregress_mean gauge",
        "# HELP mlregress_mean Mean of the metric over the seeds of this run.",
        f"mlregress_mean{labels} 0.8874",
    ]
    assert 'mlregress_tests{verdict="regression"} 1' in text.splitlines()
    assert text.endswith("# EOF\n")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["mlregress_difference"].samples[0].value == pytest.approx(-0.0444)
    ends = [families[f"mlregress_difference_{name}"].samples[0].value for name in ("low", "high")]
    assert ends == pytest.approx([-0.0481379, -0.040689], abs=1e-7)
    assert families["mlregress_difference_level"].samples[0].value == pytest.approx(0.98)
    assert families["mlregress_p_harm"].samples[0].labels["metric"] == "accuracy"


def test_openmetrics_of_every_kind_of_verdict_can_be_parsed() -> None:
    families = list(text_string_to_metric_families(to_openmetrics(cases.a_run())))
    means = next(family for family in families if family.name == "mlregress_mean")
    assert any(math.isnan(sample.value) for sample in means.samples)


@given(st.text(min_size=1, max_size=40))
def test_gitlab_reads_every_line_whatever_the_names(name: str) -> None:
    """Its parser drops everything after a `#`, then splits as a shell does."""
    verdict = replace(
        cases.passed(),
        test=f"t.py::test[{name}]",
        metrics=(replace(cases.passed().metrics[0], name=name),),
    )
    text = to_openmetrics(cases.a_run(verdict))
    for line in text.splitlines():
        words = shlex.split(re.sub("#.*", "", line), comments=False)
        assert line.startswith("#") or len(words) == 2
    assert list(text_string_to_metric_families(text))


def test_properties_of_a_verdict() -> None:
    assert verdict_properties(cases.regression(since=SINCE)) == [
        ("mlregress_verdict", "regression"),
        ("mlregress_since", "since 4041c47 (2 commits, 12 Mar 2026)"),
        ("mlregress_verdict[accuracy]", "regression"),
        ("mlregress_difference[accuracy]", "-0.0444"),
        ("mlregress_interval[accuracy]", "-0.0481379 -0.040689"),
        ("mlregress_interval_level[accuracy]", "0.98"),
        ("mlregress_p[accuracy]", "0.000333"),
        ("mlregress_limit[accuracy]", "0.01"),
        ("mlregress_margin[accuracy]", "0.01"),
        ("mlregress_verdict[loss]", "pass"),
        ("mlregress_difference[loss]", "0.0004"),
        ("mlregress_interval[loss]", "-0.00304621 0.00384621"),
        ("mlregress_interval_level[loss]", "0.98"),
        ("mlregress_p[loss]", "0.377289"),
        ("mlregress_limit[loss]", "0.01"),
        ("mlregress_margin[loss]", "0.008"),
    ]


def test_a_summary_is_appended(tmp_path) -> None:
    file = tmp_path / "summary.md"
    append_summary(file, cases.a_run(cases.passed()))
    first = file.read_text(encoding="utf-8")
    assert first.startswith("## 🟢 mlregress: 1 test, no regression: 1 passed\n")
    file.write_text("# coverage", encoding="utf-8")
    append_summary(file, cases.a_run(cases.passed()))
    assert file.read_text(encoding="utf-8") == f"# coverage\n\n{first}"


@pytest.mark.parametrize("before", [0, 200 * 1024, 1024 * 1024 - 5000, 1024 * 1024 - 600])
def test_a_summary_of_5000_tests_never_makes_the_file_too_long(tmp_path, before: int) -> None:
    red = cases.regression()
    reds = [replace(red, test=f"tests/test_many.py::test_{'x' * 90}{i}") for i in range(5_000)]
    file = tmp_path / "summary.md"
    file.write_bytes(b"x" * before)
    append_summary(file, cases.a_run(*reds))
    size = file.stat().st_size
    assert size <= 1024 * 1024
    assert before < size <= before + LONGEST_SUMMARY + 2


def test_a_full_summary_is_left_alone(tmp_path) -> None:
    file = tmp_path / "summary.md"
    file.write_bytes(b"x" * (1024 * 1024 - 10))
    append_summary(file, cases.a_run(cases.passed()))
    assert file.stat().st_size == 1024 * 1024 - 10
