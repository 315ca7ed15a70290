"""A job of GitHub Actions gets a summary and annotations, and a JUnit XML the numbers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from training_suite import Suite


@pytest.fixture(autouse=True)
def _lean(lean_pytest: None) -> None:
    """Few plugins."""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_red_run_in_a_job(recorded: Suite, workers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = recorded.path / "summary.md"
    summary.write_text("# before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    result = recorded.run(workers, "--mlregress-report=run.md", LOSS="0.2")

    before, _, written = summary.read_text(encoding="utf-8").partition("\n\n")
    assert before == "# before"
    assert written == (recorded.path / "run.md").read_text(encoding="utf-8")
    assert written.startswith("## 🔴 mlregress: 1 of 1 test got worse: accuracy of test_training ")
    (line,) = [line for line in obeyed(result.outlines) if line.startswith("::")]
    assert line.startswith(
        "::error file=test_training.py,line=8,title=mlregress%3A regression::"
        "test_training.py::test_training: accuracy regressed: "
    )


def obeyed(lines: list[str]) -> list[str]:
    """The lines in which GitHub looks for commands, without those that stop and resume it."""
    found, token = [], None
    for line in lines:
        if token is None and line.startswith("::stop-commands::"):
            token = line.rpartition("::")[2]
        elif token is not None and line == f"::{token}::":
            token = None
        elif token is None:
            found.append(line)
    assert token is None
    return found


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_what_a_training_prints_or_raises_is_no_command(
    suite: Suite, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("CI", "true")  # pytest's short summary shows all lines of a message
    suite.write(
        """
        import pytest

        @pytest.mark.seeds(2)
        def test_prints(mlregress):
            print("::error::printed")
            mlregress.record("::error::metric", 1.0, higher_is_better=True)
            raise ValueError("bad\\n::error::raised")

        @pytest.mark.seeds(2)
        def test_records(mlregress):
            mlregress.record("::error::metric", 1.0 + mlregress.seed, higher_is_better=True)
        """
    )
    lines = suite.run(workers).outlines
    for said in ("::error::printed", "::error::raised", "::error::metric"):
        assert any(line.strip().startswith(said) for line in lines)
    commands = [line for line in obeyed(lines) if line.strip().startswith("::")]
    assert len(commands) == 2
    assert all(line.startswith("::error file=test_training.py,line=") for line in commands)


def test_commands_of_other_plugins_are_obeyed(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    suite.write(
        """
        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line("::notice::of a plugin")
        """,
        "conftest.py",
    )
    suite.write(
        """
        import pytest

        @pytest.mark.seeds(2)
        def test_fails(mlregress):
            raise ValueError("bad")
        """
    )
    lines = suite.run("-n0").outlines
    assert "::notice::of a plugin" in obeyed(lines)
    (summary,) = [line for line in lines if "= short test summary info =" in line]
    assert lines.index("::notice::of a plugin") < lines.index(summary)


def test_nothing_is_written_elsewhere_or_without_a_regression_test(
    recorded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = recorded.run("-n0", LOSS="0.2")
    assert not [line for line in result.outlines if line.startswith("::")]
    summary = recorded.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    recorded.write("def test_plain():\n    assert False\n", "test_plain.py")
    recorded.run("-n0", "test_plain.py")
    assert not summary.exists()


def test_a_summary_that_cannot_be_written_fails_no_run(
    recorded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(recorded.path))
    result = recorded.run("-n0")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"mlregress: no summary in {recorded.path}: Is a directory"])


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_the_junit_xml_has_the_numbers(recorded: Suite, workers: str) -> None:
    recorded.run(workers, "--junitxml=junit.xml", LOSS="0.2")
    (suite,) = ElementTree.parse(recorded.path / "junit.xml").getroot()
    of_suite = {p.get("name"): p.get("value") for p in suite.find("properties")}
    assert of_suite["mlregress_overview"].startswith("1 of 1 test got worse: accuracy of ")
    assert of_suite["mlregress_dirty"] == "false"
    assert len(of_suite["mlregress_commit"]) == 40
    case = next(case for case in suite if case.get("name") == "test_training")
    properties = {p.get("name"): p.get("value") for p in case.find("properties")}
    assert properties["mlregress_verdict"] == "regression"
    assert float(properties["mlregress_difference[accuracy]"]) < -0.1
    assert float(properties["mlregress_p[accuracy]"]) < float(
        properties["mlregress_limit[accuracy]"]
    )
    assert properties["mlregress_since"].startswith("since ")


def test_a_name_that_xml_cannot_hold_leaves_the_file_whole(suite: Suite) -> None:
    suite.write(
        """
        import pytest

        @pytest.mark.seeds(2)
        def test_odd(mlregress):
            mlregress.record("a\\x1b[31m<b>&\\x00", 1.0, higher_is_better=True)
        """
    )
    suite.run("-n0", "--junitxml=junit.xml")
    root = ElementTree.parse(suite.path / "junit.xml").getroot()
    names = {p.get("name") for p in root.iter("property")}
    assert "mlregress_verdict[a\\x1b[31m<b>&\\x00]" in names


def test_reports_for_gitlab_are_named_by_their_ends(recorded: Suite) -> None:
    result = recorded.run(
        "-n0",
        "--mlregress-report=gl.codequality.json",
        "--mlregress-report=out/run.metrics.txt",
        LOSS="0.2",
    )
    assert '"check_name": "mlregress-regression"' in (
        recorded.path / "gl.codequality.json"
    ).read_text(encoding="utf-8")
    assert (
        (recorded.path / "out/run.metrics.txt")
        .read_text(encoding="utf-8")
        .startswith("# TYPE mlregress_mean gauge\n")
    )
    assert "report: gl.codequality.json" in result.outlines


def test_the_markdown_has_the_same_bytes_with_and_without_workers(
    recorded: Suite, tmp_path: Path
) -> None:
    written = []
    for workers in ("-n0", "-n2"):
        file = tmp_path / f"run{workers}.md"
        recorded.run(workers, f"--mlregress-report={file}", LOSS="0.2")
        written.append(file.read_text(encoding="utf-8").splitlines())
    assert written[0] == written[1]
