"""Submodules at the commits that the base records, without a network."""

import os
from pathlib import Path

import pytest
from git_projects import Project, names_in, on_branch, project

from pytest_mlregress.revisions.worktree import WorktreeError, changed_files


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """``main`` records the first commits of nested submodules, ``idea`` the second ones."""
    inner = project(tmp_path / "inner", {"deep.py": "D = 1\n"})
    library = project(tmp_path / "library", {"net.py": "N = 1\n"})
    library.git("submodule", "--quiet", "add", str(inner.top), "third party/inner")
    library.commit({})
    made = project(tmp_path / "project", {"model.py": "M = 1\n"})
    made.git("submodule", "--quiet", "add", str(library.top), "libs/library é")
    made.git("submodule", "--quiet", "update", "--init", "--recursive")
    made.commit({})
    made.git("checkout", "--quiet", "-b", "idea")
    inside = Project(made.top / "libs" / "library é")
    Project(inside.top / "third party" / "inner").commit({"deep.py": "D = 2\n"})
    inside.commit({"net.py": "N = 2\n"})
    made.commit({"model.py": "M = 2\n"})
    for repository in (inner, library):  # so that nothing can be fetched
        repository.top.rename(repository.top.with_name(f"{repository.top.name} is away"))
    return made


def texts(top: Path) -> list[str]:
    library = top / "libs" / "library é"
    return [
        (file).read_text()
        for file in (top / "model.py", library / "net.py", library / "third party/inner/deep.py")
    ]


def entries(made: Project) -> list[str]:
    """Every entry of a worktree in the repository and its submodules."""
    return [str(path) for path in (made.top / ".git").rglob("worktrees/*")]


def test_the_base_has_its_own_commits_of_submodules(made: Project) -> None:
    library = Project(made.top / "libs" / "library é")
    before = (made.state(), library.state())
    for keep in (True, False):
        checkout = made.prepare()
        assert texts(checkout.top) == ["M = 1\n", "N = 1\n", "D = 1\n"]
        assert texts(made.top) == ["M = 2\n", "N = 2\n", "D = 2\n"]
        assert changed_files(checkout) == ("libs/library é", "model.py")
        assert checkout.notes == ()
        (checkout.top / "libs" / "library é" / "net.py").write_text("spoiled")
        (checkout.top / "libs" / "library é" / "new.py").touch()
        checkout.release(keep=keep)
    assert entries(made) == []
    assert (made.state(), library.state()) == before


def test_a_change_in_a_submodule_that_is_in_no_commit_is_a_change(made: Project) -> None:
    same = made.prepare("HEAD")
    assert changed_files(same) == ()
    assert len(same.notes) == 1
    same.release(keep=True)
    (made.top / "libs" / "library é" / "net.py").write_text("N = 3\n")
    (made.top / "libs" / "library é" / "output.txt").touch()
    dirty = made.prepare("HEAD")
    assert changed_files(dirty) == ("libs/library é",)
    assert dirty.notes == ()
    assert texts(dirty.top) == ["M = 2\n", "N = 2\n", "D = 2\n"]
    dirty.release(keep=False)


def test_a_killed_run_leaves_no_entry_in_a_submodule(made: Project) -> None:
    child = os.fork()
    if child == 0:  # holds its checkout, and ends without a trace of Python
        made.prepare()
        os._exit(0)
    os.waitpid(child, 0)
    assert len(entries(made)) == 3
    made.prepare().release(keep=False)
    assert entries(made) == []


def test_a_missing_commit_is_an_error_with_the_command(made: Project, tmp_path: Path) -> None:
    library = Project(made.top / "libs" / "library é")
    commit = made.git("ls-tree", "main", "libs/library é").split()[2]
    tree = library.top / library.git("rev-parse", "--git-dir")
    (tree / "objects" / commit[:2] / commit[2:]).unlink(missing_ok=True)
    for pack in (tree / "objects" / "pack").glob("*"):
        pack.unlink()
    with pytest.raises(WorktreeError) as caught:
        made.prepare()
    assert str(caught.value) == (
        f"the base needs the submodule libs/library é at {commit}, which is not in its repository; "
        f"fetch it: git -C '{library.top}' fetch origin {commit}"
    )
    assert entries(made) == []


def test_a_submodule_that_is_not_initialised_is_left_alone(made: Project, tmp_path: Path) -> None:
    made.git("clone", "--quiet", str(made.top), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    checkout = clone.prepare("origin/main")
    assert names_in(checkout.top) == [".gitmodules", "model.py"]
    assert checkout.notes == (
        "submodules that are not initialised here are empty in the base: libs/library é; "
        "initialise them with: git submodule update --init --recursive",
    )
    checkout.release(keep=False)


def test_a_submodule_that_the_candidate_has_moved(made: Project) -> None:
    made.git("mv", "libs/library é", "vendored")
    checkout = made.prepare()
    assert texts(checkout.top) == ["M = 1\n", "N = 1\n", "D = 1\n"]
    checkout.release(keep=False)


def test_a_rootdir_that_is_a_submodule(made: Project) -> None:
    inside = Project(made.top / "libs" / "library é")
    before = (made.state(), inside.state())
    checkout = inside.prepare("HEAD~1", place=made.place)
    assert (checkout.top / "net.py").read_text() == "N = 1\n"
    assert checkout.candidate_top == inside.top.resolve()
    assert (made.state(), inside.state()) == before
    checkout.release(keep=False)
    assert entries(made) == []


def test_a_submodule_of_test_data_is_the_candidates(tmp_path: Path) -> None:
    data = project(tmp_path / "points", {"points.csv": "1\n"})
    made = project(tmp_path / "project", {"tests/test_a.py": "", "model.py": ""})
    made.git("submodule", "--quiet", "add", str(data.top), "tests/data")
    made.commit({})
    on_branch(made)
    Project(made.top / "tests" / "data").commit({"points.csv": "2\n"})
    made.commit({})
    checkout = made.prepare()
    assert (checkout.top / "tests" / "data" / "points.csv").read_text() == "2\n"
    checkout.release(keep=True)
    own = made.prepare("own-tests:main")
    assert own.top == checkout.top
    assert (own.top / "tests" / "data" / "points.csv").read_text() == "1\n"
    own.release(keep=False)
    assert (made.top / "tests" / "data" / "points.csv").read_text() == "2\n"
