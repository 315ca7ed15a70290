"""One seed runs: seeded, with its threads, and with its result on every report.

The result is sent as one attribute of plain builtins, since reports are all that an xdist worker
sends and the controller never collects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any, Final, TypeAlias

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.baselines.environment import describe_environment
from pytest_mlregress.resources.peak_memory import start_peak_memory
from pytest_mlregress.running import progress_channel
from pytest_mlregress.running.curve_watch import BaselineCurves, CurveLimits, CurveWatch
from pytest_mlregress.running.guarded_run import GUARD_FINDINGS, guarded
from pytest_mlregress.running.late_seeding import (
    register_torch_with_hypothesis,
    seeding_late_imports,
)
from pytest_mlregress.running.machine_share import reserved
from pytest_mlregress.running.recorded_metric import RecordError
from pytest_mlregress.running.regression_tests import FIXTURE
from pytest_mlregress.running.reproduction import difference, trained_twice
from pytest_mlregress.running.result import STOPPED_MESSAGE, SeedResult
from pytest_mlregress.running.run import Run, take_forwarded
from pytest_mlregress.running.running_seed import RUNNING, RunningSeed, running_seed
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import EXECUTION, REPORT_ATTRIBUTE, SEED_ITEM
from pytest_mlregress.running.seed_payload import (
    imports_of,
    neutralise_xfail,
    plan_payload,
    spent_by,
)
from pytest_mlregress.running.seed_reads import read_recorder, recorded_reads, unrecorded
from pytest_mlregress.running.standing import NOT_RUN, Standing
from pytest_mlregress.running.stop_flags import StopFlags, stop_flags
from pytest_mlregress.running.threads import limited_threads
from pytest_mlregress.running.traced_run import traced
from pytest_mlregress.running.vectorized_items import OTHERS, others_of
from pytest_mlregress.seeding import preserved_generators, seed_everything
from pytest_mlregress.settings import Settings

SHARED_FIXTURE_SEED: Final = 0
"""A class-, module- or session-scoped fixture is shared by several seeds, and which one comes first
depends on the scheduler; it is set up with the same random numbers in any case."""

FIRST: Final = pytest.StashKey[SeedResult]()
_LIMITS: Final = pytest.StashKey[CurveLimits]()

CurvesOf: TypeAlias = Callable[[SeedItem], BaselineCurves | None]
"""Finds the recorded learning curves of a seed's test, None where none is judged; called when the
seed first logs a point."""

StandingOf: TypeAlias = Callable[[pytest.Item], Standing | None]
"""Finds out whether anything that a seed's test reads has changed since its baseline; None where
that is not asked."""


def execution_of(
    config: pytest.Config,
    settings: Settings,
    curves_of: CurvesOf,
    standing_of: StandingOf = lambda item: None,
    kind: type[Execution] | None = None,
) -> Execution:
    """The one `Execution` of this process.

    Args:
        config: pytest's.
        settings: the settings of the run.
        curves_of: finds the recorded learning curves of a seed's test.
        standing_of: finds out what has changed since the baseline of a seed's test.
        kind: which execution it is; None for `Execution`.

    Returns:
        The execution, made at the first call.
    """
    if EXECUTION not in config.stash:
        made = (kind or Execution)(settings, stop_flags(config), curves_of, standing_of)
        config.stash[EXECUTION] = made
    return config.stash[EXECUTION]


class Execution:
    """What a process that runs seeds does: the only process, or an xdist worker."""

    def __init__(
        self,
        settings: Settings,
        flags: StopFlags,
        curves_of: CurvesOf,
        standing_of: StandingOf = lambda item: None,
    ) -> None:
        self._settings = settings
        self._flags = flags
        self._curves_of = curves_of
        self._standing_of = standing_of

    @contextmanager
    def protocol(self, item: pytest.Item) -> Iterator[None]:
        """Around all phases of a seed.

        Args:
            item: the item of the seed.

        Yields:
            Once, around its phases.
        """
        record = item.stash[SEED_ITEM]
        with (
            reserved(item, self._flags),
            # One that is skipped may declare more processors than any machine has threads for.
            limited_threads("keep" if record.shortfall else record.declaration.settings.threads),
        ):
            self._prepare_limits(item)
            if trained_twice(item, self._settings):
                self._train_before(item)
            start_peak_memory()
            yield

    def _prepare_limits(self, item: pytest.Item) -> None:
        """Know the limits of the curves before the seed's time is taken: they need scipy."""
        record = item.stash[SEED_ITEM]
        unjudged = self._settings.updating or self._settings.compares_sides
        if unjudged or self._flags.is_raised(record.test):
            return
        curves_of = partial(self._curves_of, record)
        limits = item.stash[_LIMITS] = CurveLimits(partial(unrecorded, item.config, curves_of))
        with suppress(Exception):  # here it would end the run; the seed meets it again
            standing = self._standing_of(item)
            if standing is None or not standing.leaves_out(record):
                _ = limits.bands

    def _train_before(self, item: pytest.Item) -> None:
        """Train a seed once without reporting it, to compare with what it is to give again."""
        record = item.stash[SEED_ITEM]
        if self._flags.is_raised(record.test):
            return
        _compat.run_unlogged(item)
        running = item.stash.get(RUNNING, None)
        if running is not None:
            item.stash[FIRST] = running.record.result(record.seed)

    def setup(self, item: pytest.Item) -> None:
        """Before the fixtures of a seed: skip it if its verdict is certain, otherwise seed.

        Args:
            item: the item of the seed.
        """
        running = item.stash[RUNNING] = running_seed(item, item.stash[SEED_ITEM])
        with running.own_time.measured():
            self._set_up(item, running)

    def _set_up(self, item: pytest.Item, running: RunningSeed) -> None:
        record = item.stash[SEED_ITEM]
        running.first = item.stash.get(FIRST, None)
        running.standing = self._standing_of(item)
        if running.standing is not None and running.standing.leaves_out(record):
            running.left_out = True
            pytest.skip(NOT_RUN)
        if self._flags.is_raised(record.test):
            running.stopped = True
            pytest.skip(STOPPED_MESSAGE)
        if (recorder := read_recorder(item.config)) is not None:
            recorder.begin(item)
        running.record.progress = progress_channel.begin(item, record)
        limits = item.stash.get(_LIMITS, None)
        running.record.on_log = CurveWatch(limits) if limits is not None else None
        seed_all(item, record.seed)

    @contextmanager
    def fixture(self, definition: pytest.FixtureDef[Any], item: pytest.Item) -> Iterator[None]:
        """Around the set-up of a fixture: other plugins may have reseeded since `setup`.

        A shared one is set up with the same random numbers even by a test that is no regression
        test.

        Args:
            definition: the fixture.
            item: the item that requests it.

        Yields:
            Once, around the set-up.
        """
        if definition.scope != "function":
            with preserved_generators():
                seed_all(item, SHARED_FIXTURE_SEED)
                yield
            return
        running = item.stash.get(RUNNING, None)
        if running is not None and running.in_setup and not running.seeded:
            with running.own_time.measured():
                seed_all(item, item.stash[SEED_ITEM].seed)
            running.seeded = True
        yield

    @contextmanager
    def call(self, item: pytest.Item) -> Iterator[None]:
        """Around the test function: seed once more, after every fixture.

        Args:
            item: the item of the seed.

        Yields:
            Once, around the call.
        """
        running = item.stash[RUNNING]
        running.in_setup = False
        record = item.stash[SEED_ITEM]
        with (
            running.own_time.measured(),
            _seeded(item, record.seed),
            guarded(item, record, running.own_time),
            traced(running.record, record.seed),
            _with_forwarded_log(running.run),
            _training(running),
        ):
            yield

    def report(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Put the seed's record on a report of its item.

        Args:
            item: the item of the seed.
            report: the report of one of its phases.
        """
        record = item.stash[SEED_ITEM]
        if RUNNING not in item.stash:
            item.stash[RUNNING] = running_seed(item, record)
        running = item.stash[RUNNING]
        xfail = _compat.xfail_in_force(item)
        neutralise_xfail(report, running, xfail)
        if running.plan is None:
            running.plan = plan_payload(record, item.location)
        payload: dict[str, Any] = {
            **running.plan,
            "stopped": running.stopped,
            "xfailed": running.xfailed,
            "xfail": asdict(xfail) if xfail is not None else None,
            "guards": item.stash.get(GUARD_FINDINGS, []),
            "takes_run": FIXTURE in getattr(item, "fixturenames", ()),
            "left_out": running.left_out,
        }
        running.passed = running.passed and report.passed
        share = 1 / len(running.records)  # each seed that it trains has its own
        report.duration *= share
        payload["own_seconds"] = own = share * running.own_time.take()
        running.seconds += max(0.0, report.duration - own)
        if report.when == "call":  # for the line of the seed, which pytest prints now
            payload["seconds"] = running.seconds
            payload["values"] = {name: one.value for name, one in running.record.metrics.items()}
        if running.standing is not None:
            payload["standing"] = running.standing.to_builtins()
        if record.together:
            payload["together"] = list(record.together)
        if report.when == "teardown":
            if record.together:
                payload[OTHERS] = others_of(item, running)
            result = running.record.result(record.seed)
            payload["result"] = result.to_builtins()
            if not running.stopped:  # one that trained nothing says nothing of where
                payload["environment"] = describe_environment(imports_of(item))
            if not running.stopped and not running.left_out:
                payload["reads"] = recorded_reads(item)
                payload["reproduced"] = difference(running.first, result)
                payload["passed"] = running.passed
                payload["spent"] = spent_by(running)
        setattr(report, REPORT_ATTRIBUTE, payload)


@contextmanager
def _seeded(item: pytest.Item, seed: int) -> Iterator[None]:
    """Around the test function: all generators are seeded, and those of late imports will be."""
    register_torch_with_hypothesis()
    seed_all(item, seed)
    with seeding_late_imports(seed):
        yield


@contextmanager
def _training(running: RunningSeed) -> Iterator[None]:
    """Around the test function alone: its time is the seed's, that around it the plugin's."""
    running.own_time.end()
    try:
        yield
    finally:
        running.own_time.begin()


@contextmanager
def _with_forwarded_log(run: Run) -> Iterator[None]:
    """Around the test function: take over at its end what other processes have logged."""
    try:
        yield
    except BaseException:
        with suppress(RecordError):  # the test's own failure counts
            take_forwarded(run)
        raise
    take_forwarded(run)


def seed_all(item: pytest.Item, seed: int) -> None:
    """Seed every generator: the known ones, then those of the conftests above the item.

    Args:
        item: the item.
        seed: the seed.
    """
    seed_everything(seed)
    item.ihook.pytest_mlregress_seed(seed=seed)
