"""Which commits lie between two refs, what each state holds, and which files a commit moved."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from git_projects import Project, project

from pytest_mlregress.revisions.bisection.candidate_weights import (
    READ_WEIGHT,
    UNREAD_WEIGHT,
    changes_by_candidate,
    weigh_candidates,
)
from pytest_mlregress.revisions.bisection.commit_range import CommitRange, read_range
from pytest_mlregress.revisions.bisection.equal_states import StateComparison, excluded_candidates
from pytest_mlregress.revisions.bisection.history import (
    History,
    all_parents_history,
    first_parent_history,
)
from pytest_mlregress.revisions.bisection.read_changes import changes_that_are_read
from pytest_mlregress.revisions.bisection.tree_changes import (
    FileChange,
    TreeChanges,
    read_tree_changes,
)
from pytest_mlregress.revisions.repository import find_repository
from pytest_mlregress.revisions.worktree_error import WorktreeError
from pytest_mlregress.running.reads import Reads


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A line of commits into which three branches were merged.

    ``old`` forked off before ``good``, ``topic`` after it, and ``release`` holds ``good`` itself::

        start - good - A - M1(topic: T1 T2) - B - M2(old: O1) - C   main
    """
    made = project(tmp_path_factory.mktemp("merged") / "répo")
    made.git("checkout", "--quiet", "-b", "old")
    made.commit({"old.py": "1\n"}, "O1")
    made.git("checkout", "--quiet", "main")
    made.commit({"model.py": "good\n", "notes.md": "good\n"}, "good")
    made.git("tag", "good")
    made.commit({"model.py": "A\n"}, "A")
    made.git("checkout", "--quiet", "-b", "topic", "good")
    made.commit({"topic.py": "1\n"}, "T1")
    made.commit({"topic.py": "2\n"}, "T2")
    made.git("checkout", "--quiet", "main")
    made.git("merge", "--quiet", "--no-ff", "-m", "M1", "topic")
    made.commit({"notes.md": "B\n"}, "B")
    made.git("merge", "--quiet", "--no-ff", "-m", "M2", "old")
    made.commit({"tables/new/one.csv": "1\n", "tests/test_it.py": "2\n"}, "C")
    return made


def between(made: Project, good: str, bad: str) -> CommitRange:
    return read_range(find_repository(made.top), good, bad)


def table(history: History) -> list[str]:
    """Each state as the subjects of what it holds."""
    return [
        " ".join(history.candidates[place].subject for place in sorted(contained)) or "-"
        for contained in history.contains
    ]


def trees_of(made: Project, history: History) -> TreeChanges:
    names = {*history.states, *(commit.name for commit in history.candidates)}
    names |= {parent for commit in history.candidates for parent in commit.parents}
    return read_tree_changes(
        find_repository(made.top),
        history.states[0],
        sorted(names),
        is_test=lambda path: path.startswith("tests/"),
    )


def test_the_first_parents_are_one_line_and_a_merge_is_one_candidate(merged: Project) -> None:
    history = first_parent_history(between(merged, "good", "main"))
    assert table(history) == [
        "-",
        "A",
        "A M1",
        "A M1 B",
        "A M1 B M2",
        "A M1 B M2 C",
    ]
    assert history.states[0] == merged.git("rev-parse", "good")
    assert history.states[-1] == merged.git("rev-parse", "main")
    assert [[commit.subject for commit in own] for own in history.brought] == [
        *([], ["T1", "T2"], [], ["O1"], []),
    ]
    described = history.candidates[1]
    assert (described.author, described.subject, len(described.parents)) == ("A", "M1", 2)
    assert described.short == merged.git("rev-parse", "main~3")[:7]


