"""The base's checkout in repositories of every awkward kind."""

import os
import shutil
from pathlib import Path

import pytest
from git_projects import Project, names_in, on_branch, project

from pytest_mlregress.revisions.worktree import WorktreeError, changed_files, worktree_of


def check_idea_against_main(made: Project) -> None:
    """Prepare twice and release; the base is main's, and the repository stays as it was."""
    before = made.state()
    for keep in (True, False):
        checkout = made.prepare()
        assert (checkout.top / "model.py").read_text() == "WIDTH = 1\n"
        assert checkout.candidate_top == made.top.resolve()
        assert made.state() == before
        checkout.release(keep=keep)
        assert made.state() == before
    assert [name for name in made.worktrees() if "mlregress" in name] == []


def test_a_dirty_tree_is_the_candidate_as_it_is(tmp_path: Path) -> None:
    made = project(tmp_path / "project", {"model.py": "WIDTH = 1\n", "gone.py": ""})
    made.write({"model.py": "WIDTH = 9\n", "staged.py": "", "new é.py": ""})
    (made.top / "gone.py").unlink()
    made.git("add", "staged.py")
    before = made.state()

    checkout = made.prepare("HEAD")

    assert (checkout.top / "model.py").read_text() == "WIDTH = 1\n"
    assert changed_files(checkout) == ("gone.py", "model.py", "new é.py", "staged.py")
    assert names_in(checkout.top) == ["gone.py", "model.py"]
    assert checkout.notes == ()
    assert (made.top / "model.py").read_text() == "WIDTH = 9\n"
    assert made.state() == before
    checkout.release(keep=False)


def test_equal_sides_are_noted(tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    checkout = made.prepare()
    assert checkout.notes == (
        f"the base is {checkout.commit[:7]}, and the working tree has no changes to it: both sides "
        "run the same code",
    )
    checkout.release(keep=False)


def test_another_configuration_of_pytest_is_noted(tmp_path: Path) -> None:
    """Ruff's part of the file is none of pytest's, and a baseline is no change of the code."""
    config = '[tool.pytest.ini_options]\naddopts = "{}"\nxfail_strict = true\n[tool.ruff]\nx = {}'
    made = project(tmp_path / "project", {"pyproject.toml": config.format("-ra", 1)})
    on_branch(made, {"pyproject.toml": config.format("-ra", 2), "__baselines__/a/b.json": ""})
    checkout = made.prepare()
    assert checkout.notes == ()
    assert changed_files(checkout) == ("pyproject.toml",)
    checkout.release(keep=True)
    made.write({"pyproject.toml": config.format("-q", 2), "tox.ini": "[pytest]\nmarkers = a\n"})
    checkout = made.prepare()
    assert checkout.notes == (
        "pytest is configured otherwise in the base, and the candidate's configuration holds for "
        "both sides: pyproject.toml: addopts; tox.ini: markers",
    )
    checkout.release(keep=False)


def test_a_detached_head(tmp_path: Path) -> None:
    made = on_branch(project(tmp_path / "project"))
    made.git("checkout", "--quiet", "--detach")
    check_idea_against_main(made)


def test_a_worktree_of_the_users_and_the_repository_that_it_belongs_to(tmp_path: Path) -> None:
    made = on_branch(project(tmp_path / "project"))
    made.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))
    linked = Project(tmp_path / "linked")
    check_idea_against_main(linked)
    kept = linked.prepare()
    kept.release(keep=True)
    check_idea_against_main_keeps(made, kept.top)


def check_idea_against_main_keeps(made: Project, kept: Path) -> None:
    """A worktree that another checkout of the repository keeps is left alone."""
    made.prepare().release(keep=False)
    assert kept.is_dir()
    assert str(kept) in made.worktrees()


def test_a_worktree_of_a_bare_repository(tmp_path: Path) -> None:
    made = on_branch(project(tmp_path / "project"))
    made.git("clone", "--quiet", "--bare", str(made.top), str(tmp_path / "bare.git"))
    bare = Project(tmp_path / "bare.git")
    bare.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "idea")
    check_idea_against_main(Project(tmp_path / "linked"))
    with pytest.raises(WorktreeError) as caught:
        bare.prepare(place=tmp_path / "place")
    assert str(caught.value) == (
        f"{bare.top} is inside a bare repository, and the candidate is a checkout; run pytest in "
        "one (git worktree list shows them)"
    )


