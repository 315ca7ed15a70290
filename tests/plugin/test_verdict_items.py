"""Tools that know only the results of items, as the test explorer of an editor does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from training_suite import TRAINING, Suite

TESTS = """
    import os
    import random

    import pytest


    def train(run):
        accuracy = random.gauss(0.9, 0.01) - float(os.environ.get("LOSS", "0"))
        run.record("accuracy", accuracy, higher_is_better=True)


    @pytest.mark.seeds(3)
    def test_alone(mlregress):
        train(mlregress)


    class TestModels:
        @pytest.mark.parametrize("size", ["big", "small"])
        @pytest.mark.seeds(3)
        def test_sizes(self, mlregress, size):
            train(mlregress)


    def test_plain():
        pass
"""

EXPLORER = '''
    """Ids hold the file in full, which only an item gives: as VS Code's plugin makes them."""

    import json
    from pathlib import Path

    import pytest

    FILES, RESULTS = {}, {}


    def full(nodeid, file):
        return "::".join([str(file), *nodeid.split("::")[1:]])


    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_protocol(item):
        FILES[item.nodeid] = item.path
        return (yield)


    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_report_teststatus(report, config):
        if report.when == "call" or (report.when == "setup" and report.skipped):
            file = FILES.get(report.nodeid, Path.cwd())
            RESULTS.setdefault(full(report.nodeid, file), report.outcome)
        return (yield)


    def pytest_sessionfinish(session):
        if hasattr(session.config, "workerinput"):
            return
        tree = {}
        if session.config.option.collectonly:
            for item in session.items:
                if hasattr(item, "callspec"):
                    function, _, rest = item.name.partition("[")
                    assert (rest, item.originalname) == (f"{item.callspec.id}]", function)
                tree[full(item.nodeid, item.path)] = [item.parent.name, item.name]
        Path("explorer.json").write_text(json.dumps({"tree": tree, "results": RESULTS}))
