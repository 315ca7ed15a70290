"""Every run is appended to a history, which no verdict needs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from training_suite import TRAINING, Suite

from pytest_mlregress.history.database import Database
from pytest_mlregress.history.place import DEFAULT_PLACE, open_history
from pytest_mlregress.history.records import RunRecord

TEST = "test_training.py::test_training"


@pytest.fixture
def project(suite: Suite) -> Suite:
    suite.write(TRAINING)
    return suite


def runs(suite: Suite, place: str | None = None) -> tuple[RunRecord, ...]:
    history = open_history(place, suite.path)
    assert history is not None
    return history.read()


def test_an_update_and_a_check_are_appended(project: Suite, workers: str) -> None:
    project.record(workers)
    project.run(workers, LOSS="0.5")
    recorded = {run.kind: run for run in runs(project)}  # both within one second: in any order
    update, check = recorded["update"], recorded["check"]
    assert (update.colour, update.dirty) == ("green", False)
    assert check.colour == "red"
    (test,) = check.tests
    (metric,) = test.metrics
    assert (test.test, test.verdict, test.planned) == (TEST, "regression", (0, 1, 2, 3, 4))
    assert set(metric.values) == {one.seed for one in test.seeds if one.outcome == "finished"}
    judged = [metric.values[seed] for seed in test.planned[: metric.n]]
    assert test.decided_after == metric.n <= len(metric.values)
    assert metric.mean == pytest.approx(sum(judged) / metric.n)
    assert test.baseline_revision == update.tests[0].baseline_revision
    assert test.same_code is True  # only baselines were committed since
    reported = project.tests[TEST]["metrics"][0]
    assert (metric.p_harm, metric.difference) == (reported["p_harm"], reported["difference"])
    history = open_history(None, project.path)
    assert history is not None
    assert history.baseline(str(test.baseline_revision))["test"] == TEST


def test_the_folder_stays_out_of_the_repository(project: Suite) -> None:
    project.record()
    project.run()
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(command, cwd=project.path, check=True, capture_output=True, text=True)
    assert done.stdout == ""
    assert (project.path / DEFAULT_PLACE).is_file()


def test_it_outlives_the_cache(project: Suite) -> None:
    project.record()
    project.run("--cache-clear")
    assert len(runs(project)) == 2


@pytest.mark.parametrize("how", ["option", "ini"])
def test_off_keeps_none(project: Suite, how: str) -> None:
    if how == "ini":
        project.configure(ini="mlregress_history = off")
        project.commit()
    project.run(*(["--mlregress-history=off"] if how == "option" else []))
    assert not (project.path / DEFAULT_PLACE).parent.exists()


def test_a_plan_and_a_suite_without_regression_tests_add_nothing(suite: Suite) -> None:
    suite.write("def test_plain():\n    pass\n")
    suite.run()
    suite.write(TRAINING)
    suite.run("--mlregress-plan")
    assert not (suite.path / DEFAULT_PLACE).parent.exists()


def test_another_file_and_a_url(project: Suite) -> None:
    project.run("--mlregress-history=kept/runs.sqlite")
    assert len(runs(project, "kept/runs.sqlite")) == 1
    url = f"file://{project.path}/remote"
    project.run(f"--mlregress-history={url}")
    project.run(f"--mlregress-history={url}")
    assert len(list((project.path / "remote/runs").iterdir())) == 2
    assert len(runs(project, url)) == 2
    project.run(f"--mlregress-history={url}")
    assert len(runs(project, url)) == 3


WARNING = "this run is not in the history: "


@pytest.mark.parametrize("trouble", ["damaged", "folder", "newer", "unreachable"])
def test_what_goes_wrong_is_one_warning(project: Suite, trouble: str) -> None:
    project.record()
    place = project.path / "kept.sqlite"
    option = f"--mlregress-history={place.name}"
    if trouble == "damaged":
        place.write_bytes(b"no database" * 1000)
    elif trouble == "folder":
        place.mkdir()
    elif trouble == "newer":
        project.run(option)
        import sqlite3

        with sqlite3.connect(place) as connection:
            connection.execute("PRAGMA user_version = 99")
    else:
        option = "--mlregress-history=nosuch://bucket/history"
    result = project.run(option, "-Werror")
    assert result.ret == 0
    output = result.stdout.str() + result.stderr.str()
    assert output.count(WARNING) == 1
    assert "mlregress_warning" not in output  # no line of this plugin's code below it
    assert "Traceback" not in output
    assert project.verdicts == {TEST: "identical"}


def test_no_secret_and_no_path_is_kept(project: Suite) -> None:
    failing = TRAINING + (
        "\n        raise OSError(f'no {os.getcwd()}/data at s3://user:secret@host/x?token=hidden')\n"
    )
    project.write(failing)
    project.run("--mlregress-history=runs.sqlite", "--mlregress-cache=s3://user:secret@host/x")
    database = (project.path / "runs.sqlite").read_bytes()
    log = project.path / "runs.sqlite-wal"
    database += log.read_bytes() if log.exists() else b""
    for text in (str(project.path), "secret", "hidden", str(Path.home())):
        assert text.encode() not in database
    (run,) = Database(project.path / "runs.sqlite").read()
    assert json.dumps(run.options).count("://") == 0


def test_an_ab_run_has_its_base(project: Suite) -> None:
    project.commit()
    project.run("--mlregress-against=HEAD", "--mlregress-history=runs.sqlite")
    (run,) = Database(project.path / "runs.sqlite").read()
    assert (run.kind, run.against, run.base_commit) == ("A/B", "HEAD", run.commit)
    (metric,) = run.tests[0].metrics
    assert metric.values == metric.base_values