def test_a_hook_of_another_repository_that_sets_git_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = project(tmp_path / "other", {"other.py": ""})
    made = on_branch(project(tmp_path / "project"))
    for name, place in (("DIR", ".git"), ("WORK_TREE", "."), ("INDEX_FILE", ".git/index")):
        monkeypatch.setenv(f"GIT_{name}", str(other.top / place))
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    before = other.state()
    check_idea_against_main(made)
    assert other.state() == before


def test_a_rootdir_in_a_sub_folder(tmp_path: Path) -> None:
    made = on_branch(project(tmp_path / "project"), {"packages/a b/pytest.ini": "[pytest]\n"})
    checkout = made.prepare(rootdir=made.top / "packages" / "a b")
    assert checkout.rootdir == checkout.top / "packages" / "a b"
    assert checkout.rootdir.is_dir()
    assert (checkout.top / "model.py").exists()
    checkout.release(keep=False)


def test_a_rootdir_that_a_link_leads_to(tmp_path: Path) -> None:
    made = on_branch(project(tmp_path / "project"))
    (tmp_path / "link").symlink_to(made.top)
    checkout = made.prepare(rootdir=tmp_path / "link", place=tmp_path / "link" / ".pytest_cache")
    assert checkout.rootdir == checkout.top
    checkout.release(keep=True)
    assert made.prepare(place=made.top / ".pytest_cache").top == checkout.top


def test_a_folder_outside_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(WorktreeError) as caught:
        Project(tmp_path).prepare()
    assert str(caught.value) == (
        f"{tmp_path} is outside git, so there is no other commit to compare with; make it a "
        "repository and commit: git init && git add --all && git commit"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = project(tmp_path / "project")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorktreeError) as caught:
        made.prepare()
    assert str(caught.value).startswith("git rev-parse failed: git cannot be run: ")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="chown needs root")
def test_a_repository_of_another_owner_is_refused_in_gits_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(tmp_path / "project")
    for path in (made.top, made.top / ".git"):
        shutil.chown(path, 12345, 12345)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with pytest.raises(WorktreeError, match="detected dubious ownership") as caught:
        made.prepare()
    assert f"git config --global --add safe.directory {made.top}" in str(caught.value)


def test_hostile_names(tmp_path: Path) -> None:
    names = ("-option.py", "with space é.py", "tab\there.py", 'quo"te.py', "tests/test_-a b.py")
    made = on_branch(project(tmp_path / "a project é", dict.fromkeys(names, "X = 1\n")))
    made.commit(dict.fromkeys(names, "X = 2\n"))
    checkout = made.prepare()
    assert changed_files(checkout) == tuple(sorted({*names, "model.py"}))
    assert (checkout.top / "-option.py").read_text() == "X = 1\n"
    assert (checkout.top / "tests" / "test_-a b.py").read_text() == "X = 2\n"
    checkout.release(keep=False)


def test_the_users_hooks_do_not_run(tmp_path: Path) -> None:
    made = on_branch(project(tmp_path / "project"))
    hook = made.top / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/it ran'\n")
    hook.chmod(0o755)
    check_idea_against_main(made)
    assert not (tmp_path / "it ran").exists()


def test_git_lets_the_commit_of_a_worktree_live(tmp_path: Path) -> None:
    made = on_branch(project(tmp_path / "project"))
    lost = made.commit({"model.py": "WIDTH = 7\n"})
    made.git("reset", "--quiet", "--hard", "main")
    checkout = made.prepare(f"tip:{lost}")
    made.git("reflog", "expire", "--expire=now", "--all")
    made.git("gc", "--quiet", "--prune=now")
    made.git("worktree", "prune")
    assert Project(checkout.top).git("show", "HEAD:model.py") == "WIDTH = 7"
    checkout.release(keep=True)
    assert made.prepare(f"tip:{lost}").top == checkout.top


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    made = on_branch(project(tmp_path / "project"))
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "place"
    with pytest.raises(WorktreeError) as caught:
        made.prepare(place=place)
    assert str(caught.value).startswith(f"no worktree can be made in {place}: ")
    assert str(caught.value).endswith(
        "; make it writable, or choose another cache folder of pytest: -o cache_dir=FOLDER"
    )
    assert made.worktrees() == []


def test_a_red_is_confirmed_in_a_worktree_with_the_data(tmp_path: Path) -> None:
    made = on_branch(project(tmp_path / "project"))
    made.write({"data/points.csv": "1,2\n"})
    with worktree_of(made.top, made.git("rev-parse", "main")) as folder:
        assert (folder / "model.py").read_text() == "WIDTH = 1\n"
        assert (folder / "data" / "points.csv").read_text() == "1,2\n"
    assert not folder.exists()
    assert made.worktrees() == []
