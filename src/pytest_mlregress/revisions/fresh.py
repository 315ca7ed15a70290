"""One test run on given seeds in a process of its own, here or in a worktree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest_mlregress
from pytest_mlregress.baselines.git_command import outside_hooks

OTHER_CHECKOUT: Final = "MLREGRESS_OTHER_CHECKOUT"
"""The environment variable with the folder that no module of a fresh run may come from."""

_SHOWN_LINES: Final = 15


class FreshRunError(Exception):
    """A run that gave no complete sample; the text holds the end of its output."""


@dataclass(frozen=True, slots=True)
class FreshRun:
    """What to run: one test and tier on exactly these seeds, with that many workers."""

    test: str
    tier: str
    seeds: Sequence[int]
    workers: int
    threads: str


def run_fresh(
    run: FreshRun, rootdir: Path, *, instead_of: Path | None
) -> dict[str, dict[int, float]]:
    """The metrics of a test by name and seed, with the code that lies in ``rootdir``.

    ``instead_of`` is the checkout that the code must not come from, None for the working tree.

    Raises:
        FreshRunError: a seed did not pass, or pytest did not run.
    """
    with tempfile.TemporaryDirectory(prefix="mlregress-fresh-") as folder:
        report = Path(folder) / "report.json"
        done = subprocess.run(
            _command(run, report, Path(folder) / "no-baselines", guarded=instead_of is not None),
            cwd=rootdir,
            env=_environment(rootdir, instead_of),
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists():
            raise FreshRunError(_end_of(done.stdout + done.stderr))
        document: Mapping[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    seeds = [seed for test in document["tests"] for seed in test["seeds"]]
    passed = [seed for seed in seeds if seed["outcome"] == "passed"]
    if len(passed) != len(run.seeds):
        raise FreshRunError(_end_of(done.stdout))
    samples: dict[str, dict[int, float]] = {}
    for seed in passed:
        for name, value in seed["metrics"].items():
            samples.setdefault(name, {})[seed["seed"]] = float(value)
    return samples


def _command(run: FreshRun, report: Path, baselines: Path, *, guarded: bool) -> list[str]:
    command = [
        *(sys.executable, "-m", "pytest", run.test, "-q", "-p", "no:cacheprovider"),
        f"--mlregress-seeds={','.join(map(str, run.seeds))},",
        f"--mlregress-report={report}",
        f"--mlregress-baseline={baselines}",
        "--mlregress-missing=warn",
        "--mlregress-stop=never",
        f"--mlregress-threads={run.threads}",
    ]
    if run.tier != "default":
        command.append(f"--mlregress-tier={run.tier}")
    if run.workers:
        command += ["-n", str(run.workers)]
    if guarded:
        command += ["-p", "pytest_mlregress.revisions.origin"]
    return command


def _environment(rootdir: Path, instead_of: Path | None) -> dict[str, str]:
    environment = {
        name: value for name, value in outside_hooks().items() if not name.startswith("PYTEST_")
    }
    if instead_of is None:
        return environment
    plugin = Path(pytest_mlregress.__file__).parents[1]
    inherited = environment.get("PYTHONPATH", "")
    moved = [
        str(rootdir / Path(entry).relative_to(instead_of))
        if Path(entry).is_relative_to(instead_of)
        else entry
        for entry in inherited.split(os.pathsep)
        if entry
    ]
    own = [] if "site-packages" in plugin.parts else [str(plugin)]
    paths = [*own, str(rootdir), str(rootdir / "src"), *moved]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths), OTHER_CHECKOUT: str(instead_of)}


def _end_of(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-_SHOWN_LINES:])
