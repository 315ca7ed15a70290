"""Projects of others with the plugin: installed and unused it changes nothing, used it judges.

Each project is copied, so that what a run leaves behind is seen. `make downstream` runs this file
in an environment with the frameworks; a project whose framework is not installed is skipped.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECTS = Path(__file__).parent
UPDATE = ("--mlregress-update", "--mlregress-baseline-seeds=20")
LEFT_BY_OTHERS = {"__pycache__", ".pytest_cache"}


@dataclass(frozen=True)
class Project:
    """One project and the bug that is planted in it.

    Attributes:
        name: its folder.
        needs: the package without which it is skipped.
        outcomes: of its own suite.
        file: where the bug is planted.
        correct: the text that is replaced.
        bug: what replaces it.
        options: what its developers add to use the plugin.
    """

    name: str
    needs: str
    outcomes: dict[str, int]
    file: str
    correct: str
    bug: str
    options: tuple[str, ...] = ()


ALL = [
    Project(
        "src_layout",
        "numpy",
        {"passed": 10, "skipped": 2},  # an expected failure counts as skipped in JUnit's XML
        "src/tabular/model.py",
        "self.weights -= rate",
        "self.weights += rate",
        # All its warnings are errors, and the plugin warns of its fixture `seed`.
        ("-W", "ignore::pytest_mlregress.MLRegressWarning"),
    ),
    Project(
        "lightning_project",
        "lightning",
        {"passed": 6, "skipped": 1},
        "lit_digits/module.py",
        "lr=self.hparams.lr",
        "lr=self.hparams.lr / 1000",
    ),
    Project(
        "hf_finetune",
        "transformers",
        {"passed": 5},
        "run_classification.py",
        '"labels": (share > 0.5).long()',
        '"labels": (share > 0.5).long() ^ torch.randint(2, ())',
    ),
]


@pytest.fixture(params=ALL, ids=lambda project: project.name)
def project(request: pytest.FixtureRequest) -> Project:
    if importlib.util.find_spec(request.param.needs) is None:
        pytest.skip(f"{request.param.needs} is not installed")
    return request.param


@dataclass(frozen=True)
class Outcome:
    """What one run of pytest in a project printed, said of its tests, and left behind."""

    status: int
    text: str
    tests: dict[str, str]
    warnings: int
    files: set[str]


def run(folder: Path, *arguments: str) -> Outcome:
    """pytest in a project's folder, as its developers call it."""
    report = folder.parent / "junit.xml"
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"--junitxml={report}", "--color=no", *arguments],
        cwd=folder,
        env={**environment, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    if not report.exists():
        raise AssertionError(text)
    tests = {
        f"{case.get('classname')}::{case.get('name')}": next(
            (entry.tag for entry in case if entry.tag in ("failure", "error", "skipped")), "passed"
        )
        for case in ET.parse(report).iter("testcase")
    }
    report.unlink()
    warned = re.search(r"(\d+) warnings?", text.strip().splitlines()[-1])
    return Outcome(done.returncode, text, tests, int(warned[1]) if warned else 0, files_in(folder))


def files_in(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not LEFT_BY_OTHERS.intersection(path.parts)
    }


def copy(project: Project, to: Path, *, regression: bool) -> Path:
    """The project in a folder of its own; its regression tests use the plugin, its suite not."""
    ignored = [*LEFT_BY_OTHERS, "__baselines__", *([] if regression else ["regression"])]
    return Path(
        shutil.copytree(
            PROJECTS / project.name, to / project.name, ignore=shutil.ignore_patterns(*ignored)
        )
    )


def test_a_plugin_that_is_installed_and_unused_changes_nothing(
    project: Project, tmp_path: Path
) -> None:
    folder = copy(project, tmp_path, regression=False)
    before = files_in(folder)
    without = run(folder, "-p", "no:mlregress")
    installed = run(folder)
    assert Counter(without.tests.values()) == project.outcomes, without.text
    assert "plugins:" in installed.text
    assert re.search(r"^plugins: .*mlregress", installed.text, re.MULTILINE), installed.text
    assert (installed.status, installed.tests) == (0, without.tests), installed.text
    assert installed.warnings == without.warnings, installed.text
    assert "MLRegressWarning" not in installed.text
    assert "GuardWarning" not in installed.text
    assert installed.files == before


def test_used_it_records_then_passes_and_finds_a_planted_bug(
    project: Project, tmp_path: Path
) -> None:
    folder = copy(project, tmp_path, regression=True)
    before = files_in(folder)
    recorded = run(folder, *project.options, "tests/regression", *UPDATE)
    assert recorded.status == 0, recorded.text
    (baseline,) = recorded.files - before
    assert re.fullmatch(r"tests/regression/__baselines__/.*\.json", baseline)

    unchanged = run(folder, *project.options)
    assert unchanged.status == 0, unchanged.text
    own = {name: end for name, end in unchanged.tests.items() if ".regression." not in name}
    assert Counter(own.values()) == project.outcomes, unchanged.text
    assert re.search(r"^(identical|pass) +tests/regression", unchanged.text, re.MULTILINE), (
        unchanged.text
    )
    assert "GuardWarning" not in unchanged.text, "correct code was accused"

    file = folder / project.file
    correct = file.read_text(encoding="utf-8")
    assert correct.count(project.correct) == 1
    file.write_text(correct.replace(project.correct, project.bug), encoding="utf-8")
    planted = run(folder, *project.options, "tests/regression")
    assert planted.status == 1, planted.text
    assert re.search(r"^regression +tests/regression", planted.text, re.MULTILINE), planted.text
