"""A suite whose runs are tracked, and the runs over it in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SUITE = """
import os, random, pytest

@pytest.mark.seeds(5)
@pytest.mark.parametrize("size", ["small", "la/rge?"])
def test_train(mlregress, size):
    mlregress.log_params({"lr": 0.1, "size": size, "url": "s3://me:Password123@bucket/data"})
    for step in range(0, 50, 10):
        mlregress.log(step, loss=1 / (step + 1))
    print("a token:", "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH")
    lost = 0.2 if os.environ.get("BUG") and size == "small" else 0
    mlregress.record("accuracy", random.gauss(0.9, 0.01) - lost, higher_is_better=True)
"""
TESTS = ("test_model.py::test_train[la/rge?]", "test_model.py::test_train[small]")
SECRETS = ("Password123", "hf_aBcDeFg", "tracker-password-1")


def make_suite(folder: Path) -> str:
    """A repository with the suite and its baselines; the commit of its code."""
    (folder / "test_model.py").write_text(SUITE)
    (folder / ".gitignore").write_text("__baselines__\n.pytest_cache\n*.html\n.cache\n.config\n")
    author = ("-c", "user.name=A. Tester", "-c", "user.email=tester@example.org")
    git = ("git", "-C", str(folder))
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, *author, "commit", "--quiet", "--message=A model"], check=True)
    assert run(folder, "--mlregress-update", "--mlregress-baseline-seeds=10").returncode == 0
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest over the suite."""
    import os

    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "WANDB", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", *arguments],
        cwd=folder,
        env={**clean, "MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
