"""The commands that look for a change work in the state that the tree is in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.verdicts.group import GroupPlan
from pytest_mlregress.verdicts.what_changed import what_changed

BASE = "4041c47aa0bbccddeeff"
TEST = "tests/test_digits.py::test_digits"
PLAN = GroupPlan(
    test=TEST,
    file=Path("tests/test_digits.py"),
    location=("tests/test_digits.py", 3, "test_digits"),
    planned=(0, 1, 2),
    selected=(0, 1, 2),
    tier="default",
    settings={},
)
DIFF = "what changed: git diff --stat 4041c47aa0 -- ':!*__baselines__*'"
LOG = "what changed: git log --oneline 4041c47aa0..HEAD -- ':!*__baselines__*'"
BISECT = f"which commit: mlregress bisect 4041c47aa0 HEAD --test '{TEST}'"
EXPLAIN = f"first difference: mlregress explain '{TEST}'"


@dataclass(frozen=True)
class Git:
    """What git would say."""

    tree: WorkingTree = field(default_factory=lambda: WorkingTree(commit="f" * 40))
    known: bool = True
    commits: int = 1
    shallow: bool = False
    only_tests: bool = False

    def knows(self, commit: str | None) -> bool:
        return self.known

    def commits_since(self, commit: str) -> int | None:
        return self.commits if self.known else None

    def only_tests_changed(self, commit: str | None) -> bool:
        return self.only_tests


DIRTY = WorkingTree(commit="f" * 40, dirty=True, changed=("train.py",))


@pytest.mark.parametrize(
    ("git", "lost", "steps"),
    [
        (Git(), True, [LOG, EXPLAIN]),
        (Git(commits=2), True, [LOG, BISECT, EXPLAIN]),
        (Git(commits=2), False, [LOG, EXPLAIN]),
        (Git(commits=0), True, [EXPLAIN]),
        (Git(tree=DIRTY, commits=2), True, [DIFF, EXPLAIN]),
        (Git(only_tests=True), True, [LOG]),
        (Git(tree=DIRTY, only_tests=True), True, [DIFF]),
        (Git(known=False), True, []),
        (
            Git(known=False, shallow=True),
            True,
            ["4041c47aa0 is not in this shallow clone: git fetch --unshallow"],
        ),
        (Git(tree=WorkingTree()), True, []),
        (None, True, []),
    ],
)
def test_each_state_has_its_own(git, lost, steps) -> None:
    assert list(what_changed(PLAN, BASE, git, lost=lost)) == steps


def test_without_a_commit_there_is_nothing_to_look_for() -> None:
    assert list(what_changed(PLAN, None, Git(), lost=True)) == []


def test_another_environment_is_no_other_code() -> None:
    plan = replace(PLAN, against="HEAD,env:.venv/bin/python")
    assert list(what_changed(plan, BASE, Git(), lost=True)) == [LOG]


def test_the_tier_of_the_run_is_that_of_the_search() -> None:
    plan = replace(PLAN, tier_option="full")
    assert list(what_changed(plan, BASE, Git(commits=3), lost=True))[1] == (
        f"{BISECT} -- --mlregress-tier=full"
    )
