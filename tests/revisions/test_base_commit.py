"""Which commit is the base, and what a clone is told to fetch; the commands are run."""

import shlex
from pathlib import Path

import pytest
from git_projects import Project, on_branch, project

from pytest_mlregress.revisions.worktree import WorktreeError

ACTIONS = "in GitHub Actions, give actions/checkout `fetch-depth: 0`"


def refusal(made: Project, against: str) -> str:
    with pytest.raises(WorktreeError) as caught:
        made.prepare(against)
    return str(caught.value)


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """``main`` and ``idea`` with one commit each after the first, ``idea`` checked out."""
    made = on_branch(project(tmp_path_factory.mktemp("diverged") / "my projéct"))
    made.git("tag", "-a", "v1.2", "-m", "Release", "main")
    made.git("checkout", "--quiet", "main")
    made.commit({"model.py": "WIDTH = 3\n"})
    made.git("checkout", "--quiet", "idea")
    return made


@pytest.mark.parametrize(
    ("against", "base", "label", "merge_base_of"),
    [
        ("main", "main~1", "(merge base with main)", "main"),
        ("tip:main", "main", "(main)", None),
        ("v1.2", "main~1", "(merge base with v1.2)", "v1.2"),
        ("tip:HEAD~1", "main~1", "(HEAD~1)", None),
        ("heads/-odd-", "main~1", "(merge base with heads/-odd-)", "heads/-odd-"),
    ],
)
def test_the_base_is_the_merge_base_or_the_tip(
    diverged: Project, against: str, base: str, label: str, merge_base_of: str | None
) -> None:
    diverged.git("update-ref", "refs/heads/-odd-", "main")
    checkout = diverged.prepare(against)
    commit = diverged.git("rev-parse", base)
    found = (checkout.commit, checkout.label, checkout.merge_base_of)
    width = "WIDTH = 3\n" if base == "main" else "WIDTH = 1\n"
    assert found == (commit, f"{commit[:7]} {label}", merge_base_of)
    assert (checkout.top / "model.py").read_text() == width
    checkout.release(keep=False)


def test_a_full_and_a_short_commit(diverged: Project) -> None:
    commit = diverged.git("rev-parse", "main")
    for name in (commit, commit[:8]):
        checkout = diverged.prepare(f"tip:{name}")
        assert checkout.commit == commit
        checkout.release(keep=True)


def test_an_unknown_ref_gets_the_closest_names(diverged: Project) -> None:
    assert refusal(diverged, "mian") == (
        f"mian names no commit of {diverged.top}; did you mean main?"
    )
    assert refusal(diverged, "tip:zzz") == (
        f"zzz names no commit of {diverged.top}; list the branches and tags with: git for-each-ref"
    )


def test_an_interpreter_without_its_prefix_is_recognised(
    diverged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(diverged.top)
    (diverged.top / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
    assert refusal(diverged, ".venv/bin") == (
        f".venv/bin names no commit of {diverged.top}; "
        "for an interpreter or a virtual environment, write env:.venv/bin"
    )


def test_a_history_that_ends_before_the_commit(diverged: Project) -> None:
    assert refusal(diverged, "HEAD~9") == (
        "HEAD has no commit HEAD~9 in this clone; see: git log HEAD"
    )


def test_histories_without_a_common_ancestor(tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    made.git("checkout", "--quiet", "--orphan", "island")
    made.commit({"model.py": "WIDTH = 5\n"})
    assert refusal(made, "main") == (
        "HEAD and main have no common ancestor; to compare with it, write tip:main"
    )
    made.prepare("tip:main").release(keep=False)


def test_a_branch_before_its_first_commit_has_no_merge_base(tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    made.git("checkout", "--quiet", "--orphan", "island")
    assert refusal(made, "main") == (
        "HEAD has no commit yet, and so no merge base with main; write tip:main"
    )
    made.prepare("tip:main").release(keep=False)


@pytest.fixture
def shallow(diverged: Project, tmp_path: Path) -> Project:
    """A clone of the last commit of ``idea`` alone, as CI makes it."""
    clone = tmp_path / "clone"
    diverged.git(
        *("clone", "--quiet", "--depth=1", "--branch=idea"), diverged.top.as_uri(), str(clone)
    )
    return Project(clone)


def test_a_shallow_clone_says_what_to_fetch_until_it_can_compare(shallow: Project) -> None:
    first = refusal(shallow, "origin/main")
    command = "git fetch --deepen=100 origin main:refs/remotes/origin/main"
    assert first == (
        f"origin/main names no commit of {shallow.top}; "
        f"if origin has it, fetch it: {command}; {ACTIONS}"
    )
    shallow.git(*shlex.split(command)[1:])
    checkout = shallow.prepare("origin/main")
    assert (checkout.top / "model.py").read_text() == "WIDTH = 1\n"
    checkout.release(keep=False)


@pytest.mark.parametrize("depth", ["--deepen=100", "--unshallow"])
def test_a_shallow_clone_with_the_ref_but_no_merge_base(shallow: Project, depth: str) -> None:
    shallow.git("fetch", "--depth=1", "origin", "main:refs/remotes/origin/main")
    branch = "origin main:refs/remotes/origin/main"
    assert refusal(shallow, "origin/main") == (
        "this shallow clone holds no common ancestor of HEAD and "
        f"origin/main; fetch more of the history: git fetch --deepen=100 {branch}, or all of it: "
        f"git fetch --unshallow {branch}; {ACTIONS}"
    )
    shallow.git("fetch", depth, *branch.split())
    shallow.prepare("origin/main").release(keep=False)


def test_a_shallow_clone_without_an_ancestor_or_a_commit(
    shallow: Project, diverged: Project
) -> None:
    assert refusal(shallow, "HEAD~1") == (
        f"HEAD has no commit HEAD~1 in this clone; see: git fetch --deepen=100 origin; {ACTIONS}"
    )
    commit = diverged.git("rev-parse", "main~1")
    assert refusal(shallow, commit) == (
        f"{commit} names no commit of {shallow.top}; "
        f"if origin has it, fetch it: git fetch --unshallow origin; {ACTIONS}"
    )
    shallow.git("fetch", "--unshallow", "origin")
    shallow.prepare(commit).release(keep=False)


def test_a_branch_that_only_the_remote_has(diverged: Project, tmp_path: Path) -> None:
    diverged.git("clone", "--quiet", str(diverged.top), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    assert refusal(clone, "main") == (
        f"main names no commit of {clone.top}; did you mean "
        "origin/main?; if origin has it, fetch it: git fetch origin "
        "main:refs/remotes/origin/main, and write origin/main"
    )
    clone.prepare("origin/main").release(keep=False)
