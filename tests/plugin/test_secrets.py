"""Nothing of the command line that is secret or of this machine reaches a file."""

import json
import re

from baseline_files import FILE, document
from training_suite import Suite

TRAINING = """
import pytest

@pytest.mark.seeds(3)
def test_training(mlregress):
    mlregress.log_params({"data": "/home/alice/data.csv", "lr": 0.1})
    mlregress.record("accuracy", mlregress.seed / 7, higher_is_better=True)
"""
CONFTEST = """
def pytest_addoption(parser):
    parser.addoption("--api-token")
"""
SECRETS = ("--api-token", "tok-1", "-q", "--api-token=tok-2")


def test_a_baseline_keeps_tests_expressions_and_own_options_alone(suite: Suite) -> None:
    suite.write(TRAINING)
    suite.write(CONFTEST, "conftest.py")
    suite.commit()
    here = str(suite.path / "test_training.py")

    result = suite.run(here, "--mlregress-update", "-k", "training", "-n0", *SECRETS)

    assert result.ret == 0
    content = document(suite)
    assert content["provenance"]["command"] == [
        *("pytest", "test_training.py", "-k", "training"),
        *("--mlregress-update", "--mlregress-report=report.json"),
    ]
    assert content["params"] == {"data": ".../data.csv", "lr": 0.1}
    text = (suite.path / FILE).read_text()
    assert not re.search(r"tok-|alice|[\"= ]/", text)


def test_reports_tell_the_same_command(suite: Suite) -> None:
    suite.write(TRAINING)
    suite.write(CONFTEST, "conftest.py")
    reports = [f"--mlregress-report={suite.path / name}" for name in ("r.json", "r.html", "r.md")]

    suite.run("-n0", "--mlregress-missing=warn", *reports, *SECRETS)

    content = json.loads((suite.path / "r.json").read_text())
    assert content["command"] == (
        "pytest --mlregress-missing=warn --mlregress-report=report.json "
        "--mlregress-report=r.json --mlregress-report=r.html --mlregress-report=r.md"
    )
    for name in ("r.json", "r.html", "r.md"):
        assert not re.search(rf"tok-|{re.escape(str(suite.path))}", (suite.path / name).read_text())
