"""The recorded baselines as a process that runs seeds sees them.

Every worker opens them to know the learning curves of its seeds: no statistics are loaded here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.running.curve_watch import BaselineCurves
from pytest_mlregress.running.markers import Declaration
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.cost import seed_cost
from pytest_mlregress.verdicts.curves import curve_level
from pytest_mlregress.verdicts.policy import Rules, rules_for
from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines

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


def curves_of(config: pytest.Config, record: SeedItem) -> BaselineCurves | None:
    """The recorded learning curves of a test, None where no curve of it is judged."""
    declared = record.declaration
    baselines = suite_baselines_of(config, declared.settings)
    try:
        baseline = baselines.find(record.file, record.test, declared.tier)
        if baseline is None or not baseline.curves:
            return None
        rules = rules_of(declared, baselines)
    except BaselineError:
        return None  # its verdict will tell
    if not rules.judges_curves:
        return None
    directions = {name: metric.higher_is_better for name, metric in baseline.metrics.items()}
    return BaselineCurves(
        baseline.curves, directions, level=curve_level(rules), seeds=len(declared.seeds)
    )


def gpu_memory_of(config: pytest.Config, record: SeedItem) -> int | None:
    """What a seed of a test took of a GPU when its baseline was recorded.

    Returns:
        Bytes that torch had allocated, 0 where it used none; None where nothing was recorded, and
        in an A/B run, which no baseline has a part in.
    """
    declared = record.declaration
    if declared.settings.compares_sides:
        return None
    try:
        baseline = suite_baselines_of(config, declared.settings).find(
            record.file, record.test, declared.tier
        )
    except BaselineError:
        return None  # its verdict will tell
    cost = seed_cost(baseline)
    return None if cost is None else cost.peak_gpu_memory or 0


def rules_of(declared: Declaration, baselines: SuiteBaselines) -> Rules:
    """The rules of a test's verdict, at the level that it shares with all baselines."""
    return rules_for(
        declared.settings, declared.settings.of_test, comparisons=baselines.comparisons
    )
