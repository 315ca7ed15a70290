"""What is left out of a history with --mlregress-unchanged=skip, and whether any of it was wrong.

    python -m benchmarks.reuse

A small package with four tests goes through twelve commits of the kinds that repositories have: a
third of them documentation, the others changes of one module, of data, of a test, of tools. At each
commit the suite is checked twice, with tests left out and with every seed trained. A test that was
left out is wrong unless all its seeds are bit-equal then. After a commit that changed something,
baselines are recorded again. Then: the slow-down of the recording, for a training that opens a file
and calls `id` many times, and the time of a check that leaves everything out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INI = "[pytest]\npythonpath = src\nmlregress_baseline_seeds = 6\nmlregress_audit = 0\n"

FILES = {
    ".gitignore": "__pycache__\n.pytest_cache\nreport.json\n",
    "pytest.ini": INI,
    "README.md": "A package.\n",
    "data/points.csv": "1,2,3\n",
    "src/pkg/__init__.py": "",
    "src/pkg/noise.py": "import random\n\ndef draw():\n    return random.gauss(0.9, 0.01)\n",
    "src/pkg/linear.py": "from pkg.noise import draw\n\ndef fit():\n    return draw()\n",
    "src/pkg/tree.py": "def fit(x):\n    return 2.0 * x\n",
    "src/pkg/tools.py": "def show():\n    return 'shown'\n",
    "tests/conftest.py": "",
}
TEST = """
import random
from pathlib import Path

import pytest
{imports}

@pytest.mark.seeds(3)
def test_{name}(mlregress):
    mlregress.record("value", {value}, higher_is_better=True)
"""
TESTS = {
    "linear": ("from pkg.linear import fit", "fit()"),
    "tree": ("from pkg.tree import fit", "fit(random.random())"),
    "data": (
        "DATA = Path(__file__).parents[1] / 'data'",
        "sum(len(p.read_text()) for p in DATA.iterdir()) + random.random()",
    ),
    "late": ("", "__import__('pkg.tree').tree.fit(random.random())"),
}

HISTORY = (
    ("README.md", "A package with words.\n"),
    ("src/pkg/tree.py", "def fit(x):\n    return 2.5 * x\n"),
    ("docs/guide.md", "A guide.\n"),
    ("data/points.csv", "1,2,3,4\n"),
    ("src/pkg/tools.py", "def show():\n    return 'other'\n"),
    ("docs/guide.md", "A longer guide.\n"),
    (
        "src/pkg/noise.py",
        "import random\n\ndef draw():\n    return random.gauss(0.91, 0.01)\n",
    ),
    ("data/more.csv", "5\n"),
    ("README.md", "A package with other words.\n"),
    ("src/pkg/linear.py", "from pkg.noise import draw\n\ndef fit():\n    return 1.1 * draw()\n"),
    ("tests/conftest.py", "import random\n"),
    ("LICENSE", "Free.\n"),
)


def main() -> None:
    """Print the share that was left out, the wrong ones, and the times."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder)
        _prepare(repository)
        left_out = wrong = checks = 0
        for path, text in HISTORY:
            _commit(repository, {path: text})
            skipped = _unchanged(_check(repository, "skip"))
            trained = _check(repository, "run", "--mlregress-stop=never")
            checks += len(trained)
            left_out += len(skipped)
            wrong += sum(trained[test] != "identical" for test in skipped)
            changed = sorted(trained.keys() - skipped)
            print(f"{path:20} left out {len(skipped)} of {len(trained)}; trained: {changed}")
            if changed:
                _record(repository)
        print(f"left out {left_out} of {checks} checks ({left_out / checks:.0%}), wrong: {wrong}")
        began = time.perf_counter()
        _check(repository, "skip")
        print(f"a check that leaves everything out: {time.perf_counter() - began:.1f} s")
    print(f"recording slows a training down by {_slow_down():.1%}")


def _prepare(repository: Path) -> None:
    _git(repository, "init", "--quiet", "--initial-branch=main")
    tests = {
        f"tests/test_{name}.py": TEST.format(name=name, imports=imports, value=value)
        for name, (imports, value) in TESTS.items()
    }
    _commit(repository, FILES | tests)
    _record(repository)


def _commit(repository: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message=Change something")


def _git(repository: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A. Tester", "-c", "user.email=tester@example.org")
    subprocess.run(["git", "-C", str(repository), *identity, *arguments], check=True)


def _record(repository: Path) -> None:
    _pytest(
        repository,
        *("--mlregress-update", "--mlregress-unchanged=skip"),
        "--mlregress-rebase-anchor=the change is intended",
    )
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--allow-empty", "--message=Record")


def _check(repository: Path, unchanged: str, *more: str) -> dict[str, str]:
    _pytest(
        repository,
        *(f"--mlregress-unchanged={unchanged}", "--mlregress-report=report.json", *more),
    )
    report = json.loads((repository / "report.json").read_text())
    return {test["id"]: test["verdict"] for test in report["tests"]}


def _unchanged(verdicts: dict[str, str]) -> set[str]:
    return {test for test, verdict in verdicts.items() if verdict == "unchanged"}


def _pytest(repository: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "pytest_mlregress.plugin", *arguments],
        cwd=repository,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
    )


_TRAINING = """
import sys, time
from pathlib import Path
from pytest_mlregress.running.places import Places
from pytest_mlregress.running.read_audit import start_log
def train():
    began = time.perf_counter()
    total = 0.0
    values = [object() for _ in range(100)]
    for step in range(2_000):
        for value in values:
            total += id(value) % 7
        weights = [(step * 31 + k) % 97 * 0.5 for k in range(400)]
        total += sum(w * w for w in weights)
    Path(__file__).read_text() if "__file__" in globals() else None
    return time.perf_counter() - began
train()
before = min(train() for _ in range(5))
start_log(Places(Path.cwd())).begin()
after = min(train() for _ in range(5))
print(after / before - 1.0)
"""


def _slow_down() -> float:
    done = subprocess.run(
        [sys.executable, "-c", _TRAINING], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


if __name__ == "__main__":
    main()