def test_all_parents_give_states_to_a_branch_that_holds_the_good_end(merged: Project) -> None:
    history = all_parents_history(between(merged, "good", "main"))
    rows = table(history)
    assert rows[0] == "-"
    held = {frozenset(row.split()) for row in rows[1:]}
    assert held == {
        frozenset({"A"}),
        frozenset({"T1"}),
        frozenset({"T1", "T2"}),
        frozenset({"A", "T1", "T2", "M1"}),
        frozenset({"A", "T1", "T2", "M1", "B"}),
        frozenset({"A", "T1", "T2", "M1", "B", "O1", "M2"}),  # O1 has no state of its own
        frozenset({"A", "T1", "T2", "M1", "B", "O1", "M2", "C"}),
    }
    assert rows[-1].split()[-1] == "C"


def test_a_good_end_off_the_line_comes_in_with_its_merge(merged: Project) -> None:
    history = first_parent_history(between(merged, "topic", "main"))
    assert table(history) == ["-", "M1", "M1 B", "M1 B M2", "M1 B M2 C"]
    assert [commit.subject for commit in history.brought[0]] == ["A"]


def test_a_good_end_that_is_no_ancestor_is_replaced_by_the_merge_base(merged: Project) -> None:
    found = between(merged, "topic", "main~4")  # A
    tip, base = merged.git("rev-parse", "topic"), merged.git("rev-parse", "good")
    assert found.good.name == base
    assert found.note == (
        f"topic ({tip[:7]}) is no ancestor of main~4; the search starts at their merge base "
        f"{base[:7]}"
    )


def refusal(made: Project, good: str, bad: str) -> str:
    with pytest.raises(WorktreeError) as caught:
        between(made, good, bad)
    return str(caught.value)


def test_ends_without_a_history_between_them_are_refused(merged: Project) -> None:
    good = merged.git("rev-parse", "good")[:7]
    assert refusal(merged, "main", "good") == (
        "good is an ancestor of main; the end without the loss comes first: "
        "mlregress bisect good main"
    )
    assert refusal(merged, "good", "main~5") == (
        f"good and main~5 are the same commit {good}, and there is nothing to search; "
        "see the history with: git log --oneline main~5"
    )
    assert refusal(merged, "good", ".") == (
        "the search is among commits, and . is none; commit the changes, and name HEAD"
    )
    assert refusal(merged, "goood", "main").startswith("goood names no commit of")
    empty = merged.git("hash-object", "-w", "-t", "tree", "/dev/null")
    lone = merged.git("commit-tree", empty, "-m", "Lone")
    assert refusal(merged, lone, "good").endswith(
        f"and good ({good}) have no common ancestor, and no history leads from one to the other; "
        "list the branches and tags with: git for-each-ref"
    )


def test_a_shallow_clone_is_told_what_to_fetch(merged: Project, tmp_path: Path) -> None:
    clone = Project(tmp_path / "clone")
    subprocess.run(
        [*("git", "clone", "--quiet", "--depth=2"), merged.top.as_uri(), str(clone.top)],
        check=True,
    )
    clone.git("fetch", "--quiet", "--depth=1", "origin", "tag", "good")
    text = refusal(clone, "good", "main")
    assert text.startswith("this shallow clone does not hold the history between good (")
    assert text.endswith(
        "fetch it: git fetch --unshallow; in GitHub Actions, give actions/checkout `fetch-depth: 0`"
    )
    clone.git("fetch", "--quiet", "--unshallow")
    assert len(between(clone, "good", "main").commits) == 8


def test_a_commit_counts_in_full_for_files_that_a_seed_reads(merged: Project) -> None:
    history = first_parent_history(between(merged, "good", "main"))
    trees = trees_of(merged, history)
    reads = Reads(files={"model.py": "1", "topic.py": "2"}, listings={"tables": "3"})
    weights = weigh_candidates(changes_by_candidate(history, trees), [reads])
    assert [(own.read_files, own.changed, own.weight) for own in weights] == [
        (("model.py",), 1, READ_WEIGHT),
        (("topic.py",), 1, READ_WEIGHT),
        ((), 1, UNREAD_WEIGHT),
        ((), 1, UNREAD_WEIGHT),
        (("tables/new/one.csv",), 1, READ_WEIGHT),  # the test file is the same in all states
    ]
    assert {own.weight for own in weigh_candidates(changes_by_candidate(history, trees), [])} == {
        READ_WEIGHT
    }


