"""Tests of which nothing that they read has changed are left out, and audited."""

from __future__ import annotations

import json

import pytest
from training_suite import Suite

from pytest_mlregress.session.unchanged import is_drawn

SKIP = "mlregress_unchanged = skip\nmlregress_audit = 0\npythonpath = src"

TESTS = """
    import os
    from pathlib import Path

    import pytest
    from package.model import accuracy

    @pytest.mark.seeds(4)
    def test_model(mlregress):
        size = len(Path(__file__).with_name("data.csv").read_text())
        mlregress.record("accuracy", accuracy() + size, higher_is_better=True)
"""
OTHER = """
    import os
    import random

    import pytest

    TRIES = []

    @pytest.mark.seeds(4)
    def test_other(mlregress):
        hidden = float(vars(os)["environ"].get("HIDDEN", "0"))  # found in no syntax tree
        mlregress.record("accuracy", random.gauss(0.9, 0.01) + hidden, higher_is_better=True)

    @pytest.mark.seeds(4)
    def test_odd(mlregress):
        TRIES.append(1)
        mlregress.record(
            "accuracy", random.gauss(0.9, 0.01) + len(TRIES) / 1e6, higher_is_better=True
        )
"""
MODEL = """
    import random

    def accuracy():
        return random.gauss(0.9, 0.01)
"""


@pytest.fixture
def project(suite: Suite) -> Suite:
    """Two test files and a package."""
    suite.configure(ini=SKIP)
    for name in ("__init__", "unused"):
        suite.write("", f"src/package/{name}.py")
    suite.write(MODEL, "src/package/model.py")
    (suite.path / "data.csv").write_text("1,2,3\n")
    suite.write(TESTS, "test_model.py")
    suite.write(OTHER, "test_other.py")
    return suite


def recorded(suite: Suite, *arguments: str) -> str:
    """Record the baselines; the commit that they name."""
    suite.record(*arguments)
    (file,) = (suite.path / "__baselines__" / "test_other").glob("test_other*.json")
    return str(json.loads(file.read_text())["provenance"]["commit"])[:7]


def notes(suite: Suite, test: str) -> list[str]:
    return [str(note) for note in suite.tests[test]["notes"]]


def test_a_check_trains_what_has_changed_alone(project: Suite) -> None:
    commit = recorded(project, "-n2")

    result = project.run()

    left_out = f"identical (not run: nothing it reads has changed since {commit})"
    assert project.verdicts == {
        "test_model.py::test_model": "unchanged",
        "test_other.py::test_other": "unchanged",
        "test_other.py::test_odd": "pass",
    } | {"test_other.py::test_odd": project.verdicts["test_other.py::test_odd"]}
    assert project.tests["test_other.py::test_other"]["headline"] == left_out
    result.stdout.fnmatch_lines([f"*{left_out}"])
    (note,) = [n for n in notes(project, "test_other.py::test_odd") if n.startswith("trained")]
    assert note.startswith("trained: always trained: seed 0 gave accuracy 0.")
    assert project.report["summary"]["seeds_unchanged"] == 8

    project.write("VERSION = 2", "src/package/unused.py")
    (project.path / "README.md").write_text("words")
    project.run("-n2", "test_model.py")
    assert project.verdicts == {"test_model.py::test_model": "unchanged"}

    (project.path / "data.csv").write_text("1,2,4\n")
    project.run("test_model.py")
    assert project.verdicts == {"test_model.py::test_model": "identical"}
    assert notes(project, "test_model.py::test_model") == [
        f"trained: data.csv has changed since {commit}"
    ]
    (project.path / "data.csv").write_text("1,2,3\n")
    (project.path / "conftest.py").write_text("")
    project.run("test_model.py")
    assert notes(project, "test_model.py::test_model") == [
        f"trained: conftest.py has been added since {commit}"
    ]
    project.run("test_model.py", "--mlregress-unchanged=run")
    assert notes(project, "test_model.py::test_model") == []


def test_an_audit_trains_two_seeds_and_is_red_where_a_bit_differs(project: Suite) -> None:
    commit = recorded(project)
    test = "test_other.py::test_other"

    project.run("--mlregress-audit=1", test)
    assert project.verdicts == {test: "unchanged"}
    assert project.tests[test]["headline"] == (
        f"identical (audit: nothing it reads has changed since {commit}; seeds 0, 1 trained again, "
        "bit-equal)"
    )
    assert project.report["summary"]["seeds_run"] == 2

    result = project.run("--mlregress-audit=1", "-n2", test, HIDDEN="0.5")
    assert result.ret == 1
    (reason,) = project.tests[test]["reasons"]
    assert reason.startswith("audit: accuracy of seed 0 moved from 0.")
    assert reason.endswith(f", though nothing it reads has changed since {commit}")
    step = str(project.tests[test]["next_steps"][0])
    assert step.endswith(f"pytest '{test}' --mlregress-unchanged=run")
    project.run(test, "--mlregress-unchanged=run", HIDDEN="0.5")
    assert project.verdicts == {test: "improvement"}


def test_a_baseline_without_reads_is_trained_and_says_how_to_record_them(project: Suite) -> None:
    project.record("--mlregress-unchanged=run", "test_model.py")

    project.run("test_model.py")

    assert project.verdicts == {"test_model.py::test_model": "identical"}
    assert notes(project, "test_model.py::test_model") == [
        "trained: its baseline does not say what its seeds read: record it again with "
        "--mlregress-update --mlregress-unchanged=skip"
    ]


def test_the_audit_draws_its_share_and_others_at_each_commit() -> None:
    drawn = [
        (commit, test)
        for commit in range(40)
        for test in range(100)
        if is_drawn(f"c{commit}", f"test_{test}", 0.05)
    ]
    assert 150 < len(drawn) < 250  # 200 expected, with an SD of 14
    assert len({test for _, test in drawn}) > 60
    assert all(is_drawn("c", str(test), 1.0) for test in range(100))
    assert not any(is_drawn("c", str(test), 0.0) for test in range(100))


def test_an_a_b_run_leaves_out_no_side(project: Suite) -> None:
    recorded(project, "test_model.py", "test_other.py::test_other")
    project.run("--mlregress-against=HEAD", "--mlregress-no-cache", "test_model.py", apart=True)
    assert project.verdicts == {"test_model.py::test_model": "identical"}
    assert notes(project, "test_model.py::test_model") == []
    assert project.report["summary"]["seeds_unchanged"] == 0
