"""What the baselines have to say while tests are collected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.revisions.history import History
from pytest_mlregress.running.curve_watch import BaselineCurves
from pytest_mlregress.running.markers import Declaration
from pytest_mlregress.running.seed_items import SEED_ITEM, SeedItem
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.curves import curve_level
from pytest_mlregress.verdicts.green_runs import GreenRuns
from pytest_mlregress.verdicts.pair_plan import plan_pairs
from pytest_mlregress.verdicts.plan import SuitePlan, plan_suite, plan_test
from pytest_mlregress.verdicts.policy import Rules, rules_for
from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines

PLANNED_WORKERS: Final = pytest.StashKey[int]()
"""How many workers were asked for on the command line of a plan, which itself starts none."""

_BASELINES: Final = pytest.StashKey[SuiteBaselines]()


def suite_baselines_of(config: pytest.Config, settings: Settings) -> SuiteBaselines:
    """The baselines of the suite, opened once in a process."""
    if _BASELINES not in config.stash:
        config.stash[_BASELINES] = SuiteBaselines(settings.baseline, config.rootpath)
    return config.stash[_BASELINES]


def check_places(config: pytest.Config, settings: Settings, files: Iterable[Path]) -> None:
    """Refuse a run whose baselines cannot be reached, before anything trains.

    Raises:
        pytest.UsageError: with the place, the reason and the remedy.
    """
    try:
        suite_baselines_of(config, settings).check(files, writing=settings.updating)
    except BaselineError as error:
        source = "" if settings.baseline is None else "--mlregress-baseline: "
        raise pytest.UsageError(f"{source}{error}") from None


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


def curves_of(config: pytest.Config, record: SeedItem) -> BaselineCurves | None:
    """The recorded learning curves of a test, None where no curve of it is judged."""
    declared = record.declaration
    baselines = suite_baselines_of(config, declared.settings)
    try:
        baseline = baselines.find(record.file, record.test, declared.tier)
        if baseline is None or not baseline.curves:
            return None
        rules = _rules_of(declared, baselines)
    except BaselineError:
        return None  # its verdict will tell
    if not rules.judges_curves:
        return None
    directions = {name: metric.higher_is_better for name, metric in baseline.metrics.items()}
    return BaselineCurves(
        baseline.curves, directions, level=curve_level(rules), seeds=len(declared.seeds)
    )


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
        rules = _rules_of(declared, baselines)
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


def _rules_of(declared: Declaration, baselines: SuiteBaselines) -> Rules:
    return rules_for(
        declared.settings, declared.settings.of_test, comparisons=baselines.comparisons
    )
