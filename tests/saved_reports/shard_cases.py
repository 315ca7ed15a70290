"""Shards of small suites, as their reports are written, without running anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import judge_cases as cases
from pytest_mlregress import __version__
from pytest_mlregress.baselines.json_reader import Node
from pytest_mlregress.baselines.json_text import seal
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.reporting.build_report import environment_in_words, q_values_of
from pytest_mlregress.reporting.json_report import to_json
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.shard_of_run import CollectedTest, ShardOfRun
from pytest_mlregress.revisions.recorded_history import CommitFacts, RecordedHistory
from pytest_mlregress.running.result import STOPPED_MESSAGE, SeedResult
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.saved_reports.reading import SavedReport
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.judged_test import JudgedTest, rejudged
from pytest_mlregress.verdicts.policy import Rules

TREE = WorkingTree(commit="f" * 40, branch="main", dirty=True, diff_hash="ab12", changed=("a.py",))
COMMIT = cases.PROVENANCE.commit
HISTORY = RecordedHistory(
    TREE, {COMMIT: CommitFacts(commit=COMMIT, commits=2, date="2026-01-02")} if COMMIT else {}
)
ENVIRONMENT = {"python": "3.11.7", "platform": "Linux-x86_64", "packages": {"numpy": "2.1.0"}}
SETTINGS = {"alpha": 0.05, "tier": None, "report": (), "shard": None, "env_mismatch": "warn"}


def case(name: str, results: Sequence[SeedResult], loss: float = 0.0) -> JudgedTest:
    """A test against a baseline of 20 seeds, with these results."""
    test = f"test_fit.py::{name}"
    plan = replace(cases.plan(len(results)), test=test, file=Path("test_fit.py"), argument=test)
    values = cases.normal(20, seed=len(name), mean=0.9 + loss)
    baseline = seal(replace(cases.baseline_of(values), test=test))
    group = SeedGroup(plan, environment=ENVIRONMENT)
    group.results = {result.seed: result for result in results}
    return JudgedTest(
        group=group, rules=Rules(0.05 / 3, comparisons=3), history=HISTORY, baseline=baseline
    )


def passed(values: Mapping[int, float]) -> list[SeedResult]:
    return [
        replace(cases.passed(seed, cases.metric(value)), curves={"loss": ((1, value),)})
        for seed, value in values.items()
    ]


def suite() -> list[JudgedTest]:
    """A regression, a pass that ends early, and a test of one seed."""
    return [
        case("test_a", passed(cases.normal(5, seed=1, mean=0.8))),
        case("test_long", passed(cases.normal(11, seed=2))),
        case("test_one", passed({0: 0.9})),
    ]


def one_run(test: JudgedTest) -> JudgedTest:
    """The test as one process has it, whose seeds come in turn and stop once it is certain.

    Seeds that fail are those that a run with workers has started by then.
    """
    group = replace(test.group, results={})
    so_far, certain = replace(test, group=group), False
    for seed, result in test.group.results.items():
        stops = certain and test.rules.early and result.outcome not in WITHOUT_SUCCESS
        stopped = SeedResult(seed, "cancelled", message=STOPPED_MESSAGE)
        group.results[seed] = stopped if stops else result
        certain = certain or so_far.judge() is not None
    return so_far


def a_run(tests: Sequence[JudgedTest], **fields: Any) -> RunReport:
    verdicts = tuple(rejudged(test) for test in tests)
    environment = environment_in_words([ENVIRONMENT])
    defaults: dict[str, Any] = {
        "verdicts": verdicts,
        "settings": SETTINGS,
        "comparisons": 3,
        "started": "2026-01-02T03:04:05+00:00",
        "command": "pytest",
        "version": __version__,
        "environment": environment,
        "machine": ", ".join([environment["platform"], environment["python"]]),
        "q_values": q_values_of(verdicts),
        "code": TREE,
        "places": {test.group.plan.test: ("test_fit.py", 4) for test in tests},
        "judged": {(test.group.plan.test, "default"): test for test in tests},
        "duration": 3.0,
    }
    return RunReport(**defaults | fields)


def shard_reports(
    tests: Sequence[JudgedTest], shards: Mapping[tuple[str, int], int], count: int
) -> list[RunReport]:
    """The reports of all shards: ``shards`` has by test and seed the number of its shard."""
    collected = tuple(
        CollectedTest(
            test=test.group.plan.test,
            tier="default",
            planned=test.group.plan.planned,
            shards={seed: shards[test.group.plan.test, seed] for seed in test.group.plan.selected},
        )
        for test in sorted(tests, key=lambda test: test.group.plan.test)
    )
    return [
        a_run(
            (),
            judged={
                (part.group.plan.test, "default"): part
                for test in tests
                if (part := _part(test, shards, number)).group.results
            },
            shard=ShardOfRun(number=number, count=count, collected=collected),
            settings=SETTINGS | {"shard": f"{number}/{count}"},
            command=f"pytest --mlregress-shard={number}/{count} --mlregress-report=s.json",
            places={test.group.plan.test: ("test_fit.py", 4) for test in tests},
        )
        for number in range(1, count + 1)
    ]


def _part(test: JudgedTest, shards: Mapping[tuple[str, int], int], number: int) -> JudgedTest:
    group = test.group
    own = {
        seed: result
        for seed, result in group.results.items()
        if shards[group.plan.test, seed] == number
    }
    return replace(test, group=replace(group, results=own))


def saved(report: RunReport, name: str = "shard.json") -> SavedReport:
    """As it is read again."""
    return SavedReport(name, Node(json.loads(to_json(report)), name))
