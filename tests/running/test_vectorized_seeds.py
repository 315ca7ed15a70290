"""``@pytest.mark.seeds(n, vectorized=True)``: one run of the test, and the results of n seeds."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from pytest_mlregress import cli


@pytest.fixture(autouse=True)
def _lean(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p pytest_mlregress.plugin -p xdist")


SUITE = """
import random
import time
from pathlib import Path

import pytest

@pytest.mark.seeds(8, vectorized=True)
def test_together(mlregress):
    with Path("runs.txt").open("a") as file:
        file.write(f"{len(mlregress.seeds)}\\n")
    values = [0.9 + 0.01 * random.Random(seed).random() for seed in mlregress.seeds]
    mlregress.log(1, loss=[1 - value for value in values])
    mlregress.log_params({"lr": 0.1})
    mlregress.record("accuracy", values, higher_is_better=True)
"""
ALONE = (
    SUITE.replace("@pytest.mark.seeds(8, vectorized=True)", "@pytest.mark.seeds(8)")
    .replace('"accuracy", values,', '"accuracy", values[0],')
    .replace("[1 - value for value in values]", "1 - values[0]")
)
UPDATE = ("--mlregress-update", "--mlregress-allow-dirty", "--mlregress-baseline-seeds=20")


def runs(pytester: pytest.Pytester) -> list[int]:
    """How many seeds each run of the test had, since the last call."""
    file = pytester.path / "runs.txt"
    numbers = [int(line) for line in file.read_text().split()] if file.exists() else []
    file.unlink(missing_ok=True)
    return numbers


def artifact(pytester: pytest.Pytester) -> dict[str, object]:
    (file,) = pytester.path.glob("__baselines__/**/*.json")
    return json.loads(file.read_text())


def test_all_seeds_of_a_check_are_one_run_in_every_engine(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE)
    assert pytester.runpytest_subprocess(*UPDATE).ret == 0
    assert runs(pytester) == [20]
    recorded = artifact(pytester)
    headlines = set()
    for option in ("-n0", "-n2", "--mlregress-workers=2"):
        result = pytester.runpytest_subprocess(option, "-v", "--mlregress-report=report.json")
        result.assert_outcomes(passed=1)
        assert runs(pytester) == [8]
        report = json.loads((pytester.path / "report.json").read_text())
        (test,) = report["tests"]
        headlines.add(json.dumps([test["verdict"], test["headline"], test["metrics"]]))
        timelines = [one["items"] for one in report["timeline"]["workers"] if one["items"]]
        (item,) = timelines[0]  # all of it, on the one worker that trained
        assert len(timelines) == 1
        spent = sum(one["duration"] for one in test["seeds"])
        assert item["seconds"] > 0.8 * spent  # of all seeds, and of their set-up and tear-down
        result.stdout.fnmatch_lines(["identical *test_it.py::test_together * 8/8 seeds"])
        result.stdout.fnmatch_lines(["*1 passed, 8 seeds in *"])
    assert len(headlines) == 1
    # The same test seed by seed gives the same results and the same artifact.
    pytester.makepyfile(test_it=ALONE)
    assert pytester.runpytest_subprocess(*UPDATE, "-n2").ret == 0
    assert runs(pytester) == [1] * 20
    alone = artifact(pytester)
    for name in ("metrics", "curves", "params"):
        assert alone[name] == recorded[name]


def test_an_update_goes_on_to_its_next_look_with_another_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE)
    result = pytester.runpytest_subprocess(*UPDATE[:2], "--mlregress-seeds=2")
    result.stdout.fnmatch_lines(["*1 passed, 40 seeds, 20 saved in *"])
    assert runs(pytester) == [20, 20]


def test_a_regression_names_all_seeds_and_a_nan_is_its_own_seeds(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_it=SUITE)
    assert pytester.runpytest_subprocess(*UPDATE).ret == 0
    pytester.makepyfile(test_it=SUITE.replace("0.9 +", "0.5 +"))
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["regression *test_it.py::test_together * 8/8 seeds"])
    listed = pytester.runpytest_subprocess("--lf", "--collect-only", "-q")
    assert len(re.findall(r"test_together\[seed\d\]", listed.stdout.str())) == 8
    pytester.makepyfile(
        test_it=SUITE.replace(
            "    mlregress.record", "    values[3] = float('nan')\n    mlregress.record"
        )
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["diverged *test_it.py::test_together *"])
    result.stdout.fnmatch_lines(["*seed 3*nan*"])


@pytest.mark.parametrize(
    "option", ["-n0", pytest.param("-n2", marks=pytest.mark.slow), "--mlregress-workers=2"]
)
def test_a_raise_fails_all_seeds_and_is_printed_once(
    pytester: pytest.Pytester, option: str
) -> None:
    pytester.makepyfile(
        test_it=SUITE.replace(
            "    mlregress.log(", "    raise OSError('no disk')\n    mlregress.log("
        )
    )
    result = pytester.runpytest_subprocess(option, "--mlregress-report=report.json", "-rs")
    result.assert_outcomes(failed=1, skipped=7)
    assert result.stdout.str().count("OSError: no disk") == 2  # its traceback, and the summary
    result.stdout.fnmatch_lines(
        ["SKIPPED [[]7[]] test_it.py:*: failed with seed 0, which it is trained with"]
    )
    (test,) = json.loads((pytester.path / "report.json").read_text())["tests"]
    assert {seed["outcome"] for seed in test["seeds"]} == {"failed"}
    assert len(test["seeds"]) == 8


def test_identity_is_not_asked_of_seeds_that_were_recorded_in_another_group(
    pytester: pytest.Pytester,
) -> None:
    last_bits = SUITE.replace(
        "    mlregress.log(1",
        "    values = [value + 1e-15 * len(values) for value in values]\n    mlregress.log(1",
    ).replace("vectorized=True)", "vectorized=True)\n@pytest.mark.mlregress(expect='identical')")
    pytester.makepyfile(test_it=last_bits)
    assert pytester.runpytest_subprocess(*UPDATE[:2], "--mlregress-baseline-seeds=8").ret == 0
    pytester.runpytest_subprocess().stdout.fnmatch_lines(["1 test: 1 identical; *"])
    result = pytester.runpytest_subprocess("--mlregress-seeds=5", "--mlregress-report=report.json")
    assert result.ret == 1
    (test,) = json.loads((pytester.path / "report.json").read_text())["tests"]
    assert test["verdict"] == "incomparable"
    (reason,) = test["reasons"]
    assert reason.startswith(
        "5 seeds train together here and 8 were recorded, so that last bits may differ anyway "
        "(vectorized=True): expect='identical', but accuracy of seed 0 moved from 0.9"
    )
    command = "pytest 'test_it.py::test_together'"
    assert test["next_steps"] == [
        f"without --mlregress-seeds, if that changed the number: {command}",
        "or record the seeds that a check trains, and no others: "
        f"{command} --mlregress-update --mlregress-baseline-seeds=5",
    ]
    pytester.makepyfile(test_it=last_bits.replace("0.9 +", "0.8 +"))
    pytester.runpytest_subprocess().stdout.fnmatch_lines(["1 test: 1 regression; *"])


def test_a_seed_by_its_node_id_runs_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE)
    pytester.runpytest_subprocess("test_it.py::test_together[seed3]", "--mlregress-missing=warn")
    assert runs(pytester) == [1]
    pytester.runpytest_subprocess("-k", "seed3 or seed5", "--mlregress-missing=warn")
    assert runs(pytester) == [2]
    result = pytester.runpytest_subprocess("--collect-only", "-q")
    assert len(re.findall(r"test_together\[seed\d\]", result.stdout.str())) == 8


@pytest.mark.slow
def test_one_shard_has_all_seeds_and_their_merge_is_the_verdict(pytester: pytest.Pytester) -> None:
    slow = SUITE.replace("    values =", "    time.sleep(0.5)\n    values =")
    others = "@pytest.mark.seeds(3)\ndef test_other(seed):\n    pass\n"
    pytester.makepyfile(test_it=f"{slow}\n{others}")
    assert pytester.runpytest_subprocess(*UPDATE, "-k", "together").ret == 0
    runs(pytester)
    for number in (1, 2):
        pytester.runpytest_subprocess(
            f"--mlregress-shard={number}/2", f"--mlregress-report={number}.json"
        )
    assert runs(pytester) == [8]
    merged = CliRunner().invoke(cli.main, ["merge", "1.json", "2.json"])
    assert "identical     test_it.py::test_together" in merged.output


@pytest.mark.slow
def test_an_ab_run_trains_its_pairs_seed_by_seed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE)
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm a"):
        assert pytester.run("git", *command.split()).ret == 0
    result = pytester.runpytest_subprocess("--mlregress-against=tip:HEAD")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["identical *test_it.py::test_together *"])


def test_what_is_not_one_value_per_seed_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import numpy as np
        import pytest
        from pytest_mlregress import RecordError

        @pytest.mark.seeds(3, vectorized=True)
        def test_errors(mlregress):
            def refused(call, *arguments, **keywords):
                with pytest.raises(RecordError) as error:
                    call(*arguments, **keywords)
                print(error.value)
            refused(mlregress.record, "a", 0.5, higher_is_better=True)
            refused(mlregress.record, "b", [0.5, 0.6], higher_is_better=True)
            refused(mlregress.record, "c", np.zeros((3, 1)), higher_is_better=True)
            refused(mlregress.record, "d", np.zeros(3))
            refused(mlregress.log, 1, loss=0.5)
            refused(lambda: mlregress.seed)
            print(mlregress)
        """
    )
    result = pytester.runpytest_subprocess("-s", "-p", "no:logging")
    expected = "of shape (3,) and in the order of mlregress.seeds"
    result.stdout.fnmatch_lines(
        [
            f"*test_errors: metric 'a': expected one value per seed, {expected}, not one float",
            f"*test_errors: metric 'b': expected one value per seed, {expected}, not a list of 2 *",
            f"*test_errors: metric 'c': expected one value per seed, {expected}, not a ndarray of "
            "shape (3, 1)",
            "*test_errors: metric 'd' needs higher_is_better=True or False; *",
            f"*test_errors: metric 'loss': expected one value per seed, {expected}, not one float",
            "*test_errors: mlregress.seed: with seeds(..., vectorized=...) a run may train several "
            "seeds, this one 3; use mlregress.seeds",
            "<Run of *::test_errors with 3 seeds at once, tier default>*",
        ]
    )


