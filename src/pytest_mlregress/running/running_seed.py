"""The state of a seed while its item runs, and the run behind its fixtures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress.running.own_time import OwnTime
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.running.run import Run
from pytest_mlregress.running.run_record import RunRecord
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.standing import Standing


@dataclass(slots=True)
class RunningSeed:
    """The state of a seed while its item runs.

    Attributes:
        run: the run that the test receives.
        record: what it has recorded so far.
        records: the same for each seed that the item trains, itself included.
        seeded: whether the generators are seeded.
        in_setup: whether its fixtures are being set up.
        stopped: whether it was skipped because its verdict is certain.
        xfailed: the reason of an expected failure that occurred; None without one.
        first: what the same seed gave when it was trained before, to see whether it is
            reproducible; None where it was not.
        standing: what is known of the code since the baseline, None where that is not asked.
        left_out: whether it was skipped because nothing that it reads has changed.
        passed: whether every phase that has ended so far passed.
        seconds: how long the phases took that have ended so far, without `own_time`.
        own_time: what the plugin itself took in them.
        plan: what each of its reports says of the test, once one has been made.
    """

    run: Run
    record: RunRecord
    records: Mapping[int, RunRecord]
    seeded: bool = False
    in_setup: bool = True
    stopped: bool = False
    xfailed: str | None = None
    first: SeedResult | None = None
    standing: Standing | None = None
    left_out: bool = False
    passed: bool = True
    seconds: float = 0.0
    own_time: OwnTime = field(default_factory=OwnTime)
    plan: Mapping[str, Any] | None = None


RUNNING: Final = pytest.StashKey[RunningSeed]()


def run_of(request: pytest.FixtureRequest) -> Run:
    """The run behind the fixtures ``mlregress`` and ``seed``.

    Args:
        request: pytest's, of the fixture.

    Returns:
        The run.
    """
    running = request.node.stash.get(RUNNING, None)
    if running is None:
        pytest.fail(
            f"{request.node.nodeid}: the fixtures of pytest-mlregress serve plain test functions "
            "and methods, which can be run across seeds; this is none",
            pytrace=False,
        )
    return running.run  # type: ignore[no-any-return]


def running_seed(item: pytest.Item, seed_item: SeedItem) -> RunningSeed:
    """The state of a seed before it runs.

    Args:
        item: the item of the seed.
        seed_item: what it knows.

    Returns:
        The state.
    """

    def make_tmp_path() -> Path:
        factory: pytest.TempPathFactory = item._request.getfixturevalue("tmp_path_factory")  # type: ignore[attr-defined]
        return factory.mktemp(f"seed{seed_item.seed}")

    declared = seed_item.declaration
    seeds = seed_item.together or (seed_item.seed,)
    records = {seed: RunRecord(data_fraction=declared.settings.data_fraction) for seed in seeds}
    record = records[seed_item.seed]
    if declared.takes_seeds:
        from pytest_mlregress.running.vectorized_run import VectorizedRun

        run: Run = VectorizedRun(
            test=seed_item.test,
            seeds=seeds,
            tier=declared.tier,
            params=declared.params,
            make_tmp_path=make_tmp_path,
            records=records,
        )
    else:
        run = Run(
            test=seed_item.test,
            seed=seed_item.seed,
            tier=declared.tier,
            params=declared.params,
            make_tmp_path=make_tmp_path,
            record=record,
        )
    return RunningSeed(run, record, records)
