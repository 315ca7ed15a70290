"""What the seeds of a suite took when their baselines were recorded."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean, median

import pytest

from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.sharding import SeedOfTest
from pytest_mlregress.settings import Settings


def recorded_durations(
    config: pytest.Config, settings: Settings, records: Iterable[SeedItem]
) -> dict[SeedOfTest, float | None]:
    """The seconds of each seed, None where no baseline tells.

    Args:
        config: pytest's.
        settings: the settings of the run.
        records: the seeds.

    Returns:
        By what is trained as one: a seed, or all of a test's that train together.
    """
    from pytest_mlregress.baselines.errors import BaselineError
    from pytest_mlregress.session.recorded_baselines import suite_baselines_of

    baselines = suite_baselines_of(config, settings)
    recorded: dict[SeedOfTest, float | None] = {}
    for record in records:
        unit = trained_as_one(record)
        try:
            baseline = baselines.find(record.file, record.test, record.declaration.tier)
        except BaselineError:  # its verdict will tell
            baseline = None
        spent = baseline.spent if baseline is not None else {}
        recorded[unit] = spent[unit.seed].duration if unit.seed in spent else None
        if recorded[unit] is None and spent:
            recorded[unit] = median(one.duration for one in spent.values())
        if record.declaration.settings.vectorized and spent:  # each seed has its share of the run
            mean = fmean(one.duration for one in spent.values())
            recorded[unit] = mean * len(record.selected or record.declaration.seeds)
    return recorded


def trained_as_one(record: SeedItem) -> SeedOfTest:
    """What one item trains: a seed, or all of a test's that train together, under the first.

    Args:
        record: of a seed.

    Returns:
        The unit of work.
    """
    together = record.declaration.settings.vectorized
    # What is selected is known once the collection is complete.
    seed = (record.selected or record.declaration.seeds)[0] if together else record.seed
    return SeedOfTest(record.test, record.declaration.tier, seed)
