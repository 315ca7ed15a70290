"""A run in MLflow: a parent run with the report as an artifact, and a child run for each test."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.baselines.urls import without_credentials
from pytest_mlregress.reporting.tracked_run import TrackedEntry, TrackedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

INSTALL: Final = "pip install 'pytest-mlregress[mlflow]'"

_DEFAULTS: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # MLflow's own limits let a run wait for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Variables of MLflow, unless they are set."""

_MOST_METRICS: Final = 1000
_MOST_PARAMS: Final = 100
"""In one request: limits of MLflow's interface, as those of the length of a value."""
_LONGEST_PARAM: Final = 6000
_LONGEST_TAG: Final = 5000
_UNNAMED: Final = re.compile(r"[^\w\-. :/]", re.ASCII)


def log_run(uri: str, tracked: TrackedRun, html: Path, rootdir: Path) -> str:
    """Log a run.

    Args:
        uri: of the tracking server; empty for the one that MLflow is configured with.
        tracked: the run.
        html: its report.
        rootdir: whose name the experiment has unless ``MLFLOW_EXPERIMENT_NAME`` says another.

    Returns:
        Where it can be seen.

    Raises:
        ImportError: mlflow is not installed.
        Exception: whatever mlflow raises.
    """
    with _variables(_DEFAULTS):
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri or None)
        experiment = _experiment(client, os.environ.get("MLFLOW_EXPERIMENT_NAME") or rootdir.name)
        parent = _log(client, experiment, tracked.run, {})
        client.log_artifact(parent, str(html))
        for test in tracked.tests:
            child = _log(client, experiment, test, {"mlflow.parentRunId": parent})
            client.set_terminated(child, "FAILED" if test.tags["colour"] == "red" else "FINISHED")
        client.set_terminated(parent, "FAILED" if tracked.failed else "FINISHED")
        place = without_credentials(str(client.tracking_uri)).rstrip("/")
    return f"{place}/#/experiments/{experiment}/runs/{parent}"


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except Exception:  # another run was faster
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _log(
    client: MlflowClient, experiment: str, entry: TrackedEntry, tags: Mapping[str, str]
) -> str:
    from mlflow.entities import Metric, Param

    run = client.create_run(
        experiment,
        run_name=entry.name,
        tags={**{name: text[:_LONGEST_TAG] for name, text in entry.tags.items()}, **tags},
    )
    identity = str(run.info.run_id)
    now = int(time.time() * 1000)
    metrics = [Metric(_name(name), value, now, 0) for name, value in entry.metrics.items()]
    metrics += [
        Metric(_name(name), value, now, step)
        for name, points in entry.steps.items()
        for step, value in points
    ]
    params = [
        Param(_name(name), str(value)[:_LONGEST_PARAM]) for name, value in entry.params.items()
    ]
    for some in _batches(params, _MOST_PARAMS):
        client.log_batch(identity, params=some)
    for some in _batches(metrics, _MOST_METRICS):
        client.log_batch(identity, metrics=some)
    return identity


def _name(name: str) -> str:
    """MLflow takes letters, digits and a few signs, and no name that looks like a path."""
    return "/".join(part for part in _UNNAMED.sub("_", name).split("/") if part.strip(".")) or "_"


def _batches(items: list[Any], most: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Variables that are not set have these values for a while."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
