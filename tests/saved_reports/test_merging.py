"""Shards, however the seeds were split, are one run: in every byte of its report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shard_cases as cases
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import judge_cases
from pytest_mlregress.cli import main
from pytest_mlregress.reporting.json_report import to_json
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.saved_reports.errors import MergeError
from pytest_mlregress.saved_reports.merging import MergedRun, merged
from pytest_mlregress.verdicts.judged_test import JudgedTest


def units(tests: list[JudgedTest]) -> list[tuple[str, int]]:
    return [(test.group.plan.test, seed) for test in tests for seed in test.group.plan.selected]


def merge(reports: list[RunReport]) -> MergedRun:
    named = [cases.saved(report, f"shard-{k}.json") for k, report in enumerate(reports, 1)]
    return merged(named)


VALUE = st.floats(0.5, 1.0) | st.just(0.9)


@st.composite
def suites(draw: st.DrawFn) -> list[JudgedTest]:
    tests = []
    for name in draw(st.lists(st.sampled_from(["test_a", "test_bb"]), unique=True, min_size=1)):
        size = draw(st.integers(1, 6))
        results = cases.passed(dict(enumerate(draw(st.lists(VALUE, min_size=size, max_size=size)))))
        failing = draw(st.none() | st.integers(0, size - 1))
        if failing is not None and draw(st.booleans()):
            results[failing] = judge_cases.ended(
                failing, draw(st.sampled_from(["failed", "timed out", "lost"]))
            )
        tests.append(cases.case(name, results))
    return tests


@settings(max_examples=40)
@given(suites(), st.integers(1, 4), st.booleans(), st.data())
def test_any_split_of_any_suite_is_one_run(tests, count, early, data) -> None:
    tests = [replace(test, rules=replace(test.rules, early=early)) for test in tests]
    split = {unit: data.draw(st.integers(1, count)) for unit in units(tests)}
    reports = cases.shard_reports(tests, split, count)
    data.draw(st.randoms(use_true_random=False)).shuffle(reports)
    run = merge(reports)
    expected = cases.a_run(list(map(cases.one_run, tests)), machine=run.report.machine)
    found = replace(run.report, trained_in_shards={})  # which one run has none of
    assert to_json(found) == to_json(expected)
    stopped = {(v.test, v.tier): v.stopped for v in expected.verdicts if v.stopped}
    assert run.report.trained_in_shards == stopped
    assert not stopped or early
    failed = any(seed.outcome in WITHOUT_SUCCESS for v in expected.verdicts for seed in v.seeds)
    red = any(verdict.colour == "red" for verdict in expected.verdicts)
    if not failed:  # a seed that fails is a failed test of its job, which says so by its status
        assert run.exit_status == int(red)


def two_shards(**second: Any) -> list[RunReport]:
    tests = cases.suite()
    split = {unit: 1 + k % 2 for k, unit in enumerate(units(tests))}
    first, other = cases.shard_reports(tests, split, 2)
    return [first, replace(other, **second)]


def defects(reports: list[RunReport]) -> tuple[str, ...]:
    with pytest.raises(MergeError) as found:
        merge(reports)
    return found.value.defects


def test_two_shards_have_the_verdicts_of_the_suite() -> None:
    run = merge(two_shards())
    assert [str(verdict.kind) for verdict in run.report.verdicts] == [
        "regression",
        "pass",
        "unaffordable",
    ]
    assert run.exit_status == 1


def test_seeds_after_the_verdict_are_those_that_one_run_saves() -> None:
    run = merge(two_shards())
    assert run.report.totals.seeds_saved == sum(map(len, run.report.trained_in_shards.values())) > 1
    saved = run.report.totals.seeds_saved
    assert run.remarks == (
        f"{saved} seeds that one run would have saved were trained, since no shard sees when a "
        "verdict is certain",
    )


def test_a_missing_shard() -> None:
    assert defects(two_shards()[:1]) == (
        "shard 2/2 is missing: run it with --mlregress-shard=2/2, and give its report, too",
    )


def test_a_shard_that_is_there_twice() -> None:
    first, second = two_shards()
    assert defects([first, second, first]) == (
        "shard 1/2 is there 2 times: shard-1.json, shard-3.json",
    )


def test_a_file_that_is_named_twice(tmp_path: Path) -> None:
    paths = [tmp_path / f"shard-{number}.json" for number in (1, 2)]
    for path, report in zip(paths, two_shards(), strict=True):
        path.write_text(to_json(report), "utf-8")
    done = CliRunner().invoke(main, ["merge", str(paths[0]), str(paths[0]), str(paths[1])])
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        f"merge: shard 1/2 is there 2 times: {paths[0]}, {paths[0]}"
    ]


def test_a_shard_of_another_split() -> None:
    first, second = two_shards()
    assert second.shard is not None
    other = replace(second, shard=replace(second.shard, count=3))
    assert "the shards are of several splits: shard-1.json is 1/2, shard-2.json is 2/3" in (
        defects([first, other])
    )


def test_another_commit() -> None:
    code = replace(cases.TREE, commit="e" * 40)
    assert defects(two_shards(code=code)) == (
        "other commits: shard-1.json is of ffffffffff, shard-2.json of eeeeeeeeee; run all shards "
        "at one commit",
    )


def test_other_uncommitted_changes() -> None:
    code = replace(cases.TREE, diff_hash="cd34")
    assert defects(two_shards(code=code)) == (
        "other uncommitted changes: shard-1.json has diff ab12, shard-2.json diff cd34; run all "
        "shards on the same files",
    )


def test_outside_git() -> None:
    assert defects(two_shards(code=None)) == (
        "shard-2.json: was trained outside git, the others at a commit",
    )


def test_another_version_of_the_plugin() -> None:
    (line,) = defects(two_shards(version="9.9.9"))
    assert line.startswith("other versions of pytest-mlregress: shard-2.json by 9.9.9, this is ")


@pytest.mark.parametrize(("name", "value"), [("alpha", 0.1), ("tier", "full")])
def test_other_settings(name: str, value: object) -> None:
    settings = cases.SETTINGS | {name: value}
    assert defects(two_shards(settings=settings)) == (
        f"other settings: {name} is {cases.SETTINGS[name]!r} in shard-1.json and {value!r} in "
        "shard-2.json; run all shards with the same options",
    )


def changed_case(**fields: Any) -> dict[tuple[str, str], JudgedTest]:
    judged = two_shards()[1].judged
    name = ("test_fit.py::test_a", "default")
    return {**judged, name: replace(judged[name], **fields)}


def test_other_rules_and_other_earlier_runs() -> None:
    rules = cases.suite()[0].rules
    assert defects(two_shards(judged=changed_case(rules=replace(rules, test="welch")))) == (
        "test_fit.py::test_a: is judged otherwise in shard-1.json and shard-2.json: test",
    )
    earlier = replace(rules, green_runs={"accuracy": ({0: 0.9},)})
    assert defects(two_shards(judged=changed_case(rules=earlier))) == (
        "test_fit.py::test_a: is judged otherwise in shard-1.json and shard-2.json: the jobs "
        "remember other earlier runs in pytest's cache; give all of them the same cache, or none: "
        "-p no:cacheprovider",
    )


def test_other_baselines() -> None:
    other = cases.case("test_a", [], loss=0.01).baseline
    assert defects(two_shards(judged=changed_case(baseline=other))) == (
        "test_fit.py::test_a: has other baselines in shard-1.json and shard-2.json; run all "
        "shards with the same baselines",
    )


def other_machine(env_mismatch: str) -> list[RunReport]:
    settings = cases.SETTINGS | {"env_mismatch": env_mismatch}
    first, second = two_shards(settings=settings)
    environment = cases.ENVIRONMENT | {"packages": {"numpy": "1.26.0"}}
    judged = {
        name: replace(test, group=replace(test.group, environment=environment))
        for name, test in second.judged.items()
    }
    return [replace(first, settings=settings), replace(second, judged=judged)]


def test_another_environment_is_what_the_setting_says() -> None:
    line = "other environments: shard-1.json -> shard-2.json: numpy 2.1.0 -> 1.26.0"
    assert defects(other_machine("fail")) == (line,)
    warned = merge(other_machine("warn"))
    assert warned.remarks[0] == line
    assert line in warned.report.notes
    assert line not in merge(other_machine("ignore")).remarks


def test_tests_that_only_some_shards_have_collected() -> None:
    first, second = two_shards()
    assert second.shard is not None
    assert second.shard.collected is not None
    shard = replace(second.shard, collected=second.shard.collected[:-1])
    assert defects([first, replace(second, shard=shard)]) == (
        "shard-2.json has not collected test_fit.py::test_one, which shard-1.json has; run all "
        "shards with the same arguments, -k and -m",
    )


def test_seeds_that_were_split_otherwise() -> None:
    first, second = two_shards()
    assert second.shard is not None
    assert second.shard.collected is not None
    one = second.shard.collected[0]
    swapped = replace(one, shards={seed: 3 - number for seed, number in one.shards.items()})
    shard = replace(second.shard, collected=(swapped, *second.shard.collected[1:]))
    assert defects([first, replace(second, shard=shard)]) == (
        "shard-2.json splits the seeds of test_fit.py::test_a otherwise than shard-1.json: the "
        "durations in their baselines differ; run all shards with the same baselines",
    )


def test_seeds_that_did_not_report() -> None:
    first, second = two_shards()
    judged = {name: test for name, test in second.judged.items() if "test_a" not in name[0]}
    assert defects([first, replace(second, judged=judged)]) == (
        "shard-2.json: seeds 1, 3 of test_fit.py::test_a did not report; run shard 2/2 again, to "
        "its end",
    )


def test_a_job_that_did_not_come_to_its_end() -> None:
    first, second = two_shards()
    assert second.shard is not None
    cut = replace(second, shard=replace(second.shard, exit_status=2))
    (line,) = defects([first, cut])
    assert line.startswith("shard-2.json: shard 2/2 did not come to its end: pytest ended with")


def test_the_report_of_a_whole_run_is_no_shard() -> None:
    assert defects([cases.a_run(cases.suite())]) == (
        "shard-1.json: is the report of a whole run, not of a shard; it has its verdicts",
    )


def test_every_defect_is_named_at_once() -> None:
    code = replace(cases.TREE, commit="e" * 40)
    found = defects(two_shards(code=code, version="9.9.9"))
    assert len(found) == 2


def test_a_value_of_the_wrong_kind_names_its_place() -> None:
    document = json.loads(to_json(two_shards()[0]))
    document["tests"][0]["seeds"][0]["metrics"][0]["value"] = "high"
    broken = cases.SavedReport("shard-1.json", cases.Node(document, "shard-1.json"))
    with pytest.raises(MergeError) as found:
        merged([broken])
    (line,) = found.value.defects
    assert line.startswith(
        "shard-1.json: at $.tests[0].seeds[0].metrics[0].value: expected a number"
    )
    assert line.endswith("the file was edited or damaged")
