"""Jobs that share the seeds of a suite: what each trains, says and refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from typing import Any

import pytest
from training_suite import Suite

from pytest_mlregress.cli import main
from pytest_mlregress.history.database import Database
from pytest_mlregress.history.place import DEFAULT_PLACE
from pytest_mlregress.history.records import RunRecord

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


VOLATILE = {
    *("duration", "started", "training_seconds", "peak_memory", "spent", "time"),
    "timeline",
}


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
    merged, expected = read(sharded, "all.json"), sharded.report
    trained = {test["id"]: test.pop("trained_in_shards") for test in merged["tests"]}
    assert trained == {test["id"]: test["stopped"] for test in expected["tests"]}
    for document in (merged, expected):
        del document["settings"]["report"], document["command"]
        for test in document["tests"]:
            test.pop("trained_in_shards", None)
    assert without_clocks(merged) == without_clocks(expected)


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
            ["--mlregress-shard=1/2", "--mlregress-confirm"],
            "--mlregress-shard=1/2 trains a part of the seeds and reaches no verdict; run "
            "--mlregress-confirm without it",
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


def history(suite: Suite) -> list[RunRecord]:
    return list(Database(suite.path / DEFAULT_PLACE).read())


def test_a_run_in_shards_is_one_run_of_the_history(
    sharded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSS", "0.1")
    recorded = {run.id for run in history(sharded)}
    sharded.check()
    (whole,) = [run for run in history(sharded) if run.id not in recorded]
    for number in (1, 2):
        shard(sharded, number, 2)
    assert len(history(sharded)) == len(recorded) + 1
    for _ in range(2):  # merged twice, it is still one run
        assert merge(sharded, "shard-1.json", "shard-2.json")[0] == 1
    # By its id: runs of one second are in no order.
    (merged,) = [run for run in history(sharded) if run.id not in {*recorded, whole.id}]

    def known(run: RunRecord) -> dict[str, Any]:
        fields = without_clocks(json.loads(json.dumps(asdict(run), default=str)))
        for test in fields["tests"]:
            for seed in test["seeds"]:
                seed.pop("message")
        return {k: v for k, v in fields.items() if k != "id"}

    assert known(merged) == known(whole)


def test_where_the_history_of_a_merged_run_is(sharded: Suite) -> None:
    for number in (1, 2):
        shard(sharded, number, 2)
    before = len(history(sharded))
    shards = ("shard-1.json", "shard-2.json")
    assert merge(sharded, *shards, "--history", "off")[0] == 0
    assert merge(sharded, *shards, "--history", "other.sqlite")[0] == 0
    assert len(Database(sharded.path / "other.sqlite").read()) == 1
    sharded.configure(ini="mlregress_history = ini.sqlite")
    assert merge(sharded, *shards)[0] == 0
    assert len(Database(sharded.path / "ini.sqlite").read()) == 1
    assert len(history(sharded)) == before
    (sharded.path / "broken.sqlite").write_text("no database", "utf-8")
    status, out, err = merge(sharded, *shards, "--history", "broken.sqlite")
    assert status == 0
    assert "3 tests: 3 identical" in out
    assert "merge: this run is not in the history: " in err


def test_github_is_told_once(sharded: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSS", "0.1")
    summary = sharded.path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    for number in (1, 2):
        assert "::error" not in shard(sharded, number, 2).stdout.str()
    assert not summary.exists()
    _, out, _ = merge(sharded, "shard-1.json", "shard-2.json")
    assert out.count("::error ") == 1
    assert (
        "::error file=test_training.py,line=9,title=mlregress%3A regression::test_training" in out
    )
    assert summary.read_text("utf-8").startswith(
        "## \N{LARGE RED CIRCLE} mlregress: 1 of 3 tests got worse: accuracy of test_five "
    )
    stopped, resumed = out.index("::stop-commands::"), out.index("::error ")
    token = out[stopped:].split("::")[2].split()[0]
    assert stopped < out.index(f"::{token}::") < resumed
    _, out, err = merge(sharded, "shard-1.json", "shard-2.json", "--json")
    json.loads(out)
    assert err.count("::error ") == 1


def test_a_merged_run_goes_to_the_trackers(sharded: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = []
    monkeypatch.setattr(
        "pytest_mlregress.integrations.trackers._log",
        lambda kind, target, tracked, html, rootdir: logged.append((kind, target)) or "run 1",
    )
    for number in (1, 2):
        shard(sharded, number, 2, "--mlregress-tracker=wandb:p")
    assert logged == []
    status, out, _ = merge(sharded, "shard-1.json", "shard-2.json", "--tracker", "wandb:p")
    assert (status, logged) == (0, [("wandb", "p")])
    assert "wandb: run 1" in out
    status, _, err = merge(sharded, "shard-1.json", "shard-2.json", "--tracker", "wand:p")
    assert status == 2
    assert "--tracker: 'wand:p' names no tracker; " in err


def baselines(suite: Suite) -> dict[str, Any]:
    """All baselines, without clocks, memory and what is hashed with them."""
    found = {}
    for path in sorted((suite.path / "__baselines__").rglob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        provenance = document["provenance"]
        del document["revision"], provenance["environment"]["packages"]
        command = [word for word in provenance["command"] if "-report=" not in word]
        provenance["command"] = command
        found[path.name] = without_clocks(document)
    return found


def test_an_update_in_shards_records_the_baselines_of_one_run(suite: Suite) -> None:
    suite.write(SUITE)
    result = suite.run("--mlregress-update")
    assert result.ret == 0
    expected = baselines(suite)
    shutil.rmtree(suite.path / "__baselines__")
    for number in (1, 2):
        done = shard(suite, number, 2, "--mlregress-update")
        assert done.ret == 0
        command = "mlregress merge --update shard-*.json"
        assert f"no baseline is recorded here; with the reports of all shards: {command}" in (
            done.outlines
        )
    assert not (suite.path / "__baselines__").exists()
    shards = ("shard-1.json", "shard-2.json")
    status, out, err = merge(suite, *shards)
    assert (status, out) == (1, "")
    assert err == (
        "merge: of an update: shard-1.json, shard-2.json; to record the baselines, in a checkout "
        "of the commit: mlregress merge --update shard-*.json\n"
    )
    status, out, err = merge(suite, *shards, "--update")
    assert status == 0, err
    assert "3 tests: 3 recorded; " in out
    assert baselines(suite) == expected
    *_, run = history(suite)
    assert run.kind == "update"
    assert suite.run().ret == 0  # they are good for checks
    status, out, err = merge(suite, *shards, "--update")
    assert status == 1
    assert err.splitlines()[0].startswith(
        "merge: --update: test_training.py::test_bits: has another baseline now (revision "
    )


def test_an_update_in_shards_is_refused_as_one_run_refuses_it(
    sharded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharded.commit()
    before = baselines(sharded)
    monkeypatch.setenv("LOSS", "0.1")
    for number in (1, 2):
        assert shard(sharded, number, 2, "--mlregress-update").ret == 0
    shards = ("shard-1.json", "shard-2.json")
    status, out, _ = merge(sharded, *shards, "--update")
    assert status == 1
    assert "refused       test_training.py::test_five" in out
    after = baselines(sharded)
    five = "test_five.default.json"
    assert after[five]["metrics"] == before[five]["metrics"]
    (sharded.path / "new.py").write_text("", "utf-8")
    result = shard(sharded, 1, 2, "--mlregress-update")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    sharded.commit()
    status, _, err = merge(sharded, *shards, "--update")
    assert status == 1
    assert "so that the baselines would not be those of its code: git checkout " in err
    for number in (1, 2):
        shard(sharded, number, 2)
    status, _, err = merge(sharded, *shards, "--update")
    assert (status, "merge: of a check, whose seeds are too few for a baseline: " in err) == (
        1,
        True,
    )
    assert merge(sharded, *shards, "--baseline", "x")[0] == 2
