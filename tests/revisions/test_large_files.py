"""Git LFS without git-lfs and without a network."""

import hashlib
from pathlib import Path

import pytest
from git_projects import Project, on_branch, project

OLD, NEW = "old weights " * 50, "new weights " * 50


def pointer(text: str) -> str:
    oid = hashlib.sha256(text.encode()).hexdigest()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(text.encode())}\n"
    )


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """``main`` has an old file and one that did not change; the candidate has all as files."""
    made = project(
        tmp_path / "project",
        {
            ".gitattributes": "*.bin filter=lfs diff=lfs -text\n",
            "a é.bin": pointer(OLD),
            "same.bin": pointer(NEW),
            "model.py": "W = 1\n",
        },
    )
    on_branch(made, {"a é.bin": pointer(NEW)})
    made.git("config", "filter.lfs.required", "true")
    made.git("config", "filter.lfs.smudge", "git-lfs-that-would-download smudge -- %f")
    made.git("config", "filter.lfs.process", "git-lfs-that-would-download filter-process")
    for name in ("a é.bin", "same.bin"):
        (made.top / name).write_text(NEW)
    return made


def store(made: Project, text: str) -> None:
    oid = hashlib.sha256(text.encode()).hexdigest()
    made.write({f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}": text})


def test_files_come_from_the_local_store_and_the_candidate(made: Project) -> None:
    store(made, OLD)
    for keep in (True, False):
        checkout = made.prepare()
        assert (checkout.top / "a é.bin").read_text() == OLD
        assert (checkout.top / "same.bin").read_text() == NEW
        assert checkout.notes == ()
        checkout.release(keep=keep)


def test_a_pointer_that_stays_is_noted_with_the_command(made: Project) -> None:
    checkout = made.prepare()
    assert (checkout.top / "a é.bin").read_text() == pointer(OLD)
    assert (checkout.top / "same.bin").read_text() == NEW
    assert checkout.notes == (
        "the base has Git LFS pointers in place of files: a é.bin; "
        f"fetch them with: git lfs fetch origin {checkout.commit}",
    )
    checkout.release(keep=False)


def test_a_pointer_on_both_sides_is_no_news(made: Project) -> None:
    for name in ("a é.bin", "same.bin"):
        (made.top / name).write_text(pointer(NEW))
    checkout = made.prepare()
    assert (checkout.top / "a é.bin").read_text() == pointer(OLD)
    assert checkout.notes == ()
    checkout.release(keep=False)
