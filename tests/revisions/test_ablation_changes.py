"""Changes by every name that they may have, and the combinations that git builds of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from git_projects import Project, project

from pytest_mlregress.revisions.ablation.cell_commits import build_cells
from pytest_mlregress.revisions.ablation.change import Change
from pytest_mlregress.revisions.ablation.find_changes import find_changes, find_commit
from pytest_mlregress.revisions.ablation.loose_commit import check_git_version
from pytest_mlregress.revisions.ablation.overlaps import refuse_indistinct, shared_commits
from pytest_mlregress.revisions.repository import find_repository
from pytest_mlregress.revisions.worktree_error import WorktreeError

BASE = {"width.py": "A = 1\nB = 1\nC = 1\nD = 1\nE = 1\n", "rate.py": "RATE = 0.1\n"}


def edited(*changes: tuple[str, int], text: str = BASE["width.py"]) -> dict[str, str]:
    for name, value in changes:
        text = text.replace(f"{name} = 1", f"{name} = {value}")
    return {"width.py": text}


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """``main``, and three branches from its first commit; main has moved on since."""
    repository = project(tmp_path / "project", BASE)
    repository.git("tag", "start")
    for name, files in {
        "wide": edited(("A", 2)),
        "deep": edited(("E", 2)),
        "fast": {"rate.py": "RATE = 1.0\n"},
        "clash": edited(("A", 3)),
    }.items():
        repository.git("checkout", "--quiet", "-b", name, "start")
        repository.commit(files, f"Make it {name}")
    repository.git("checkout", "--quiet", "main")
    repository.commit({"README": "moved on\n"})
    return repository


def changes_of(made: Project, *texts: str, base: str = "main") -> list[Change]:
    repository = find_repository(made.top)
    commit = find_commit(repository, base)
    changes = find_changes(repository, commit, texts, directory=made.top)
    refuse_indistinct(repository.top, commit, changes)
    return changes


def cells_of(
    made: Project,
    changes: Sequence[Change],
    *combinations: str,
    base: str = "main",
    given: Mapping[frozenset[str], str] | None = None,
) -> dict[str, str]:
    """The commits of combinations such as ``wide+deep``."""
    commit = find_commit(find_repository(made.top), base)
    wanted = [frozenset(filter(None, text.split("+"))) for text in combinations]
    built = build_cells(made.top, commit, changes, wanted, given=given or {})
    return {cell.name: cell.commit for cell in built}


def content(made: Project, commit: str, path: str = "width.py") -> str:
    return made.git("show", f"{commit}:{path}") + "\n"


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(WorktreeError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_branches_are_combined_on_a_base_that_has_moved_on(made: Project) -> None:
    (made.top / "width.py").write_text("A = 'my own edit'\n")
    (made.top / "untracked.txt").write_text("mine\n")
    made.git("add", "width.py")
    before = made.state()
    changes = changes_of(made, "wide", "deep", "fast")
    cells = cells_of(made, changes, "", "wide", "deep", "wide+deep", "deep+wide+fast")
    assert list(cells) == ["BASE", "wide", "deep", "wide+deep", "wide+deep+fast"]
    assert cells["BASE"] == made.git("rev-parse", "main")
    assert content(made, cells["wide+deep"]) == edited(("A", 2), ("E", 2))["width.py"]
    assert content(made, cells["wide+deep"], "README") == "moved on\n"
    assert content(made, cells["wide+deep+fast"], "rate.py") == "RATE = 1.0\n"
    assert made.state() == before
    assert (made.top / "width.py").read_text() == "A = 'my own edit'\n"
    # The same commits by another run, and for a user with other settings of git.
    made.git("config", "user.name", "Another")
    assert cells_of(made, changes, "wide+deep")["wide+deep"] == cells["wide+deep"]


def test_a_branch_that_starts_at_the_base_is_taken_as_it_is(made: Project) -> None:
    cells = cells_of(made, changes_of(made, "wide", base="start"), "wide", base="start")
    assert cells["wide"] == made.git("rev-parse", "wide")


def test_what_names_a_branch_and_what_a_commit(made: Project) -> None:
    made.git("checkout", "--quiet", "wide")
    tip = made.commit({"rate.py": "RATE = 0.2\n"}, "Change the rate, too")
    made.git("tag", "--annotate", "--message", "x", "v1")
    made.git("checkout", "--quiet", "main")
    found = {
        text: changes_of(made, text)[0]
        for text in ("wide", "v1", "refs/heads/wide", tip, tip[:9], "wide^0", "wide~1", "w=wide")
    }
    assert {text: (str(c.kind), c.name, len(c.commits)) for text, c in found.items()} == {
        "wide": ("branch", "wide", 2),
        "v1": ("branch", "v1", 2),
        "refs/heads/wide": ("branch", "wide", 2),
        tip: ("commit", tip[:7], 1),
        tip[:9]: ("commit", tip[:7], 1),
        "wide^0": ("commit", tip[:7], 1),
        "wide~1": ("commit", found["wide~1"].end[:7], 1),
        "w=wide": ("branch", "w", 2),
    }
    (cell,) = cells_of(made, [found["wide^0"]], tip[:7]).values()
    assert content(made, cell, "rate.py") == "RATE = 0.2\n"
    assert content(made, cell) == BASE["width.py"]


def test_head_is_a_branch_even_where_it_is_detached(made: Project) -> None:
    made.git("checkout", "--quiet", "--detach", "wide")
    (change,) = changes_of(made, "HEAD")
    assert (change.name, len(change.commits)) == ("HEAD", 1)


def test_a_range_is_what_its_end_adds(made: Project) -> None:
    made.git("checkout", "--quiet", "wide")
    made.commit({"rate.py": "RATE = 0.2\n"})
    made.git("checkout", "--quiet", "main")
    (change,) = changes_of(made, "wide~1..wide")
    assert (change.name, str(change.kind)) == ("wide~1..wide", "range")
    (cell,) = cells_of(made, [change], "wide~1..wide").values()
    assert content(made, cell) == BASE["width.py"]
    assert content(made, cell, "rate.py") == "RATE = 0.2\n"
    assert "a range is written X..Y" in refused(lambda: changes_of(made, "main...wide"))


def test_the_first_commit_of_a_repository_is_a_change(made: Project) -> None:
    made.git("checkout", "--quiet", "--orphan", "other")
    made.git("rm", "-rfq", ".")
    first = made.commit({"other.py": "X = 1\n"})
    made.git("checkout", "--quiet", "main")
    (cell,) = cells_of(made, changes_of(made, f"o={first}"), "o").values()
    assert content(made, cell, "other.py") == "X = 1\n"
    assert content(made, cell) == BASE["width.py"]
    assert refused(lambda: changes_of(made, "other")) == (
        f"{made.git('rev-parse', 'main')[:7]} and other have no common ancestor, so what other "
        "changes is not defined; give its commits as a range: --change FIRST..other"
    )


@pytest.mark.parametrize("mailbox", [False, True])
def test_a_patch_is_what_it_makes_of_the_base(made: Project, mailbox: bool) -> None:
    made.git("checkout", "--quiet", "deep")
    made.commit(edited(("E", 2), ("D", 5)), "A second commit on the same file")
    made.git("checkout", "--quiet", "main")
    written = (
        made.git("format-patch", "--stdout", "start..deep")
        if mailbox
        else made.git("diff", "start", "deep")
    )
    patch = made.top / "data" / "my idea.patch"
    patch.parent.mkdir()
    patch.write_text(written + "\n")
    before = made.state()
    changes = changes_of(made, "data/my idea.patch", "wide")
    assert [change.name for change in changes] == ["my idea", "wide"]
    cells = cells_of(made, changes, "my idea", "my idea+wide")
    assert content(made, cells["my idea"]) == edited(("E", 2), ("D", 5))["width.py"]
    both = edited(("A", 2), ("E", 2), ("D", 5))["width.py"]
    assert content(made, cells["my idea+wide"]) == both
    assert made.state() == before


def test_patches_that_cannot_be_applied(made: Project) -> None:
    short = made.git("rev-parse", "main")[:7]
    stale = made.git("diff", "start", "wide").replace("A = 1", "A = 7").splitlines()
    texts = {
        "stale.patch": "\n".join(line for line in stale if not line.startswith("index ")) + "\n",
        "prose.patch": "not a patch\n",
        "empty.patch": "",
        "again.patch": made.git("diff", "start", "main") + "\n",
        "notes.txt": "x\n",
    }
    made.write(texts)
    top = made.top
    assert refused(lambda: changes_of(made, "stale.patch")) == (
        f"{top}/stale.patch does not apply to {short} (BASE): width.py; give the commit that it "
        "was made from as BASE, or commit it on a branch and give the branch"
    )
    assert refused(lambda: changes_of(made, "prose.patch")) == (
        f"{top}/prose.patch is not a patch that git can apply (error: No valid patches in input "
        '(allow with "--allow-empty")); write it again with git diff or git format-patch'
    )
    assert "empty.patch is empty" in refused(lambda: changes_of(made, "empty.patch"))
    assert refused(lambda: changes_of(made, "again.patch")) == (
        f"{top}/again.patch is already in BASE ({short}); leave it out, or give an older BASE"
    )
    assert refused(lambda: changes_of(made, "stael.patch")) == (
        f"--change 'stael.patch': there is no file {top}/stael.patch; "
        f"did you mean {top}/stale.patch?"
    )
    assert "the name of a patch ends with .patch or .diff" in refused(
        lambda: changes_of(made, "notes.txt")
    )


def test_the_working_tree_is_a_change(made: Project) -> None:
    made.write({"width.py": edited(("C", 9))["width.py"], "new.py": "N = 1\n", "data/x": "big\n"})
    (made.top / "rate.py").unlink()
    made.git("status")  # which refreshes the index
    before = made.state()
    changes = changes_of(made, "wide", "WORKTREE")
    cells = cells_of(made, changes, "worktree", "wide+worktree")
    assert content(made, cells["wide+worktree"]) == edited(("A", 2), ("C", 9))["width.py"]
    files = made.git("ls-tree", "-r", "--name-only", cells["worktree"]).split()
    assert files == [".gitignore", "README", "new.py", "width.py"]
    assert made.state() == before
    made.git("stash", "--include-untracked")
    assert refused(lambda: changes_of(made, ".")) == (
        "there are no uncommitted changes: leave WORKTREE out"
    )
    (stashed,) = changes_of(made, "edit=stash")
    assert (str(stashed.kind), stashed.name) == ("commit", "edit")


def test_a_large_untracked_file_is_not_copied_into_the_repository(made: Project) -> None:
    made.write({"width.py": "A = 2\n"})
    with (made.top / "weights.bin").open("wb") as file:
        file.truncate(12_000_000)
    assert refused(lambda: changes_of(made, "WORKTREE")) == (
        "the untracked file weights.bin has 12 MB, more than the 10 MB that WORKTREE takes along; "
        "add it to .gitignore, or commit it"
    )


def test_a_conflict_names_both_changes_and_the_files(made: Project) -> None:
    changes = changes_of(made, "wide", "deep", "clash")
    before = made.state()
    both = "wide+clash"
    assert refused(lambda: cells_of(made, changes, "", "wide", "wide+deep", both)) == (
        "wide and clash conflict in width.py; merge them once by hand and say where: "
        "--cell wide+clash=BRANCH; or leave that combination out: --without wide+clash "
        "(whether they act on each other is then not known)"
    )
    assert cells_of(made, changes, "", "wide", "wide+deep", "clash").keys() >= {"clash"}
    assert made.state() == before
    # Merged by hand, it also serves larger combinations.
    made.git("checkout", "--quiet", "-b", "by-hand", "wide")
    merged = made.commit(edited(("A", 4)))
    made.git("checkout", "--quiet", "main")
    cells = cells_of(
        made, changes, both, "wide+deep+clash", given={frozenset({"wide", "clash"}): merged}
    )
    assert cells["wide+clash"] == merged
    assert content(made, cells["wide+deep+clash"]) == edited(("A", 4), ("E", 2))["width.py"]


def test_a_conflict_with_the_base_says_how_to_rebase(made: Project) -> None:
    made.commit({**edited(("A", 8)), "rate.py": "RATE = 3\n"})
    made.git("checkout", "--quiet", "deep")
    made.git("rm", "-q", "rate.py")
    made.git("commit", "-qm", "Remove the rate")
    made.git("checkout", "--quiet", "main")
    main, start = (made.git("rev-parse", name)[:7] for name in ("main", "start"))
    assert refused(lambda: cells_of(made, changes_of(made, "wide", "deep"), "wide")) == (
        f"wide and BASE ({main}) conflict in width.py; rebase it: git rebase {main} wide; "
        f"or give the commit that it started from as BASE: {start}"
    )
    assert f"deep and BASE ({main}) conflict in rate.py (modify/delete); " in refused(
        lambda: cells_of(made, changes_of(made, "deep"), "deep")
    )


def test_changes_that_cannot_be_told_apart(made: Project) -> None:
    base = made.git("rev-parse", "main")[:7]
    made.git("checkout", "--quiet", "-b", "wider", "wide")
    made.commit(edited(("A", 2), ("B", 2)))
    made.git("checkout", "--quiet", "-b", "side", "wide")
    made.commit({"rate.py": "RATE = 5\n"})
    made.git("checkout", "--quiet", "-b", "nothing", "start")
    made.commit({})
    made.git("checkout", "--quiet", "-b", "picked", "start")
    made.commit({"README": "moved on\n"}, "The same by another commit")
    made.git("checkout", "--quiet", "main")
    wide, wider = (made.git("rev-parse", name)[:7] for name in ("wide", "wider"))
    assert refused(lambda: changes_of(made, "wide", "wider")) == (
        "wider contains wide (all of its 1 commit), so they cannot be told apart; give what it "
        f"adds in its place: --change {wide}..{wider}"
    )
    assert [str(c.kind) for c in changes_of(made, "wide", f"{wide}..{wider}")] == [
        "branch",
        "range",
    ]
    assert refused(lambda: changes_of(made, "wide", "w=wide^0")) == (
        "wide and w are the same 1 commit; give one of them"
    )
    assert refused(lambda: changes_of(made, "start")) == (
        f"start is already in BASE ({base}): it has no commit that BASE lacks; give an older BASE, "
        "or its last commit alone as a hash"
    )
    start = made.git("rev-parse", "start")
    assert f"{base[:7]}), which contains {base}; give its parent as BASE: {start[:7]}" in refused(
        lambda: changes_of(made, made.git("rev-parse", "main"))
    )
    assert "nothing changes no file: " in refused(lambda: changes_of(made, "nothing"))
    assert refused(lambda: cells_of(made, changes_of(made, "picked"), "picked")) == (
        f"picked is already in BASE ({base}): applied to BASE, it changes nothing; leave it out"
    )
    assert list(shared_commits(changes_of(made, "wider", "side"))) == [
        f"wider and side share 1 commit ({wide}): what it does is in the effect of each, and its "
        "double in neither"
    ]


def test_names_that_cannot_be_read(made: Project) -> None:
    made.git("branch", "a+b", "wide")
    assert refused(lambda: changes_of(made, "wide", "wide")) == "--change wide is given twice"
    assert refused(lambda: changes_of(made, "a=wide", "a=deep")) == (
        "two changes are named a: wide and deep; give one of them another name: --change NAME=deep"
    )
    assert refused(lambda: changes_of(made, "a+b")) == (
        "a+b cannot be told from a combination of changes; give it a short name: --change NAME=a+b"
    )
    assert "'BASE' is no name for a change" in refused(lambda: changes_of(made, "BASE=wide"))
    assert "--change '' is empty; expected a branch" in refused(lambda: changes_of(made, ""))
    assert "no change to measure" in refused(lambda: changes_of(made))
    assert "a ref cannot start with -; write refs/heads/-x" in refused(
        lambda: changes_of(made, "-x")
    )
    assert "wied names no commit of" in (text := refused(lambda: changes_of(made, "wied")))
    assert "did you mean wide?" in text
    made.git("branch", "x=1", "deep")
    assert changes_of(made, "x=1")[0].name == "x=1"


def test_a_shallow_clone_says_what_to_fetch(made: Project, tmp_path: Path) -> None:
    clone = Project(tmp_path / "clone")
    url = f"file://{made.top}"
    made.git("clone", "--quiet", "--depth=1", "--no-single-branch", url, str(clone.top))
    base = made.git("rev-parse", "main")[:7]
    assert refused(lambda: changes_of(clone, "origin/wide")) == (
        f"this shallow clone holds no common ancestor of {base} and origin/wide; fetch more of "
        "the history: git fetch --deepen=100 (or --unshallow)"
    )
    assert "this shallow clone lacks the parent of" in refused(
        lambda: changes_of(clone, "origin/wide^0")
    )


def test_hooks_and_settings_of_git_change_nothing(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = cells_of(made, changes_of(made, "wide", "deep"), "wide+deep")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "")
    made.git("config", "commit.gpgsign", "true")
    made.git("config", "merge.conflictStyle", "zdiff3")
    made.git("config", "rerere.enabled", "true")
    assert cells_of(made, changes_of(made, "wide", "deep"), "wide+deep") == cells
    assert not (made.top / ".git" / "rr-cache").exists()


@pytest.mark.skipif(os.name == "nt", reason="a script takes the place of git")
def test_a_git_that_cannot_merge_without_a_checkout_is_refused(
    made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "git"
    script.write_text(
        "#!/bin/sh\nfor a; do case $a in version) echo git version 2.34.1; exit;; esac; done\n"
        f'exec {real} "$@"\n'
    )
    script.chmod(0o755)
    check_git_version(made.top)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    assert refused(lambda: check_git_version(made.top)) == (
        "git version 2.34.1 cannot merge without a checkout; changes are combined by "
        "git merge-tree --write-tree, which needs git 2.38 or newer"
    )
    assert subprocess.run(["git", "version"], capture_output=True, check=True).stdout
