"""Repositories for the tests of baselines."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Runs git in a new folder, `tmp_path / "repository"`, away from the user's configuration."""
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # Whatever repository the temporary folder lies in is none of these tests' business.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")

    def run(*arguments: str, at: Path = repository) -> str:
        done = subprocess.run(
            ["git", "-C", str(at), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def repository(tmp_path: Path, git: Git) -> Path:
    """A repository with one commit of `train.py` on the branch `main`."""
    folder = tmp_path / "repository"
    git("init", "--quiet", "--initial-branch=main")
    (folder / "train.py").write_text("lr = 0.1\n")
    git("add", "train.py")
    git("commit", "--quiet", "--message=Train")
    return folder