'''


@pytest.fixture
def explored(suite: Suite) -> Suite:
    suite.write(TESTS, "test_models.py")
    suite.record()
    suite.write(EXPLORER, "conftest.py")
    return suite


def explore(suite: Suite, *arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    """What an explorer has gathered by the short names of its items."""
    suite.run(*arguments, **environment)
    gathered = json.loads((suite.path / "explorer.json").read_text("utf-8"))
    file = f"{suite.path / 'test_models.py'}::"
    return {
        what: {key.removeprefix(file): value for key, value in found.items()}
        for what, found in gathered.items()
    }


VERDICTS = ("test_alone", "TestModels::test_sizes[big]", "TestModels::test_sizes[small]")


def test_an_explorer_lists_each_verdict_beside_its_seeds(explored: Suite) -> None:
    tree = explore(explored, "--collect-only")["tree"]
    assert {test: tree[test] for test in VERDICTS} == {
        "test_alone": ["test_models.py", "test_alone[verdict]"],
        "TestModels::test_sizes[big]": ["TestModels", "test_sizes[big-verdict]"],
        "TestModels::test_sizes[small]": ["TestModels", "test_sizes[small-verdict]"],
    }
    assert len(tree) == 3 * (3 + 1) + 1


@pytest.mark.parametrize(("loss", "outcome"), [("0", "passed"), ("0.2", "failed")])
def test_each_verdict_arrives_at_an_item_that_the_explorer_knows(
    explored: Suite, workers: str, loss: str, outcome: str
) -> None:
    tree = explore(explored, "--collect-only")["tree"]
    results = explore(explored, workers, LOSS=loss)["results"]
    assert {test: results[test] for test in VERDICTS} == dict.fromkeys(VERDICTS, outcome)
    assert set(VERDICTS) <= set(tree)


def test_all_ids_of_an_explorer_select_each_seed_once(explored: Suite) -> None:
    ids = explore(explored, "--collect-only")["tree"]
    result = explored.run(*(f"test_models.py::{test}" for test in ids), "--mlregress-stop=never")
    result.stdout.fnmatch_lines(["=* 4 passed, 9 seeds in *"])


def test_the_listing_of_the_collection_is_that_of_the_seeds(explored: Suite) -> None:
    result = explored.run("--collect-only", "-q", "test_models.py::test_alone")
    listed = [line for line in result.outlines if "::" in line]
    assert listed == [f"test_models.py::test_alone[seed{seed}]" for seed in range(3)]
    assert result.outlines[-1].startswith("3 tests collected in ")


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_plugin_that_expects_functions_does_not_keep_a_verdict_back(
    recorded: Suite, workers: str, place: str
) -> None:
    recorded.write(
        f"""
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            if {place == "before"}:
                item.function
            result = yield
            item.function
            return result
        """,
        "conftest.py",
    )
    result = recorded.run(workers, "--mlregress-stop=never", LOSS="0.2")
    assert recorded.verdicts == {"test_training.py::test_training": "regression"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*MLRegressWarning: test_training.py::test_training is reported, but a plugin failed "
            "on it: AttributeError(*no attribute 'function'*",
            "=* 1 failed, 1 warning, 5 seeds in *",
        ]
    )


def test_a_plugin_that_fails_on_the_report_is_not_silenced(recorded: Suite) -> None:
    recorded.write(
        """
        def pytest_runtest_logreport(report):
            if "[" not in report.nodeid:
                raise RuntimeError("no room for verdicts")
        """,
        "conftest.py",
    )
    result = recorded.run()
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(["INTERNALERROR> RuntimeError: no room for verdicts"])


def test_a_red_verdict_is_not_run_again(recorded: Suite) -> None:
    recorded.configure("rerunfailures")
    result = recorded.run("--reruns=2", "--mlregress-stop=never", LOSS="0.2")
    result.stdout.fnmatch_lines(["=* 1 failed, 5 seeds in *"])


def test_a_run_counts_no_items_beyond_its_seeds(recorded: Suite) -> None:
    recorded.write(
        """
        from pathlib import Path

        def pytest_sessionfinish(session):
            names = [item.name for item in session.items]
            Path("items.txt").write_text(" ".join(names))
        """,
        "conftest.py",
    )
    assert "collected 5 items" in recorded.run().outlines
    assert (recorded.path / "items.txt").read_text() == " ".join(
        f"test_training[seed{seed}]" for seed in range(5)
    )


def test_a_verdict_runs_between_the_items_and_before_the_next_one(recorded: Suite) -> None:
    """A plugin that keeps the current item does not lose it, and knows when the session ends."""
    recorded.write(TRAINING, "test_other.py")
    recorded.record("test_other.py")
    recorded.write(
        """
        from pathlib import Path

        import pytest

        STACK = []

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            assert not STACK, "one item inside another"
            STACK.append(item)
            result = yield
            assert STACK.pop() is item
            if "seed" not in item.name:
                with Path("next.txt").open("a") as file:
                    print(item.nodeid, "before", nextitem and nextitem.nodeid, file=file)
            return result
        """,
        "conftest.py",
    )
    result = recorded.run("-n0", "--mlregress-stop=never")
    assert result.ret == 0
    assert set(recorded.verdicts.values()) == {"identical"}
    assert (recorded.path / "next.txt").read_text().splitlines() == [
        "test_other.py::test_training before test_training.py::test_training[seed4]",
        "test_training.py::test_training before None",
    ]


def test_a_red_verdict_still_stops_before_the_next_item(recorded: Suite) -> None:
    recorded.write(TRAINING)
    result = recorded.run("-n0", "-x", LOSS="0.2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["=* 1 failed, 3 seeds in *"])


@pytest.mark.parametrize("outcome", ["fail", "skip"])
def test_a_plugin_that_fails_or_skips_a_verdict_does_not_end_the_session(
    recorded: Suite, outcome: str
) -> None:
    recorded.write(
        f"""
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            if "seed" not in item.name:
                pytest.{outcome}("not mine")
            return (yield)
        """,
        "conftest.py",
    )
    result = recorded.run("-n0", "--mlregress-stop=never", LOSS="0.2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*is reported, but a plugin failed on it: *", "=* 1 failed, 1 warning, 5 seeds in *"]
    )
