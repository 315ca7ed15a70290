"""Jobs that share the seeds of a suite: what each trains, says and refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from training_suite import Suite

from pytest_mlregress.cli import main

SUITE = """
    import os
    import random

    import pytest

    LOSS = float(os.environ.get("LOSS", "0"))

    @pytest.mark.seeds(5)
    def test_five(mlregress):
        mlregress.log(1, loss=0.5)
        mlregress.log_params({"lr": 0.1})
        accuracy = random.gauss(0.9, 0.01) - LOSS
        mlregress.record("accuracy", accuracy, higher_is_better=True, margin=0.05)

    @pytest.mark.seeds(8)
    @pytest.mark.parametrize("size", ["small"])
    def test_eight(mlregress, size):
        loss = random.gauss(0.5, 0.01) + 1e-9 * LOSS
        mlregress.record("loss", loss, higher_is_better=False, margin=0.2)
        mlregress.record("f1", random.gauss(0.5, 0.01), higher_is_better=True, margin=0.2)

    @pytest.mark.mlregress(deterministic=True)
    def test_bits(mlregress):
        mlregress.record("accuracy", 0.9, higher_is_better=True)
"""


@pytest.fixture
def sharded(suite: Suite) -> Suite:
    suite.write(SUITE)
    suite.record()
    return suite


def shard(suite: Suite, number: int, count: int, *arguments: str, **environment: str) -> Any:
    report = f"--mlregress-report=shard-{number}.json"
    split = f"--mlregress-shard={number}/{count}"
    return suite.pytester.runpytest_inprocess(split, report, *arguments)


def merge(suite: Suite, *arguments: str) -> tuple[int, str, str]:
    from click.testing import CliRunner

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(suite.path)
        done = CliRunner().invoke(main, ["merge", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


VOLATILE = {"duration", "started", "training_seconds", "peak_memory", "spent", "time"}


def without_clocks(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_clocks(v) for k, v in value.items() if k not in VOLATILE}
    if isinstance(value, list):
        return [without_clocks(entry) for entry in value]
    return value


def read(suite: Suite, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((suite.path / name).read_text("utf-8"))
    return document


@pytest.mark.parametrize("count", [1, 2, 3])
def test_merged_shards_are_one_run_in_every_byte(
    sharded: Suite, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSS", "0.1")
    whole = sharded.run("--mlregress-stop=never")
    for number in range(1, count + 1):
        assert shard(sharded, number, count, "--mlregress-stop=never").ret == 0
    status, out, _ = merge(sharded, "shard-*.json", "--report", "report-merged.json")
    assert (status, whole.ret) == (1, 1)
    assert "regression    test_training.py::test_five" in out
    merged, expected = read(sharded, "report-merged.json"), sharded.report
    for document in (merged, expected):
        del document["settings"]["report"], document["command"]
    assert without_clocks(merged) == without_clocks(expected)


def test_a_verdict_that_stops_a_run_early_is_that_of_the_shards(
    sharded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSS", "0.1")
    whole = sharded.check()
    assert whole["test_training.py::test_eight[small]"]["stopped"]
    for number in (1, 2):
        shard(sharded, number, 2)
    assert merge(sharded, "shard-1.json", "shard-2.json", "--report", "all.json")[0] == 1
    for test in read(sharded, "all.json")["tests"]:
        expected = whole[test["id"]]
        same = ("verdict", "colour", "headline", "metrics", "decided_after", "reasons", "notes")
        assert {name: test[name] for name in same} == {name: expected[name] for name in same}
        assert test["next_steps"] == expected["next_steps"]
        trained = {seed["seed"]: seed for seed in test["seeds"]}
        for seed in expected["seeds"]:
            if seed["outcome"] != "stopped":
                assert without_clocks(trained[seed["seed"]]) == without_clocks(seed)


def test_workers_train_the_same_shard(sharded: Suite) -> None:
    result = shard(sharded, 1, 2, "-n0")
    alone = read(sharded, "shard-1.json")
    assert "no verdicts here; with the reports of all shards: mlregress merge shard-*.json" in (
        result.outlines
    )
    (line,) = [line for line in result.outlines if line.startswith("shard 1/2: ")]
    assert line.endswith(" of 3 tests")
    assert shard(sharded, 1, 2, "-n2").ret == 0
    parallel = read(sharded, "shard-1.json")
    assert parallel["shard"] == alone["shard"]
    assert [test["id"] for test in parallel["tests"]] == [test["id"] for test in alone["tests"]]
    assert {test["verdict"] for test in parallel["tests"]} == {None}
    shard(sharded, 2, 2)
    assert merge(sharded, "shard-1.json", "shard-2.json")[0] == 0


def test_a_shard_without_seeds_is_green(sharded: Suite, workers: str) -> None:
    result = shard(sharded, 40, 40, workers)
    assert result.ret == 0
    assert "shard 40/40: 0 of 14 seeds, of 0 of 3 tests" in result.outlines
    assert len(read(sharded, "shard-40.json")["shard"]["collected"]) == 3


def test_a_seed_that_raises_is_red_in_its_shard_and_in_the_merged_run(suite: Suite) -> None:
    suite.write(SUITE)
    suite.record()
    suite.write(
        SUITE.replace(
            "mlregress.log(1", "assert mlregress.seed != 3, 'boom'\n        mlregress.log(1"
        )
    )
    codes = sorted(int(shard(suite, number, 2).ret) for number in (1, 2))
    assert codes == [0, 1]
    status, out, _ = merge(suite, "shard-*.json", "--report", "all.json")
    assert status == 1
    assert "diverged      test_training.py::test_five" in out
    tests = {test["id"]: test for test in read(suite, "all.json")["tests"]}
    seed = tests["test_training.py::test_five"]["seeds"][3]
    assert seed["outcome"] == "failed"
    assert "boom" in seed["traceback"]
    assert str(suite.path) not in json.dumps(tests)


def test_an_expected_failure_is_green_in_the_merged_run(suite: Suite) -> None:
    suite.write(SUITE)
    suite.record()
    mark = "@pytest.mark.xfail(reason='known loss')\n    @pytest.mark.seeds(5)"
    suite.write(SUITE.replace("@pytest.mark.seeds(5)", mark).replace("- LOSS", "- 0.1"))
    assert suite.run().ret == 0
    for number in (1, 2):
        assert shard(suite, number, 2).ret == 0
    assert merge(suite, "shard-*.json")[0] == 0


def test_a_plain_test_that_fails_in_a_shard_is_told(sharded: Suite) -> None:
    sharded.write("def test_plain(): assert False", "test_plain.py")
    for number in (1, 2):
        assert shard(sharded, number, 2).ret == 1
    status, _, err = merge(sharded, "shard-1.json", "shard-2.json")
    assert status == 1
    assert (
        "merge: shard-1.json: a test failed that is no regression test; the output of shard 1/2 "
        "tells which"
    ) in err.splitlines()


def test_a_shard_that_was_cut_off_is_named(sharded: Suite) -> None:
    sharded.write(SUITE.replace("mlregress.log(1", "assert 0\n        mlregress.log(1"))
    shard(sharded, 1, 1, "-x")
    status, out, err = merge(sharded, "shard-1.json")
    assert (status, out) == (1, "")
    assert (
        "merge: shard-1.json: seeds 1, 2, 3, 4 of test_training.py::test_five did not report; run "
        "shard 1/1 again, to its end"
    ) in err.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--mlregress-shard=1/2"],
            "--mlregress-shard=1/2 needs --mlregress-report=shard-1.json, which mlregress merge "
            "reads: without it the seeds would be trained for nothing",
        ),
        (
            ["--mlregress-shard=1/2", "--mlregress-report=a.html"],
            "--mlregress-report=a.html: a shard reaches no verdict to show; write "
            "--mlregress-report=shard-1.json, and of all of them: mlregress merge shard-*.json "
            "--report a.html",
        ),
        (
            ["--mlregress-shard=1/2", "--mlregress-update"],
            "--mlregress-shard=1/2 trains a part of the seeds and reaches no verdict; run "
            "--mlregress-update without it",
        ),
        (
            ["--mlregress-shard=3/2"],
            "--mlregress-shard: '3/2': jobs are numbered from 1 to their count, at most 10000",
        ),
        (
            ["--mlregress-shard=two"],
            "--mlregress-shard: 'two' is not K/N, the number of this job and how many there are, "
            "such as 1/4",
        ),
    ],
)
def test_what_a_shard_refuses(suite: Suite, arguments: list[str], message: str) -> None:
    suite.write(SUITE)
    result = suite.pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {message}" in result.errlines


def test_pairs_of_an_ab_run_stay_together(suite: Suite) -> None:
    suite.pytester.makefile("", **{".gitignore": "*.json\n.*\nstdout\nstderr\nrunpytest-*\n"})
    suite.write(SUITE)
    suite.write(SUITE.replace("- LOSS", "- 0.1"))
    against = "--mlregress-against=own-tests:HEAD~1"
    whole = suite.pytester.runpytest_subprocess(against, "--mlregress-report=report.json")
    assert whole.ret == 1
    for number in (1, 2):
        done = suite.pytester.runpytest_subprocess(
            against, f"--mlregress-shard={number}/2", f"--mlregress-report=shard-{number}.json"
        )
        assert done.ret == 0
        for test in read(suite, f"shard-{number}.json")["tests"]:
            sides = [[seed["seed"] for seed in test[name]] for name in ("seeds", "base_seeds")]
            assert sides[0] == sides[1] != []
    status, _, err = merge(suite, "shard-1.json", "shard-2.json", "--report", "all.json")
    assert status == 1, err
    merged = {test["id"]: test for test in read(suite, "all.json")["tests"]}
    for test in suite.report["tests"]:
        same = ("verdict", "headline", "metrics", "reasons", "next_steps")
        assert {n: merged[test["id"]][n] for n in same} == {n: test[n] for n in same}
