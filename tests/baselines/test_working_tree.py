"""The state of the code, in real repositories of every awkward kind."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from baseline_examples import KEY, example

from pytest_mlregress.baselines import git_command
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.provenance import WorkingTree, holds_changes, working_tree

Git = Callable[..., str]


def test_a_clean_tree(repository: Path, git: Git) -> None:
    assert working_tree(repository) == WorkingTree(commit=git("rev-parse", "HEAD"), branch="main")


def test_a_changed_file(repository: Path) -> None:
    (repository / "train.py").write_text("lr = 0.2\n")

    tree = working_tree(repository)

    assert tree.dirty
    assert tree.changed == ("train.py",)
    assert tree.diff_hash is not None
    assert len(tree.diff_hash) == 16


@pytest.mark.parametrize("staged", [True, False])
def test_a_new_file_counts_staged_or_not(repository: Path, git: Git, staged: bool) -> None:
    (repository / "sub").mkdir()
    (repository / "sub/model.py").touch()
    if staged:
        git("add", ".")

    assert working_tree(repository).changed == ("sub/model.py",)


def test_a_deleted_and_a_renamed_file(repository: Path, git: Git) -> None:
    git("mv", "train.py", "fit.py")

    assert working_tree(repository).changed == ("fit.py", "train.py")


def test_an_ignored_file_is_none(repository: Path, git: Git) -> None:
    (repository / ".gitignore").write_text("*.log\n")
    git("add", ".")
    git("commit", "--quiet", "--message=Ignore")
    (repository / "run.log").touch()

    assert not working_tree(repository).dirty


def test_baselines_and_bytecode_are_no_change_of_the_code(repository: Path, git: Git) -> None:
    store = FolderStore(repository, beside_tests=True)
    store.write(KEY, example((0.5,)))
    git("add", ".")
    git("commit", "--quiet", "--message=Baseline")
    store.write(KEY, example((0.9,)))
    (repository / "tests/__baselines__/notes.txt").touch()
    (repository / "__pycache__").mkdir()
    (repository / "__pycache__/train.cpython-311.pyc").touch()

    assert working_tree(repository) == WorkingTree(commit=git("rev-parse", "HEAD"), branch="main")


def test_a_change_elsewhere_in_the_repository_counts(repository: Path) -> None:
    (repository / "packages/a/tests").mkdir(parents=True)
    (repository / "train.py").write_text("lr = 0.2\n")

    assert working_tree(repository / "packages/a/tests").changed == ("train.py",)


def test_equal_changes_have_equal_hashes_and_others_do_not(repository: Path, git: Git) -> None:
    def hash_after(**files: str) -> str | None:
        git("checkout", "--quiet", ".")
        git("clean", "--quiet", "--force")
        for name, text in files.items():
            (repository / f"{name}.py").write_text(text)
        return working_tree(repository).diff_hash

    assert hash_after(train="lr = 0.2\n") == hash_after(train="lr = 0.2\n")
    different = [
        hash_after(),
        hash_after(train="lr = 0.2\n"),
        hash_after(train="lr = 0.3\n"),
        hash_after(model="a"),
        hash_after(model="b"),
        hash_after(other="a"),
        hash_after(train="lr = 0.2\n", model="a"),
    ]
    assert len(set(different)) == len(different)


def test_the_users_diff_settings_do_not_matter(repository: Path, git: Git) -> None:
    (repository / "train.py").write_text("lr = 0.2\n")
    before = working_tree(repository)

    git("config", "diff.external", "false")
    git("config", "color.diff", "always")
    git("config", "status.showUntrackedFiles", "no")
    git("config", "core.quotePath", "true")

    assert working_tree(repository) == before


def test_a_name_that_is_no_text(repository: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(repository) + b"/\xff\n.py")).touch()
    except OSError:
        pytest.skip("this file system has only names that are text")

    tree = working_tree(repository)

    assert tree.changed == ("\\xff\n.py",)
    assert tree.diff_hash is not None


def test_untracked_files_of_a_run_are_no_change_of_the_code(repository: Path, git: Git) -> None:
    clean = working_tree(repository)
    own = (repository / "report.html", repository / ".mlregress")
    (repository / ".mlregress").mkdir()
    for name in ("report.html", ".mlregress/history.sqlite"):
        (repository / name).write_text("1")

    assert working_tree(repository, own=own) == clean
    assert working_tree(repository).changed == (".mlregress/history.sqlite", "report.html")
    (repository / "report.html.py").touch()
    assert working_tree(repository, own=own).changed == ("report.html.py",)
    assert clean.commit is not None
    assert not holds_changes(repository, clean.commit, None, own=own)
    (repository / "report.html.py").unlink()
    assert holds_changes(repository, clean.commit, None, own=own)

    git("add", "report.html")
    git("commit", "--quiet", "--message=Report")
    (repository / "report.html").write_text("2")
    assert working_tree(repository, own=own).changed == ("report.html",)


def test_a_detached_head(repository: Path, git: Git) -> None:
    git("checkout", "--quiet", "--detach")

    assert working_tree(repository) == WorkingTree(commit=git("rev-parse", "HEAD"))


def test_a_repository_without_a_commit(tmp_path: Path, git: Git) -> None:
    git("init", "--quiet", "--initial-branch=main")
    assert working_tree(tmp_path / "repository") == WorkingTree(branch="main")

    (tmp_path / "repository/train.py").write_text("lr = 0.1\n")
    untracked = working_tree(tmp_path / "repository")
    git("add", ".")
    staged = working_tree(tmp_path / "repository")

    assert untracked.dirty
    assert staged.dirty
    assert staged.commit is None
    assert staged.changed == ("train.py",)
    assert None not in (untracked.diff_hash, staged.diff_hash)


def test_a_shallow_clone(tmp_path: Path, repository: Path, git: Git) -> None:
    git("commit", "--quiet", "--allow-empty", "--message=Second")
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--depth=1", f"file://{repository}", str(clone))

    assert working_tree(clone) == WorkingTree(commit=git("rev-parse", "HEAD"), branch="main")


def test_a_worktree(tmp_path: Path, repository: Path, git: Git) -> None:
    git("worktree", "add", "--quiet", "-b", "idea", str(tmp_path / "idea"))

    assert working_tree(tmp_path / "idea").branch == "idea"


def test_the_repository_of_a_git_hook_does_not_stand_in_for_this_one(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere/index"))

    assert not working_tree(repository).dirty
    assert working_tree(repository).branch == "main"


def test_outside_a_repository(tmp_path: Path, git: Git) -> None:
    assert working_tree(tmp_path) == WorkingTree()
    assert working_tree(tmp_path / "nowhere") == WorkingTree()


@pytest.mark.parametrize("name", ["GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_WORK_TREE"])
def test_no_variable_of_a_hook_is_passed_on(
    repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    commit = git("rev-parse", "HEAD")
    monkeypatch.setenv(name, "/nowhere")

    assert working_tree(repository) == WorkingTree(commit=commit, branch="main")


def test_without_git_a_repository_is_unknown(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    (repository / "sub").mkdir()

    for place in (repository, repository / "sub"):
        tree = working_tree(place)
        assert (tree.commit, tree.dirty) == (None, True)
        assert tree.unknown is not None
        assert tree.unknown.startswith("git cannot be run: ")
    assert working_tree(tmp_path) == WorkingTree()


def test_another_owner_leaves_it_unknown_with_the_remedy_of_git(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    tree = working_tree(repository)

    assert tree.dirty
    assert tree.unknown is not None
    assert "dubious ownership" in tree.unknown
    assert f"git config --global --add safe.directory {repository}" in tree.unknown


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("HEAD", "junk", "not a git repository"),
        ("HEAD", None, "not a git repository"),
        ("HEAD", "1" * 40, "bad object HEAD"),
        ("refs/heads/main", "junk", "HEAD names neither a branch nor a commit"),
        ("index", "junk", "index"),
    ],
)
def test_a_broken_repository_leaves_it_unknown(
    repository: Path, file: str, content: str | None, words: str
) -> None:
    place = repository / ".git" / file
    place.unlink()
    if content is not None:
        place.write_text(content + "\n")

    tree = working_tree(repository)

    assert tree.dirty
    assert tree.unknown is not None
    assert words in tree.unknown
    assert "\n" not in tree.unknown


FAKE_GIT = """#!/bin/sh
shift 2
case "$1" in
    status) {status} ;;
    *) PATH="{path}" exec git "$@" ;;
esac
"""


@pytest.mark.parametrize("status", ["exec sleep 60", "sleep 20", "exit 128"])
def test_a_git_that_hangs_or_fails_leaves_the_tree_dirty(
    tmp_path: Path, repository: Path, git: Git, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    commit = git("rev-parse", "HEAD")
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text(
        FAKE_GIT.replace("{status}", status)
        .replace("{path}", os.environ["PATH"])
        .replace('exec git "$@"', f'exec git -C "{repository}" "$@"')
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git_command, "TIMEOUT_S", 0.5)

    tree = working_tree(repository)

    assert (tree.commit, tree.branch, tree.dirty) == (commit, "main", True)
    assert tree.unknown is not None
    assert tree.unknown.startswith("git status ")
