"""What is planned and left out by the baselines while tests are collected."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.revisions.history import History
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.session.recorded_baselines import rules_of, suite_baselines_of
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.green_runs import GreenRuns
from pytest_mlregress.verdicts.pair_plan import plan_pairs
from pytest_mlregress.verdicts.plan import SuitePlan, plan_suite, plan_test
from pytest_mlregress.verdicts.policy import rules_for

PLANNED_WORKERS: Final = pytest.StashKey[int]()
"""How many workers were asked for on the command line of a plan, which itself starts none."""


def deselect_recorded(config: pytest.Config, settings: Settings, items: list[pytest.Item]) -> None:
    """Leave out the tests that have a baseline: an update of new ones only need not run them.

    A test whose baseline cannot be read, or was edited by hand, stays: its verdict will tell.
    """
    baselines = suite_baselines_of(config, settings)
    recorded: dict[str, bool] = {}
    left: list[pytest.Item] = []
    gone: list[pytest.Item] = []
    for item in items:
        record = item.stash.get(SEED_ITEM, None)
        if record is not None and record.test not in recorded:
            try:
                baseline = baselines.find(record.file, record.test, record.declaration.tier)
                recorded[record.test] = baseline is not None and not baseline.edited
            except BaselineError:
                recorded[record.test] = False
        (gone if record is not None and recorded[record.test] else left).append(item)
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = left


def plan_items(config: pytest.Config, settings: Settings, items: list[pytest.Item]) -> SuitePlan:
    """The plan of the tests that were collected.

    Raises:
        BaselineError: a baseline cannot be read.
    """
    if settings.against is not None:
        return _plan_pairs(settings, items)
    baselines, green_runs = (
        suite_baselines_of(config, settings),
        GreenRuns(getattr(config, "cache", None)),
    )
    commit = History(config.rootpath).tree.commit or ""
    tests = {}
    for item in items:
        record = item.stash.get(SEED_ITEM, None)
        if record is None or record.test in tests:
            continue
        declared = record.declaration
        rules = rules_of(declared, baselines)
        baseline = baselines.find(record.file, record.test, declared.tier)
        if baseline is not None:
            rules = replace(
                rules, green_runs=green_runs.unchanged(record.test, declared.tier, baseline, commit)
            )
        tests[record.test] = plan_test(
            record.test, declared.tier, len(declared.seeds), baseline, rules
        )
    return plan_suite(
        tuple(tests.values()),
        alpha=settings.alpha,
        comparisons=baselines.comparisons,
        workers=config.stash.get(PLANNED_WORKERS, 1),
    )


def _plan_pairs(settings: Settings, items: list[pytest.Item]) -> SuitePlan:
    """The plan of an A/B run, which needs no baseline."""
    declared = {
        record.test: record.declaration
        for item in items
        if (record := item.stash.get(SEED_ITEM, None)) is not None
    }
    tests = tuple(
        plan_pairs(
            test,
            one.tier,
            len(one.seeds),
            rules_for(one.settings, one.settings.of_test, comparisons=len(declared)),
        )
        for test, one in declared.items()
    )
    return plan_suite(tests, alpha=settings.alpha, comparisons=len(declared))
