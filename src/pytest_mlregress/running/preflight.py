"""A preflight: one step of a test's first seed, to see what would fail at hour three.

Its reports are those of ordinary tests: without the attribute that seeds have, so that nothing is
judged, recorded or kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.node_ids import replace_seed, seed_id
from pytest_mlregress.resources.peak_memory import peak_memory
from pytest_mlregress.running.execution import Execution, seed_all
from pytest_mlregress.running.first_step import (
    Ending,
    counted_steps,
    ended_after_first_step,
)
from pytest_mlregress.running.late_seeding import (
    register_torch_with_hypothesis,
    seeding_late_imports,
)
from pytest_mlregress.running.run import PREFLIGHT
from pytest_mlregress.running.running_seed import RUNNING, running_seed
from pytest_mlregress.running.seed_items import TIER, SeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.seed_payload import neutralise_xfail

PREFLIGHT_ATTRIBUTE: Final = "mlregress_preflight"
"""On the last report of a preflight: what it found, as plain builtins."""

_ENDING: Final = pytest.StashKey[Ending]()
_IN_FIXTURES: Final = pytest.StashKey[list[tuple[str, str, int]]]()
"""The fixtures that trained: their names, their scopes, and how many optimizer steps."""


class PreflightExecution(Execution):
    """What a process that runs preflights does."""

    _counting = False
    """Whether steps are counted: a fixture that asks for another one counts for both."""

    def setup(self, item: pytest.Item) -> None:
        """Before the fixtures: seed.

        Args:
            item: the item of the seed.
        """
        record = item.stash[SEED_ITEM]
        running = item.stash[RUNNING] = running_seed(item, record)
        running.record.preflight = True
        seed_all(item, record.seed)

    @contextmanager
    def fixture(self, definition: pytest.FixtureDef[Any], item: pytest.Item) -> Iterator[None]:
        """Around the set-up of a fixture, whose optimizer steps are counted.

        They do not end it: other tests may need what it returns, and pytest would report an error.

        Args:
            definition: the fixture.
            item: the item that requests it.

        Yields:
            Once, around the set-up.
        """
        running = item.stash.get(RUNNING, None)
        with super().fixture(definition, item):
            if running is None or not running.in_setup or self._counting:
                yield
                return
            self._counting = True
            try:
                with counted_steps() as seen:
                    yield
            finally:
                self._counting = False
            if seen.steps:
                trained = item.stash.setdefault(_IN_FIXTURES, [])
                trained.append((definition.argname, str(definition.scope), seen.steps))

    @contextmanager
    def call(self, item: pytest.Item) -> Iterator[None]:
        """Around the test function, which its first optimizer step ends.

        Args:
            item: the item of the seed.

        Yields:
            Once, around the call.
        """
        running = item.stash[RUNNING]
        running.in_setup = False
        register_torch_with_hypothesis()
        seed = item.stash[SEED_ITEM].seed
        seed_all(item, seed)
        asked = running.record.asked
        with (
            seeding_late_imports(seed),
            ended_after_first_step(lambda: PREFLIGHT in asked) as seen,
        ):
            yield
        item.stash[_ENDING] = seen.ending(declared=PREFLIGHT in asked)

    def report(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Put what was found on the last report of an item.

        Args:
            item: the item of the seed.
            report: the report of one of its phases.
        """
        record = item.stash[SEED_ITEM]
        running = item.stash.setdefault(RUNNING, running_seed(item, record))
        neutralise_xfail(report, running, _compat.xfail_in_force(item))
        running.seconds += report.duration
        if report.when != "teardown":
            return
        peak = peak_memory()
        found: dict[str, Any] = {
            "test": record.test,
            "tier": record.declaration.tier if _is_later_tier(item, record) else None,
            "ending": item.stash.get(_ENDING, None),
            "xfailed": running.xfailed,
            "declared": PREFLIGHT in running.record.asked,
            "in_fixtures": [list(trained) for trained in item.stash.get(_IN_FIXTURES, [])],
            "duration": running.seconds,
            "peak_memory": peak.process,
            "peak_gpu_memory": peak.gpu,
            "check_node_ids": _node_ids_of_check(item, record),
        }
        setattr(report, PREFLIGHT_ATTRIBUTE, found)


def _is_later_tier(item: pytest.Item, record: SeedItem) -> bool:
    """True for a tier that a check takes only where it is asked for by name."""
    of_all = TIER in _compat.parameter_values(item)
    return of_all and record.declaration.tier != record.declaration.tiers[0]


def _node_ids_of_check(item: pytest.Item, record: SeedItem) -> list[str]:
    """The node ids of the seeds that a check of the test would run."""
    nodeid = item.nodeid
    if TIER in _compat.parameter_values(item):
        both = f"{record.declaration.tier}-{seed_id(record.seed)}"
        head, _, tail = nodeid.rpartition(both)
        nodeid = head + seed_id(record.seed) + tail
    seeds = record.declaration.check_seeds
    return [replace_seed(nodeid, record.seed, seed_id(seed)) for seed in seeds]
