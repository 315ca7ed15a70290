"""A suite with a training in it, in a git repository, as a user has one.

A module of its own, since several folders of tests have a `conftest`, and only one of them would
be imported by that name.
"""

from __future__ import annotations

import json
import subprocess
import textwrap
from typing import Any

import pytest

TRAINING = """
    import os
    import random

    import pytest


    @pytest.mark.seeds(5)
    def test_training(mlregress):
        accuracy = random.gauss(0.9, 0.01) - float(os.environ.get("LOSS", "0"))
        mlregress.record("accuracy", accuracy, higher_is_better=True)
"""
"""The values of seeds 0 to 4 are those of `random.gauss`, less what the variable LOSS says."""

KEPT_IN_MEMORY = """
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem
    from fsspec.registry import registry


    class Kept(MemoryFileSystem):
        protocol = "kept"

        @classmethod
        def _strip_protocol(cls, path):
            return super()._strip_protocol(path.replace("kept://", "memory://"))


    if "kept" not in registry:  # by an earlier run of this process
        fsspec.register_implementation("kept", Kept)
"""
"""A conftest: baselines at ``kept://`` stay in this process; an update refuses ``memory://``."""

_IS_LATE = """
    @pytest.fixture
    def is_late(request, seed):
        '''The first seed from number {after} on runs until the verdict on those before is known.'''
        from time import sleep

        from pytest_mlregress.running.stop_flags import stop_flags

        started = request.config.rootpath / "late-seed-started"
        flags, test = stop_flags(request.config), request.node.nodeid.partition("[")[0]
        waits = (0.01 for _ in range(6000))
        while seed == {after} - 1 and not started.exists():
            sleep(next(waits))
        if seed < {after}:
            return False
        try:
            started.touch(exist_ok=False)
        except FileExistsError:
            return False
        while not flags.is_raised(test):
            sleep(next(waits))
        return True


"""


def late_training(*lines: str, after: int = 2) -> str:
    """The training for two workers, with a seed that does `lines` once `after` others decided."""
    body = "".join(f"\n            {line}" for line in lines)
    fixture = _IS_LATE.format(after=after)
    source = TRAINING.replace(
        "    @pytest.mark.seeds", f"{fixture.lstrip(chr(10))}    @pytest.mark.seeds"
    )
    source = source.replace("(mlregress)", "(mlregress, is_late)")
    return source.replace("accuracy = ", f"if is_late:{body}\n        accuracy = ")


OTHER_PLUGINS = (
    "allure_pytest",
    "anyio",
    "asyncio",
    "html",
    "html_fixtures",
    "hypothesispytest",
    "metadata",
    "pytest-shard",
    "pytest-split",
    "randomly",
    "reportlog",
    "rerunfailures",
    "test-groups",
    "timeout",
)
"""Left out of the runs, whose workers would take seconds to import them, unless asked for."""


class Suite:
    """Test files in a git repository, and the runs over them."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self._monkeypatch = monkeypatch
        self.configure()
        pytester.makefile("", **{".gitignore": "*.json\n!__baselines__/**\n.pytest_cache\n"})
        self._git("init", "--quiet", "--initial-branch=main")

    def configure(self, *plugins: str, ini: str = "", baseline_seeds: int | None = 20) -> None:
        """Write ``pytest.ini`` with those of the other plugins, and with further lines.

        Updates take ``baseline_seeds`` seeds, so that no test trains more than it is about; with
        None, as many as a user's would.
        """
        if baseline_seeds is not None:
            ini += f"\nmlregress_baseline_seeds = {baseline_seeds}"
        left_out = " ".join(f"-p no:{name}" for name in OTHER_PLUGINS if name not in plugins)
        if "asyncio" in plugins:
            ini += "\nasyncio_default_fixture_loop_scope = function"
        text = f"[pytest]\naddopts = {left_out}\n{textwrap.dedent(ini)}\n"
        (self.path / "pytest.ini").write_text(text, encoding="utf-8")

    def write(self, source: str, name: str = "test_training.py") -> None:
        """Write a file and commit it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        self.commit()

    def commit(self) -> None:
        """Commit everything, so that an update is allowed."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message=A change")

    def record(self, *arguments: str, **environment: str) -> None:
        """Record the baselines of everything that is written so far."""
        result = self.run("--mlregress-update", *arguments, **environment)
        assert result.ret == 0, result.stdout.str()
        self.commit()

    def run(self, *arguments: str, apart: bool = False, **environment: str) -> pytest.RunResult:
        """Run pytest in this process, or ``apart`` in one of its own, with those variables."""
        run = self.pytester.runpytest_subprocess if apart else self.pytester.runpytest_inprocess
        with self._monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return run("--mlregress-report=report.json", *arguments)

    def check(
        self, *arguments: str, apart: bool = False, **environment: str
    ) -> dict[str, dict[str, Any]]:
        """Run, and return the tests of the report by their id."""
        self.run(*arguments, apart=apart, **environment)
        return self.tests

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report of the last run."""
        report: dict[str, Any] = json.loads((self.path / "report.json").read_text("utf-8"))
        return report

    @property
    def tests(self) -> dict[str, dict[str, Any]]:
        """The tests of that report by their id."""
        return {test["id"]: test for test in self.report["tests"]}

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdicts of that report by the tests' ids."""
        return {name: test["verdict"] for name, test in self.tests.items()}

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.path), *arguments], check=True)
