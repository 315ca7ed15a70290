"""A suite with a training in it, and its runs on a Ray cluster."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

TEST = "test_training.py::test_training"
TRAINING = """
    import os
    import random
    import signal
    import time
    from pathlib import Path

    import pytest

    STARTED = Path(os.environ["STARTED"])


    def first_time(seed):
        try:
            (STARTED / f"tried-{seed}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


    @pytest.mark.seeds(5)
    def test_training(mlregress, seed):
        with open(STARTED / "seeds", "a") as file:
            file.write(f"{seed} {os.environ.get('RAY_RAYLET_PID', 0)}\\n")
        MISHAP
        accuracy = random.gauss(0.9, 0.01) - float(os.environ.get("LOSS", "0"))
        mlregress.record("accuracy", accuracy, higher_is_better=True)
"""


class RaySuite:
    """Test files, and the runs over them.

    ``started`` is a folder outside the working tree, for what trainings leave behind.
    """

    def __init__(
        self, pytester: pytest.Pytester, started: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.path = pytester.path
        self.started = started
        self.cluster: str | None = None
        self._pytester = pytester
        monkeypatch.setenv("STARTED", str(started))
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take long to load
        pytester.makeini(
            "[pytest]\n"
            "addopts = -p pytest_mlregress.plugin -p xdist -p no:cacheprovider\n"
            "mlregress_baseline_seeds = 8\n"
            "mlregress_history = off\n"
            "mlregress_allow_dirty = true"
        )
        self.write()

    def write(self, mishap: str = "pass") -> None:
        self._pytester.makepyfile(test_training=TRAINING.replace("MISHAP", mishap))

    @property
    def engine(self) -> list[str]:
        address = [] if self.cluster is None else [f"--mlregress-ray-address={self.cluster}"]
        return ["--mlregress-engine=ray", *address]

    def run(self, *arguments: str) -> pytest.RunResult:
        (self.started / "seeds").unlink(missing_ok=True)
        return self._pytester.runpytest_subprocess("--mlregress-report=report.json", *arguments)

    def run_on_ray(self, *arguments: str) -> pytest.RunResult:
        return self.run(*self.engine, *arguments)

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.path / "report.json").read_text("utf-8"))

    @property
    def verdict(self) -> str:
        (test,) = self.report["tests"]
        return test["verdict"]

    @property
    def artifact(self) -> Any:
        (file,) = self.path.glob("__baselines__/**/*.json")
        return without_clocks(json.loads(file.read_text("utf-8")))

    def forget_baselines(self) -> None:
        for file in self.path.glob("__baselines__/**/*.json"):
            file.unlink()

    @property
    def begun(self) -> list[tuple[int, int]]:
        """The seeds that were begun, with the process of their node, in the order of seeds."""
        lines = (self.started / "seeds").read_text().splitlines()
        return sorted((int(seed), int(node)) for seed, node in map(str.split, lines))

    @property
    def seeds(self) -> list[int]:
        return [seed for seed, _ in self.begun]


CLOCKS = ("command", "spent", "started", "time", "peak_memory", "revision", "duration", "timeline")


def without_clocks(value: Any) -> Any:
    """A document without what differs from run to run."""
    if isinstance(value, dict):
        return {
            name: without_clocks(entry)
            for name, entry in value.items()
            if name not in CLOCKS and not name.endswith("seconds")
        }
    return [without_clocks(entry) for entry in value] if isinstance(value, list) else value


def processes_of(text: str) -> list[int]:
    """The processes that have a text in their command line, environment or working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            here = text.encode() in told or text in str((process / "cwd").readlink())
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if here and state != "Z" and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found
