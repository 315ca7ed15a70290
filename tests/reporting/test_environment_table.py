"""What differs between two environments, as a reader sees it."""

from pathlib import Path

from verdict_cases import a_run, passed

from pytest_mlregress.reporting.environment_table import (
    NO_DIFFERENCE,
    EnvironmentRow,
    differences_in_words,
    environment_table,
    table_lines,
)
from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.json_report import to_document
from pytest_mlregress.reporting.markdown.page import to_markdown
from pytest_mlregress.reporting.sides import Sides
from pytest_mlregress.reporting.summary import summary_table
from pytest_mlregress.revisions.environments import EnvironmentFacts


def facts(version: str = "3.11.7", **changes: object) -> EnvironmentFacts:
    values = {
        "python": Path("/venv/bin/python"),
        "implementation": "CPython",
        "platform": "Linux-6.1-x86_64-with-glibc2.36",
        "distributions": {"torch": "2.5.1", "numpy": "2.1.0", "click": "8.1.0"},
        "environment": {
            "cpu": "AMD EPYC",
            "gpus": [],
            "threads": 1,
            "determinism": {"cudnn.benchmark": False},
            "packages": {"torch": "2.5.1", "tinynet": "1.2.0"},
        },
    }
    return EnvironmentFacts(version=version, **{**values, **changes})  # type: ignore[arg-type]


OLD = facts()
NEW = facts(
    "3.12.1",
    torch_cuda="12.4",
    distributions={
        "torch": "2.6.0",
        "numpy": "2.1.0",
        "click": "8.2.0",
        "rich": "14.0.0",
        "nvidia-cudnn-cu12": "9.1.0",
    },
    environment={
        "cpu": "AMD EPYC",
        "gpus": ["NVIDIA H200"],
        "threads": 8,
        "determinism": {"cudnn.benchmark": True},
        "packages": {"torch": "2.6.0", "tinynet": "1.3.0"},
    },
)


def test_only_differences_are_shown_and_other_packages_are_counted() -> None:
    assert [row.text for row in environment_table(NEW, OLD)] == [
        "Python CPython 3.11.7 -> CPython 3.12.1",
        "GPUs none -> NVIDIA H200",
        "threads 1 -> 8",
        "cudnn.benchmark off -> on",
        "CUDA of torch's build none -> 12.4",
        "nvidia-cudnn-cu12 not installed -> 9.1.0",
        "tinynet 1.2.0 -> 1.3.0",
        "torch 2.5.1 -> 2.6.0",
        "other packages 2 differ",
    ]


def test_the_table_fits_into_80_columns() -> None:
    lines = table_lines(environment_table(NEW, OLD))

    assert lines == [
        "  differs                base            candidate",
        "  Python                 CPython 3.11.7  CPython 3.12.1",
        "  GPUs                   none            NVIDIA H200",
        "  threads                1               8",
        "  cudnn.benchmark        off             on",
        "  CUDA of torch's build  none            12.4",
        "  nvidia-cudnn-cu12      not installed   9.1.0",
        "  tinynet                1.2.0           1.3.0",
        "  torch                  2.5.1           2.6.0",
        "  other packages                         2 differ",
    ]


def test_a_long_value_is_a_sentence_of_its_own() -> None:
    cpu = "Intel(R) Xeon(R) Platinum 8480CL @ 2.00GHz with some more words"
    rows = (EnvironmentRow("CPU", cpu, "AMD EPYC"), EnvironmentRow("torch", "2.5.1", "2.6.0"))

    assert table_lines(rows) == [
        "  differs  base   candidate",
        "  CPU: Intel(R) Xeon(R) Platinum 8480CL @ 2.00GHz with some more words -> AMD",
        "    EPYC",
        "  torch    2.5.1  2.6.0",
    ]
    assert table_lines(rows[:1])[0].startswith("  CPU: ")


def test_equal_environments_say_so() -> None:
    assert environment_table(OLD, facts()) == ()
    assert table_lines(()) == [NO_DIFFERENCE]


def test_a_sentence_names_a_few_and_counts_the_rest() -> None:
    texts = ["torch 2.5.1 -> 2.6.0", "numpy 1 -> 2", "scipy 1 -> 2", "jax 1 -> 2"]

    assert differences_in_words(texts[:1]) == "torch 2.5.1 -> 2.6.0"
    assert differences_in_words(texts) == (
        "torch 2.5.1 -> 2.6.0, numpy 1 -> 2, scipy 1 -> 2 and 1 more difference"
    )
    assert differences_in_words([]) == NO_DIFFERENCE


def test_every_report_shows_the_table_and_the_line_on_the_suite() -> None:
    row = EnvironmentRow("tor|ch <x>", "2.5.1", "2.6.0")
    suite = "the environments agree: 1 of 1 test, no metric has lost"
    sides = Sides(
        against="env:old",
        base_commit="4041c47",
        candidate_commit="4041c47",
        same_code=True,
        environment=(row,),
        suite=suite,
    )
    report = a_run(passed(), sides=sides)

    lines = summary_table(report).splitlines()
    assert lines[lines.index(suite) :][:3] == [
        suite,
        "  differs     base   candidate",
        "  tor|ch <x>  2.5.1  2.6.0",
    ]
    assert (
        "| differs | base | candidate |\n|---|---|---|\n| tor\\|ch &lt;x> | 2.5.1 | 2.6.0 |"
        in to_markdown(report)
    )
    row_of_page = '<tr><th scope="row">tor|ch &lt;x&gt;<td>2.5.1</td><td>2.6.0</td></tr>'
    assert row_of_page in to_html(report)
    assert suite in to_markdown(report)
    assert suite in to_html(report)
    document = to_document(report)["sides"]
    assert document["environment"] == [
        {"name": "tor|ch <x>", "base": "2.5.1", "candidate": "2.6.0"}
    ]
    assert document["suite"] == suite


def test_reports_of_equal_environments_say_so() -> None:
    sides = Sides(against="env:old", base_commit=None, candidate_commit=None, environment=())
    report = a_run(passed(), sides=sides)

    assert NO_DIFFERENCE in summary_table(report).splitlines()
    assert NO_DIFFERENCE in to_markdown(report).splitlines()
    assert f"<p>{NO_DIFFERENCE}</p>" in to_html(report)
    assert to_document(report)["sides"]["environment"] == []


def test_without_another_environment_there_is_no_table() -> None:
    sides = Sides(against="main", base_commit="4041c47", candidate_commit="9b1d001")
    report = a_run(passed(), sides=sides)

    assert NO_DIFFERENCE not in summary_table(report) + to_markdown(report) + to_html(report)
    assert to_document(report)["sides"]["environment"] is None
