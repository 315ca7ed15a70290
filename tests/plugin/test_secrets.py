"""Nothing of the command line that is secret or of this machine reaches a file."""

import json
import random
import re
import string
import textwrap

import pytest
from baseline_files import FILE, document
from training_suite import KEPT_IN_MEMORY, Suite

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


LEAKY = """
import logging, os, sys, warnings
import pytest

@pytest.mark.seeds(5)
def test_training(mlregress, request, tmp_path, monkeypatch):
    of_env, of_option = os.environ["SERVICE_TOKEN"], request.config.getoption("--api-token")
    of_url = request.config.getoption("--mlregress-baseline") or ""
    own = open("secrets.txt").read().split()
    monkeypatch.setenv("LATE_PASSWORD", own[0])
    everything = f"{of_env} {of_option} {of_url} {request.config.getini('api_key')} {own}"
    print(everything)
    print(everything, file=sys.stderr)
    logging.getLogger().error(everything)
    mlregress.log_params({"all": everything, "lr": 0.1})
    mlregress.record("accuracy", mlregress.seed / 7, higher_is_better=True)
    path = tmp_path / own[1]
    path.write_text("data")
    mlregress.fingerprint("data", path)
    if os.environ.get("FAIL") == "1":
        try:
            open(f"/nowhere/{everything}")
        except OSError as error:
            raise ValueError(everything) from error
"""
LEAKY_CONFTEST = (
    CONFTEST
    + """
    parser.addini("api_key", "a key")
"""
)


def _secret(seed: random.Random, prefix: str = "", length: int = 24) -> str:
    letters = seed.choices(string.ascii_letters + string.digits, k=length)
    return f"{prefix}{''.join(letters)}7"


@pytest.mark.parametrize("fails", ["0", "1"])
def test_secrets_of_any_input_are_in_no_output(suite: Suite, workers: str, fails: str) -> None:
    pytest.importorskip("fsspec")
    made = random.Random(workers + fails)
    env, option, password, ini, late, token, query = (
        *(_secret(made) for _ in range(5)),
        _secret(made, "hf_", 30),
        _secret(made),
    )
    suite.write(LEAKY)
    suite.write(LEAKY_CONFTEST + textwrap.dedent(KEPT_IN_MEMORY), "conftest.py")
    (suite.path / ".git/info/exclude").write_text("secrets.txt\nout\n.mlregress\n")
    (suite.path / "secrets.txt").write_text(f"{late} {token}")
    outputs = [f"--mlregress-report=out/r.{kind}" for kind in ("html", "md")]
    url = f"kept://me:{password}@{suite.path.name}?token={query}"

    for mode in ("--mlregress-update", "--mlregress-missing=warn"):
        result = suite.run(
            *(workers, mode, *outputs, "--junit-xml=out/j.xml", "-rA", "-v", "-ojunit_logging=all"),
            *("-o", f"api_key={ini}", f"--api-token={option}", f"--mlregress-baseline={url}"),
            SERVICE_TOKEN=env,
            FAIL=fails,
        )
        assert "*** *** kept://" in (suite.path / "out/j.xml").read_text()

        shown = {"stdout": result.stdout.str(), "stderr": result.stderr.str()}
        for path in suite.path.rglob("*"):
            inside = path.relative_to(suite.path).parts
            if path.is_file() and inside[0] not in (".git", "secrets.txt"):
                shown[str(path)] = path.read_bytes().decode("utf-8", "replace") + path.name
        leaks = {
            (where, name)
            for where, text in shown.items()
            for name, secret in {
                "variable": env,
                "option": option,
                "password": password,
                "ini": ini,
                "late variable": late,
                "token": token,
                "parameter": query,
            }.items()
            if secret in text and not where.endswith(token)
        }
        assert not leaks
