"""`--mlregress-tracker=mlflow:URI` against a real server of MLflow with SQLite."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from tracked_suite import SECRETS, TESTS, make_suite, run

pytestmark = pytest.mark.slow
pytest.importorskip("mlflow", reason="needs mlflow: make trackers")


@dataclass(frozen=True)
class Tracked:
    suite: Path
    commit: str
    server: str
    data: Path


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    """A suite beside a server."""
    suite, data = tmp_path_factory.mktemp("vision"), tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}"),
            *(f"--backend-store-uri=sqlite:///{data}/runs.db", "--workers=1"),
            f"--artifacts-destination={data}/artifacts",
        ],
        stdout=(data / "log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        commit = make_suite(suite)
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, data / "log", server)
        yield Tracked(suite, commit, url, data)
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # with its workers and helpers
        server.wait(30)


def _wait_for(url: str, log: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(1800):
        try:
            urlopen(f"{url}/health").close()
            return
        except URLError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def _runs(tracked: Tracked, experiment: str) -> tuple[Any, Any, dict[str, Any]]:
    """The client, the parent run, and its children by name."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracked.server)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    (parent,) = [one for one in runs if "mlflow.parentRunId" not in one.data.tags]
    children = {one.info.run_name: one for one in runs if one is not parent}
    assert {one.data.tags["mlflow.parentRunId"] for one in children.values()} == {
        parent.info.run_id
    }
    return client, parent, children


def test_a_run_is_a_parent_with_the_report_and_a_child_for_each_test(
    tracked: Tracked, tmp_path: Path
) -> None:
    option = f"--mlregress-tracker=mlflow:{tracked.server}"
    done = run(tracked.suite, option, BUG="1", MLFLOW_EXPERIMENT_NAME="detail")

    client, parent, children = _runs(tracked, "detail")
    assert done.returncode == 1
    place = f"{tracked.server}/#/experiments/{parent.info.experiment_id}/runs/{parent.info.run_id}"
    assert f"mlflow: {place}" in done.stdout.splitlines()
    assert "View run" not in done.stdout
    assert parent.info.run_name == f"mlregress {tracked.commit[:7]}"
    assert parent.info.status == "FAILED"
    tags = parent.data.tags
    assert tags["commit"] == tracked.commit
    assert tags["verdict"].startswith("1 of 2 tests got worse: accuracy of test_train[small]")
    assert "pytest" in tags["command"]
    assert parent.data.metrics["tests"] == 2
    assert parent.data.metrics["red"] == 1
    (artifact,) = client.list_artifacts(parent.info.run_id)
    html = Path(client.download_artifacts(parent.info.run_id, artifact.path, str(tmp_path)))
    assert artifact.path == "mlregress.html"
    assert "test_train[small]" in html.read_text()

    assert sorted(children) == sorted(TESTS)
    red = children["test_model.py::test_train[small]"]
    assert red.info.status == "FAILED"
    assert red.data.tags["verdict"] == "regression"
    assert red.data.tags["since"].startswith(f"since {tracked.commit[:7]} (")
    assert red.data.params == {"lr": "0.1", "size": "small", "url": "s3://***@bucket/data"}
    numbers = red.data.metrics
    assert numbers["accuracy/difference"] == pytest.approx(
        numbers["accuracy"] - numbers["accuracy/baseline"]
    )
    curve = client.get_metric_history(red.info.run_id, "loss/seed 0")
    assert [(point.step, point.value) for point in curve] == [
        (step, 1 / (step + 1)) for step in range(0, 50, 10)
    ]
    by_seed = client.get_metric_history(red.info.run_id, "accuracy/by seed")
    assert [point.step for point in by_seed] == list(range(len(by_seed)))
    assert len(by_seed) >= 2
    green = children["test_model.py::test_train[la/rge?]"]
    assert green.info.status == "FINISHED"
    assert green.data.tags["verdict"] == "identical"


def test_mlflow_alone_means_the_server_of_the_environment(tracked: Tracked) -> None:
    done = run(tracked.suite, "--mlregress-tracker=mlflow", MLFLOW_TRACKING_URI=tracked.server)

    assert done.returncode == 0
    _, parent, children = _runs(tracked, tracked.suite.name)
    assert parent.info.status == "FINISHED"
    assert len(children) == 2


def test_the_environment_alone_tracks_nothing(tracked: Tracked) -> None:
    from mlflow import MlflowClient

    run(tracked.suite, MLFLOW_TRACKING_URI=tracked.server, MLFLOW_EXPERIMENT_NAME="unasked")

    assert MlflowClient(tracking_uri=tracked.server).get_experiment_by_name("unasked") is None


def test_a_server_that_is_down_is_one_warning(tracked: Tracked) -> None:
    option = "--mlregress-tracker=mlflow:http://me:tracker-password-1@127.0.0.1:9"
    done = run(tracked.suite, option)

    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if "not in MLflow" in line]
    assert (
        "MLRegressWarning: --mlregress-tracker=mlflow:http://127.0.0.1:9: this run is not in "
        "MLflow: MlflowException: " in line
    )
    assert line.endswith(
        "; check the URI, MLFLOW_TRACKING_USERNAME and _PASSWORD, and that the server runs. "
        "The verdicts stand"
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)


def test_no_secret_reaches_the_server(tracked: Tracked) -> None:
    option = f"--mlregress-tracker=mlflow:{tracked.server}"
    run(tracked.suite, option, BUG="1", MLFLOW_EXPERIMENT_NAME="secrets")

    _, parent, _ = _runs(tracked, "secrets")
    assert parent.info.status == "FAILED"
    for path in tracked.data.rglob("*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in SECRETS), path
