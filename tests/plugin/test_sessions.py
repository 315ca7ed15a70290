"""Runs as a whole: repeated, without xdist, without the plugin, from other folders."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from training_suite import TRAINING, Suite

TEST = "test_training.py::test_training"


def test_no_xdist_is_needed_to_judge(recorded: Suite) -> None:
    result = recorded.run("-p", "no:xdist", LOSS="0.05")
    assert recorded.verdicts == {TEST: "regression"}
    assert result.ret == 1


def test_a_machine_without_xdist_judges_too(recorded: Suite) -> None:
    recorded.write(
        """
        import sys
        class NoXdist:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in ("xdist", "execnet"):
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, NoXdist())
        """,
        "sitecustomize.py",
    )
    recorded.run(
        "-p", "no:xdist", "-p", "no:xdist.looponfail", apart=True,
        PYTHONPATH=str(recorded.path), LOSS="0.05",
    )  # fmt: skip
    assert recorded.verdicts == {TEST: "regression"}


def test_plugins_named_on_the_command_line_are_enough(recorded: Suite, workers: str) -> None:
    result = recorded.run(
        "-p", "xdist", "-p", "mlregress", workers, apart=True,
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", LOSS="0.05",
    )  # fmt: skip
    assert recorded.verdicts == {TEST: "regression"}
    assert result.ret == 1


def test_without_the_plugin_nothing_of_it_is_left(suite: Suite) -> None:
    suite.write("def test_plain(): pass")
    result = suite.pytester.runpytest_subprocess("-p", "no:mlregress", "-v")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*mlregress: *")


def test_a_run_without_regression_tests_prints_nothing_but_the_header(
    suite: Suite, workers: str
) -> None:
    suite.write("def test_plain(): pass")
    result = suite.pytester.runpytest_inprocess(workers)
    result.stdout.fnmatch_lines(["mlregress: check, *", "=* 1 passed in *"])
    result.stdout.no_fnmatch_line("=* mlregress =*")


def test_an_empty_run_says_so_as_ever(suite: Suite) -> None:
    assert suite.run().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_two_runs_in_one_process_do_not_mix(recorded: Suite) -> None:
    recorded.write(
        """
        import os
        import pytest
        codes = []
        for loss in ("0.05", "0", "0.05"):
            os.environ["LOSS"] = loss
            codes.append(int(pytest.main(["-q", "test_training.py"])))
        print("codes", codes)
        """,
        "twice.py",
    )
    result = recorded.pytester.runpython(recorded.path / "twice.py")
    result.stdout.fnmatch_lines(["codes [[]1, 0, 1]"])


@pytest.mark.parametrize("loss", ["0", "0.05"])
def test_the_folder_of_flags_is_gone_afterwards(
    recorded: Suite, workers: str, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recorded.path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    recorded.run(workers, LOSS=loss)
    assert list(folder.glob("pytest-mlregress-*")) == []


def test_a_seed_may_change_its_folder(recorded: Suite, workers: str) -> None:
    recorded.write(TRAINING + "        os.chdir('/')\n")
    recorded.run(workers, f"--mlregress-report={recorded.path / 'report.json'}", LOSS="0.05")
    assert recorded.verdicts == {TEST: "regression"}


def test_packages_below_a_rootdir_elsewhere(suite: Suite, workers: str) -> None:
    suite.write("", "project/tests/unit/__init__.py")
    suite.write(TRAINING, "project/tests/unit/test_training.py")
    suite.record("project/tests")
    assert (suite.path / "project/tests/unit/__baselines__/test_training").is_dir()
    suite.run(workers, "--rootdir=.", "project/tests/unit", LOSS="0.05")
    assert suite.verdicts == {"project/tests/unit/test_training.py::test_training": "regression"}
    suite.pytester.chdir()
    result = suite.run(workers, "--rootdir=project", "project/tests/unit")
    assert suite.verdicts == {"tests/unit/test_training.py::test_training": "identical"}
    assert result.ret == 0


def test_commands_in_messages_can_be_pasted_where_pytest_was_started(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.write(TRAINING, "tests/test_training.py")
    suite.record()
    monkeypatch.chdir(suite.path / "tests")
    report = suite.path / "report.json"
    suite.run(f"--mlregress-report={report}", LOSS="0.05")
    *_, accept = suite.tests["tests/test_training.py::test_training"]["next_steps"]
    assert ": pytest 'test_training.py::test_training' --mlregress-update" in accept


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_every_import_mode_works(suite: Suite, mode: str) -> None:
    suite.write(TRAINING, "a/test_training.py")
    suite.record(f"--import-mode={mode}")
    suite.run(f"--import-mode={mode}", LOSS="0.05")
    assert suite.verdicts == {"a/test_training.py::test_training": "regression"}


def test_same_named_files_in_two_folders_keep_their_own_baselines(suite: Suite) -> None:
    suite.write(TRAINING, "a/test_training.py")
    suite.write(TRAINING.replace("0.9,", "0.5,"), "b/test_training.py")
    suite.record("--import-mode=importlib")
    suite.run("--import-mode=importlib")
    assert suite.verdicts == {
        "a/test_training.py::test_training": "identical",
        "b/test_training.py::test_training": "identical",
    }


def test_doctests_and_other_items_run_beside(recorded: Suite, workers: str) -> None:
    recorded.write(
        'def double(x):\n    """\n    >>> double(2)\n    4\n    """\n    return 2 * x\n', "lib.py"
    )
    recorded.write(
        """
        import pytest
        class YamlFile(pytest.File):
            def collect(self):
                yield YamlItem.from_parent(self, name="item")
        class YamlItem(pytest.Item):
            def runtest(self): pass
        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".yaml":
                return YamlFile.from_parent(parent, path=file_path)
        """,
        "conftest.py",
    )
    recorded.write("a: 1\n", "test_it.yaml")
    result = recorded.run(workers, "--doctest-modules")
    assert recorded.verdicts == {TEST: "identical"}
    assert " 3 passed, " in result.stdout.lines[-1]


def test_subtests_of_a_seed_fail_it(recorded: Suite, workers: str) -> None:
    if not hasattr(pytest, "Subtests"):
        pytest.skip("this pytest has no subtests of its own")
    recorded.write(
        TRAINING.replace("(mlregress)", "(mlregress, subtests)")
        + "        with subtests.test('fine'): pass\n"
        + "        with subtests.test('odd'): assert not (os.environ.get('BAD') and "
        "mlregress.seed == 1)\n"
    )
    result = recorded.run(workers, "--mlregress-stop=never")
    assert recorded.verdicts == {TEST: "identical"}
    assert result.ret == 0
    result = recorded.run(workers, "--mlregress-stop=never", BAD="1")
    assert recorded.verdicts == {TEST: "diverged"}
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"SUBFAILED[[]odd] {TEST}[[]seed1] - *"])


@pytest.mark.parametrize("scope", ["class", "module", "session"])
def test_teardown_of_shared_fixtures_that_fails_is_an_error(recorded: Suite, scope: str) -> None:
    recorded.write(
        TRAINING.replace(
            "    @pytest.mark.seeds",
            f"""    @pytest.fixture(scope="{scope}", autouse=True)
    def shared():
        yield
        raise RuntimeError("not closed")

    @pytest.mark.seeds""",
        )
    )
    result = recorded.run("--mlregress-stop=never")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["ERROR test_training.py::test_training[[]seed4] - RuntimeError: not closed"]
    )
    assert recorded.verdicts == {TEST: "diverged"}


def test_a_fixture_that_fails_is_one_error_and_no_verdict_beside_it(recorded: Suite) -> None:
    recorded.write(
        TRAINING.replace("(mlregress)", "(mlregress, broken)").replace(
            "    @pytest.mark.seeds",
            "    @pytest.fixture\n    def broken(): raise OSError('no data')\n\n    "
            "@pytest.mark.seeds",
        )
    )
    result = recorded.run()
    assert recorded.verdicts == {TEST: "diverged"}
    result.stdout.fnmatch_lines(
        [f"ERROR {TEST}[[]seed0] - OSError: no data", "=* 1 error, 4 saved in *"]
    )
    assert result.ret == 1


def test_hooks_of_the_project_see_the_verdict_as_a_report(recorded: Suite, workers: str) -> None:
    recorded.write(
        """
        def pytest_runtest_logreport(report):
            if hasattr(report, "mlregress_verdict") and report.when == "call":
                print(f"\\nseen {report.nodeid} {report.outcome} {report.mlregress_verdict}")
        """,
        "conftest.py",
    )
    result = recorded.run(workers, "-s", LOSS="0.05")
    result.stdout.fnmatch_lines([f"seen {TEST} failed regression"])


def test_python_without_assertions_judges_too(recorded: Suite) -> None:
    result = recorded.pytester.run(sys.executable, "-O", "-m", "pytest", "-W", "ignore")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["identical *"])


def test_the_fixtures_folder_belongs_to_one_seed(
    suite: Suite, workers: str, tmp_path: Path
) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.seeds(3)
        def test_it(mlregress):
            assert list(mlregress.tmp_path.iterdir()) == []
            assert mlregress.tmp_path == mlregress.tmp_path
            (mlregress.tmp_path / "model").write_text("weights")
        """
    )
    assert suite.run(workers, f"--basetemp={tmp_path / 'base'}").ret == 0
