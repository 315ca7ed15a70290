"""Suites for the tests of the plugin."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages

import pytest
from training_suite import TRAINING, Suite

from pytest_mlregress.statistics import compare
from pytest_mlregress.statistics.early_stop import plan_check

# A run inside this process forgets the modules that it was the first to import, which numpy, scipy
# and torch do not survive, and the others would be imported again by each of a thousand runs.
for room in (
    *("baselines", "history", "reporting", "resources"),
    *("running", "session", "statistics", "verdicts"),
):
    package = import_module(f"pytest_mlregress.{room}")
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)
with suppress(ImportError):  # a suite without torch is one of those that are tested
    import_module("torch")
    import_module("pytest_mlregress.bughunt.guards")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """An empty suite."""
    for name in list(os.environ):
        if name.startswith("PYTEST_") or name.endswith(("_NUM_THREADS", "_MAXIMUM_THREADS")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # see the topmost conftest
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
    return Suite(pytester, monkeypatch)


@pytest.fixture
def recorded(suite: Suite) -> Suite:
    """A suite with `TRAINING` and its baseline."""
    suite.write(TRAINING)
    suite.record()
    return suite


@pytest.fixture(params=["-n0", "-n2"])
def workers(request: pytest.FixtureRequest) -> str:
    """Without workers, and with two."""
    workers: str = request.param
    return workers


@pytest.fixture(scope="session", autouse=True)
def _load_what_a_comparison_imports() -> None:
    baseline = [0.1 * k for k in range(20)]
    compare(baseline, baseline[:5], higher_is_better=True)
    check = plan_check(baseline, (2, 5), higher_is_better=True, margin="auto", alpha=0.05)
    check.follow(tuple(baseline), tuple(baseline[:5]))
