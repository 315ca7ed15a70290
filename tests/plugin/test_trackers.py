"""`--mlregress-tracker`, as far as no tracker is needed; `make trackers` runs the real ones."""

from __future__ import annotations

import sys

import pytest
from training_suite import Suite


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            "mlfow:http://h",
            "'mlfow:http://h' names no tracker; write mlflow:URI, mlflow for the one of "
            "MLFLOW_TRACKING_URI, or wandb:PROJECT; did you mean mlflow:http://h?",
        ),
        (
            "http://h",
            "'http://h' names no tracker; write mlflow:URI, mlflow for the one of "
            "MLFLOW_TRACKING_URI, or wandb:PROJECT",
        ),
        ("wandb", "'wandb' names no project; write wandb:PROJECT"),
        ("mlflow", "'mlflow' names no server; write mlflow:URI, or set MLFLOW_TRACKING_URI"),
        ("mlflow:", "'mlflow:' names no server; write mlflow:URI, or set MLFLOW_TRACKING_URI"),
    ],
)
def test_a_value_that_names_no_tracker_is_refused(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    result = suite.run(f"--mlregress-tracker={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: --mlregress-tracker: {problem}" in result.errlines


@pytest.mark.parametrize("kind", ["mlflow", "wandb"])
def test_a_library_that_is_not_installed_is_one_warning(
    recorded: Suite, workers: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, kind, None)
    result = recorded.run(workers, f"--mlregress-tracker={kind}:http://me:secret-1@h/p")
    assert result.ret == 0
    name = {"mlflow": "MLflow", "wandb": "W&B"}[kind]
    (line,) = [line for line in result.outlines if f"this run is not in {name}" in line]
    assert line.endswith(
        f"MLRegressWarning: --mlregress-tracker={kind}:http://h/p: this run is not in {name}: "
        f"{kind} cannot be imported (import of {kind} halted; None in sys.modules); install it: "
        f"pip install 'pytest-mlregress[{kind}]'"
    )


def test_nothing_is_imported_without_the_option(
    recorded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for name in ("mlflow", "wandb", "s3fs"):
        monkeypatch.setitem(sys.modules, name, None)
    result = recorded.run("-n0")
    assert result.ret == 0
    assert "MLRegressWarning" not in result.stdout.str()
    assert "pytest_mlregress.integrations.mlflow" not in sys.modules
