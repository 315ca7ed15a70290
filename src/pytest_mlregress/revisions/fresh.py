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

from pytest_mlregress.baselines.git_command import GitError, git, outside_hooks
from pytest_mlregress.revisions.companion_environment import companion_environment
from pytest_mlregress.revisions.import_roots import import_roots
from pytest_mlregress.running.result import SeedResult

WORKTREE: Final = "MLREGRESS_WORKTREE"
"""The environment variable that says, as JSON, which checkout a fresh run's code comes from."""

_SHOWN_LINES: Final = 15


class FreshRunError(Exception):
    """A run that gave no complete sample; the text holds the end of its output."""


@dataclass(frozen=True, slots=True)
class FreshRun:
    """What to run: one test and tier on exactly these seeds, with that many workers.

    ``threads`` is the argument of pytest that says how many a seed has.
    """

    test: str
    tier: str
    seeds: Sequence[int]
    workers: int
    threads: str


@dataclass(frozen=True, slots=True)
class FreshSample:
    """What a fresh run gave.

    Attributes:
        values: the metrics by name and seed.
        seeds: the seeds with the time that they took, without their metrics.
    """

    values: Mapping[str, Mapping[int, float]]
    seeds: tuple[SeedResult, ...] = ()


def run_fresh(run: FreshRun, rootdir: Path, *, instead_of: Path | None) -> FreshSample:
    """The seeds of a test, with the code that lies in ``rootdir``.

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
    passed = [seed for seed in seeds if seed["outcome"] == "finished"]
    if len(passed) != len(run.seeds):
        raise FreshRunError(_end_of(done.stdout))
    samples: dict[str, dict[int, float]] = {}
    for seed in passed:
        for metric in seed["metrics"]:
            samples.setdefault(metric["name"], {})[seed["seed"]] = float(metric["value"])
    trained = (SeedResult(seed["seed"], "finished", duration=seed["duration"]) for seed in passed)
    return FreshSample(samples, tuple(trained))


def _command(run: FreshRun, report: Path, baselines: Path, *, guarded: bool) -> list[str]:
    command = [
        *(sys.executable, "-m", "pytest", run.test, "-q", "-p", "no:cacheprovider"),
        f"--mlregress-seeds={','.join(map(str, run.seeds))},",
        f"--mlregress-report={report}",
        f"--mlregress-baseline={baselines}",
        "--mlregress-missing=warn",
        "--mlregress-stop=never",
        run.threads,
    ]
    if run.tier != "default":
        command.append(f"--mlregress-tier={run.tier}")
    if run.workers:
        command += ["-n", str(run.workers)]
    if guarded:
        command += ["-p", "pytest_mlregress.revisions.worktree_imports"]
    return command


def _environment(rootdir: Path, instead_of: Path | None) -> dict[str, str]:
    environment = {
        name: value for name, value in outside_hooks().items() if not name.startswith("PYTEST_")
    }
    if instead_of is None:
        return environment
    checkout, candidate = _top_of(rootdir), _top_of(instead_of)
    start = {
        "checkout": str(checkout),
        "rootdir": str(rootdir),
        "candidate": str(candidate),
        "label": "the baseline's commit",
    }
    roots = import_roots(checkout, rootdir)
    moved = companion_environment(environment, roots, candidate, checkout)
    return {**moved, WORKTREE: json.dumps(start)}


def _top_of(folder: Path) -> Path:
    try:
        top = os.fsdecode(git(folder, "rev-parse", "--show-toplevel"))
    except GitError:
        return folder
    return Path(top.rstrip("\n"))


def _end_of(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-_SHOWN_LINES:])
