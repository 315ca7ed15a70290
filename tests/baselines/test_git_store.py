"""Baselines as they are in a git ref."""

from collections.abc import Callable
from pathlib import Path

import pytest
from baseline_examples import KEY, example

from pytest_mlregress.baselines import git_store as git_module
from pytest_mlregress.baselines.errors import ArtifactError, StoreError
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.git_store import GitStore

FILE = "tests/__baselines__/test_digits/test_digits.full.json"


@pytest.fixture
def recorded(repository: Path, git: Callable[..., str]) -> Path:
    """The repository with a committed baseline, and another one in the working tree."""
    FolderStore(repository, beside_tests=True).write(KEY, example((0.5,)))
    git("add", ".")
    git("commit", "--quiet", "--message=Baseline")
    FolderStore(repository, beside_tests=True).write(KEY, example((0.9,)))
    return repository


def test_a_baseline_is_read_from_the_ref_and_not_from_the_tree(recorded: Path) -> None:
    store = GitStore(recorded, "main")

    assert store.read(KEY) == example((0.5,))
    assert store.list() == (KEY,)
    assert store.describe(KEY) == f"git:main:{FILE}"
    assert GitStore(recorded, "HEAD~1").read(KEY) is None
    assert GitStore(recorded, "HEAD~1").list() == ()


def test_a_branch_that_moves_does_not_move_the_store(
    recorded: Path, git: Callable[..., str]
) -> None:
    store = GitStore(recorded, "main")

    git("commit", "--all", "--quiet", "--message=Update")

    assert store.read(KEY) == example((0.5,))
    assert GitStore(recorded, "main").read(KEY) == example((0.9,))


def test_a_rootdir_below_the_top_of_the_repository(
    repository: Path, git: Callable[..., str]
) -> None:
    rootdir = repository / "packages" / "näme"
    FolderStore(rootdir, beside_tests=True).write(KEY, example())
    git("add", ".")
    git("commit", "--quiet", "--message=Baseline")

    store = GitStore(rootdir, "main")

    assert store.read(KEY) == example()
    assert store.list() == (KEY,)
    assert GitStore(repository, "main").read(KEY) is None


@pytest.mark.parametrize(
    "ref", ["nowhere", "--help", "--branches=main", "--since=now", "", "HEAD:train.py", "main\0"]
)
def test_a_ref_that_is_none_is_named(repository: Path, ref: str) -> None:
    with pytest.raises(StoreError) as refused:
        GitStore(repository, ref)

    shown = ref.replace("\0", r"\x00")
    assert str(refused.value).startswith(f"git:{shown}: {repository} has no such commit: ")
    assert "Name a branch, tag or commit of this repository" in refused.value.remedy


def test_outside_a_repository(tmp_path: Path, git: Callable[..., str]) -> None:
    with pytest.raises(StoreError) as refused:
        GitStore(tmp_path, "main")
    assert str(refused.value) == (
        f"git:main: {tmp_path} is outside git. Run this in a repository, or name a folder or URL "
        "of baselines"
    )


def test_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(StoreError, match="git cannot be run"):
        GitStore(repository, "main")


@pytest.mark.parametrize("what", ["write", "delete"])
def test_a_ref_is_read_only(recorded: Path, what: str) -> None:
    store = GitStore(recorded, "main")

    with pytest.raises(StoreError) as refused:
        getattr(store, what)(KEY, *([example()] if what == "write" else []))

    assert not store.writable
    assert str(refused.value) == (
        f"git:main:{FILE}: a git ref cannot be written to. Write to a folder: leave out "
        "--mlregress-baseline, or name one"
    )


def test_a_damaged_file_in_the_ref_names_itself(recorded: Path, git: Callable[..., str]) -> None:
    (recorded / FILE).write_text("{")
    git("commit", "--all", "--quiet", "--message=Damage")

    with pytest.raises(ArtifactError, match=f"git:main:{FILE}: at [$]: it is not valid JSON"):
        GitStore(recorded, "main").read(KEY)


def test_a_large_file_in_the_ref_is_refused_before_it_is_read(
    recorded: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (recorded / FILE).open("r+b") as file:
        file.truncate(65 * 2**20)
    git("commit", "--all", "--quiet", "--message=Grow")
    store = GitStore(recorded, "main")
    store.list()
    monkeypatch.setattr(git_module, "git", lambda *_: pytest.fail("asked git for the file"))

    with pytest.raises(ArtifactError, match="it has 65 MiB, a baseline has at most 64 MiB"):
        store.read(KEY)


def test_a_link_in_the_ref_is_not_followed(recorded: Path, git: Callable[..., str]) -> None:
    (recorded / FILE).unlink()
    (recorded / FILE).symlink_to("/etc/passwd")
    git("commit", "--all", "--quiet", "--message=Link")

    assert GitStore(recorded, "main").read(KEY) is None
