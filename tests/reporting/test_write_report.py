"""`--mlregress-report=FILE`: the suffix chooses, the file is whole, errors name the remedy."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import verdict_cases as cases

from pytest_mlregress.reporting.report import ReportError
from pytest_mlregress.reporting.write_report import check_report_path, write_report


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("run.json", '{\n  "schema": 3,\n'),
        ("run.md", "## 🔴 mlregress: 6 of 14 tests failed: 1 diverged, "),
        ("gl.codequality.json", "[\n"),
        ("run.metrics.txt", "# TYPE mlregress_mean gauge\n"),
        ("run.html", "<!doctype html>\n"),
    ],
)
def test_the_suffix_chooses_the_format(tmp_path, name, start):
    path = tmp_path / "made" / "on the way" / name
    check_report_path(path)
    write_report(path, cases.a_run())
    assert path.read_text(encoding="utf-8").startswith(start)
    assert [entry.name for entry in path.parent.iterdir()] == [name]


@pytest.mark.parametrize("name", ["run.xml", "run", ".json", ".metrics.txt", "run.txt"])
def test_another_suffix_is_refused_before_anything_ran(name):
    for refuse in (check_report_path, lambda path: write_report(path, cases.a_run())):
        with pytest.raises(ValueError) as error:
            refuse(name)
        assert str(error.value) == (
            f"--mlregress-report={name}: a report's name ends with .html, .json, .md, "
            ".codequality.json or .metrics.txt, which says its kind"
        )


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "run.json"
    with pytest.raises(ReportError) as error:
        write_report(path, cases.a_run(cases.passed()))
    assert str(error.value) == (
        f"cannot write the report {path}: File exists; make {path.parent} a writable folder "
        "with free space, or give --mlregress-report another path"
    )


def test_a_folder_in_the_place_of_the_report_is_named_and_nothing_is_left(tmp_path):
    path = tmp_path / "run.json"
    path.mkdir()
    with pytest.raises(ReportError, match=f"cannot write the report {path}: Is a directory"):
        write_report(path, cases.a_run(cases.passed()))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_leaves_the_former_report(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    path.write_text("former")
    really_open = os.open
    monkeypatch.setattr(
        os,
        "open",
        lambda name, flags, mode=0o777: (
            os.close(really_open(name, flags, mode)) or really_open("/dev/full", os.O_WRONLY)
        ),
    )
    with pytest.raises(ReportError, match="No space left on device"):
        write_report(path, cases.a_run(cases.passed()))
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_killed_while_writing_leaves_the_former_report(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("former")
    script = f"""
        import os, signal
        from pytest_mlregress.reporting.write_report import write_report
        from pytest_mlregress.reporting.report import RunReport
        os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
        write_report({str(path)!r}, RunReport(verdicts=()))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "former"


def test_others_may_read_the_report(tmp_path):
    path = tmp_path / "run.json"
    former = os.umask(0o022)
    try:
        write_report(path, cases.a_run(cases.passed()))
    finally:
        os.umask(former)
    assert path.stat().st_mode & 0o777 == 0o644
