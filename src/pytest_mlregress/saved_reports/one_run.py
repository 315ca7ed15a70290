"""A test whose seeds were all trained, in shards, as in one run that stops once it is certain."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from pytest_mlregress.running.result import STOPPED_MESSAGE, SeedResult
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS, SeedOutcome
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.judged_test import JudgedTest, seeds_after_verdict

_COUNT: Final = WITHOUT_SUCCESS
"""Outcomes that count against a test also after its verdict, as those of seeds that one run with
workers has started by then."""

_NOT_RUN: Final[tuple[SeedOutcome, ...]] = ("cancelled", "unchanged")


def as_one_run(case: JudgedTest) -> tuple[JudgedTest, tuple[int, ...]]:
    """Take back the seeds that one run would not have started.

    A seed that failed stays, wherever it stands: it was trained, and its job is red.

    Args:
        case: the test with the results of all shards.

    Returns:
        The test, and the seeds of it that a shard has trained without need.
    """
    group = case.group
    sides = (group,) if group.base is None else (group, group.base)
    late = [
        seed
        for seed in seeds_after_verdict(case)
        if group.results[seed].outcome not in _COUNT
        and any(side.results[seed].outcome not in _NOT_RUN for side in sides)
    ]
    if not late:
        return case, ()
    own = _stopped(group, late)
    own.base = None if group.base is None else _stopped(group.base, late)
    return replace(case, group=own), tuple(late)


def _stopped(group: SeedGroup, late: Collection[int]) -> SeedGroup:
    stopped = {seed: SeedResult(seed, "cancelled", message=STOPPED_MESSAGE) for seed in late}
    return replace(group, results=group.results | stopped)