def test_with_all_parents_a_merge_counts_for_its_own_changes_alone(merged: Project) -> None:
    history = all_parents_history(between(merged, "good", "main"))
    reads = Reads(files={"model.py": "1", "topic.py": "2", "old.py": "3"})
    weights = weigh_candidates(changes_by_candidate(history, trees_of(merged, history)), [reads])
    counted = {
        commit.subject
        for commit, own in zip(history.candidates, weights, strict=True)
        if own.weight == READ_WEIGHT
    }
    assert counted == {"A", "T1", "T2", "O1"}


@pytest.mark.parametrize(
    ("reads", "path", "one_sided", "read"),
    [
        (Reads(files={"a/model.py": "1"}), "a/model.py", False, True),
        (Reads(files={"a/model.py": "1"}), "a/other.py", True, False),
        (Reads(files={"lib/x.py": "1"}), "lib", False, True),  # a submodule
        (Reads(files={"lib/x.py": "1"}), "li", False, False),
        (Reads(listings={"data": "1"}), "data/new.csv", True, True),
        (Reads(listings={"data": "1"}), "data/old.csv", False, False),
        (Reads(listings={"data": "1"}), "data/new/part.csv", True, True),
        (Reads(listings={".": "1"}), "new.csv", True, True),
        (Reads(absent=("a/fast",)), "a/fast.py", True, True),
        (Reads(absent=("a/fast",)), "a/fast/__init__.py", True, True),
        (Reads(absent=("a/fast",)), "a/fast.cpython-311-x86_64-linux-gnu.so", True, True),
        (Reads(absent=("a/fast",)), "a/faster.py", True, False),
        (Reads(), "model.py", True, False),
    ],
)
def test_what_counts_as_read(reads: Reads, path: str, one_sided: bool, read: bool) -> None:
    found = changes_that_are_read(reads, [FileChange(path, one_sided)])
    assert found == ((path,) if read else ())


def test_states_with_the_same_read_files_are_one_and_exclude_what_lies_between(
    merged: Project,
) -> None:
    history = first_parent_history(between(merged, "good", "main"))
    trees = trees_of(merged, history)
    everything = Reads(files={"model.py": "1", "topic.py": "2"})
    reads = dict.fromkeys((history.states[0], history.states[-1]), everything)
    equal = StateComparison(history.states, trees).equal(reads)
    assert equal == (0, 1, 5, 5, 5, 5)
    excluded = excluded_candidates(history.contains, equal)
    assert [history.candidates[place].subject for place in sorted(excluded)] == ["B", "M2", "C"]


def test_reads_that_are_not_all_known_prove_nothing(merged: Project) -> None:
    history = first_parent_history(between(merged, "good", "main"))
    trees = trees_of(merged, history)
    partly = Reads(files={"model.py": "1"}, unseen=("uses h5py, which opens files unseen",))
    reads = dict.fromkeys(history.states, partly)
    equal = StateComparison(history.states, trees).equal(reads)
    assert equal == tuple(range(len(history.states)))
    assert excluded_candidates(history.contains, equal) == frozenset()


def test_a_change_that_was_taken_back_is_excluded_with_its_revert(tmp_path: Path) -> None:
    made = project(tmp_path / "repo")
    made.commit({"model.py": "1\n"}, "Start")
    made.git("tag", "start")
    made.commit({"model.py": "2\n"}, "Change")
    made.git("revert", "--no-edit", "HEAD")
    made.commit({"model.py": "3\n"}, "Last")
    history = first_parent_history(between(made, "start", "main"))
    reads = {history.states[0]: Reads(files={"model.py": "1"})}
    equal = StateComparison(history.states, trees_of(made, history)).equal(reads)
    assert equal == (0, 1, 0, 3)
    assert excluded_candidates(history.contains, equal) == {0, 1}
