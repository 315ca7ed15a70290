"""Worktrees of earlier commits, also from inside a git hook."""

import os
import subprocess
from pathlib import Path

import pytest

from pytest_mlregress.revisions.history import History
from pytest_mlregress.revisions.worktree import WorktreeError, worktree_of

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def run_git(folder: Path, *arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(folder), *IDENTITY, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=clean,
    )
    return done.stdout.strip()


def repository(folder: Path, text: str) -> str:
    """Make a repository with one commit of one file; answers the commit."""
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "code.py").write_text(text)
    run_git(folder, "init", "--quiet")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "--message", text)
    return run_git(folder, "rev-parse", "HEAD")


@pytest.fixture
def inside_a_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of a hook of another repository, whose folder it is."""
    other = tmp_path / "other"
    repository(other, "other = True\n")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    return other


def test_a_worktree_holds_the_earlier_code_and_is_removed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    first = repository(project, "first = True\n")
    (project / "tests" / "code.py").write_text("second = True\n")
    with worktree_of(project / "tests", first) as folder:
        assert (folder / "code.py").read_text() == "first = True\n"
    assert not folder.exists()
    assert len(run_git(project, "worktree", "list").splitlines()) == 1


def test_a_git_hook_of_another_repository_does_not_redirect_revisions(
    tmp_path: Path, inside_a_hook: Path
) -> None:
    project = tmp_path / "project"
    commit = repository(project, "project = True\n")
    index = (inside_a_hook / ".git" / "index").read_bytes()
    assert History(project).knows(commit)
    with worktree_of(project, commit) as folder:
        assert (folder / "tests" / "code.py").read_text() == "project = True\n"
    assert (inside_a_hook / ".git" / "index").read_bytes() == index
    assert not (inside_a_hook / ".git" / "worktrees").exists()


def test_an_unknown_commit_is_named_with_the_remedy(tmp_path: Path) -> None:
    project = tmp_path / "project"
    repository(project, "project = True\n")
    with pytest.raises(WorktreeError) as caught, worktree_of(project, "0" * 40):
        pass
    assert str(caught.value) == (
        "commit 0000000000 is not in this repository; in a shallow clone, fetch it first: "
        "git fetch --unshallow"
    )


def test_a_folder_outside_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorktreeError) as caught, worktree_of(tmp_path, "0" * 40):
        pass
    assert str(caught.value) == (
        f"{tmp_path} is outside git, so there is no other commit to compare with; make it a "
        "repository and commit: git init && git add --all && git commit"
    )