@pytest.mark.parametrize(
    ("argument", "fixtures", "message"),
    [
        ("vectorized='yes'", "mlregress", "seeds(vectorized='yes'): expected True or False"),
        (
            "vectorised=True",
            "mlregress",
            "seeds(3, vectorised=True): takes one argument, a number of seeds (seeds(5)) or a list "
            "of them (seeds([[]3, 7, 11[]])), and vectorized=True to train them together",
        ),
        (
            "vectorized=True",
            "mlregress, seed",
            "seeds(..., vectorized=True) trains all seeds in one run of the test, so that there is "
            "no one 'seed'; use mlregress.seeds in place of the fixture 'seed', or "
            "vectorized=False",
        ),
    ],
)
def test_bad_declarations(
    pytester: pytest.Pytester, argument: str, fixtures: str, message: str
) -> None:
    pytester.makepyfile(
        test_it=f"""
        import pytest

        @pytest.mark.seeds(3, {argument})
        def test_text({fixtures}):
            pass
        """
    )
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"*test_it.py::test_text: {message}"])


@pytest.mark.slow
def test_preflight_runs_the_first_seed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE)
    assert pytester.runpytest_subprocess("--mlregress-preflight").ret == 0
    assert runs(pytester) == [1]


@pytest.mark.slow
def test_the_run_of_a_lost_worker_is_made_again_by_another(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it=SUITE.replace(
            "    values =",
            "    if not Path('died').exists():\n"
            "        Path('died').touch()\n"
            "        os._exit(3)\n"
            "    values =",
        ).replace("import random", "import os\nimport random")
    )
    (pytester.path / "died").touch()
    assert pytester.runpytest_subprocess(*UPDATE).ret == 0
    for option in ("-n2", "--mlregress-workers=2"):
        (pytester.path / "died").unlink()
        runs(pytester)
        result = pytester.runpytest_subprocess(option)
        assert runs(pytester) == [8, 8]
        result.stdout.fnmatch_lines(["1 test: 1 identical; 8 seeds run, 0 saved; *"])
        assert result.ret == 0
