"""All that has been trained so far; the search is a function of it and of nothing else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pytest_mlregress.revisions.bisection.metric_choice import PASSING, SearchedMetric
from pytest_mlregress.revisions.bisection.missing_numbers import is_settled, why_no_number
from pytest_mlregress.revisions.bisection.state_seed import Source, StateSeed
from pytest_mlregress.running.reads import Reads, merged

__all__ = ["SEEDS_TO_SKIP", "Evidence"]

SEEDS_TO_SKIP: Final = 3
"""So many seeds fail at a state, and none runs, before it counts as one that cannot be trained."""


class Evidence:
    """The seeds at each state, in the order in which they came in."""

    def __init__(self) -> None:
        self._seeds: dict[tuple[str, int], StateSeed] = {}

    def add(self, seeds: Iterable[StateSeed]) -> None:
        """Take seeds in; one that is there already stays.

        Args:
            seeds: the seeds.
        """
        for seed in seeds:
            self._seeds.setdefault((seed.state, seed.seed), seed)

    def at(self, state: str) -> list[StateSeed]:
        """The seeds that ran at a state.

        Args:
            state: the name of its commit.

        Returns:
            Those with a result.
        """
        return [
            seed for seed in self._seeds.values() if seed.state == state and seed.result is not None
        ]

    @property
    def reads(self) -> Mapping[str, Reads]:
        """What seeds have read, by the state that they ran at."""
        found: dict[str, list[Reads]] = {}
        for seed in self._seeds.values():
            if seed.reads is not None:
                found.setdefault(seed.state, []).append(seed.reads)
        return {state: merged(reads) for state, reads in found.items()}

    @property
    def unavailable(self) -> Mapping[str, str]:
        """The states at which no seed could be run, and why."""
        ran = {seed.state for seed in self._seeds.values() if seed.result is not None}
        return {
            seed.state: seed.unavailable
            for seed in self._seeds.values()
            if seed.unavailable is not None and seed.state not in ran
        }

    def unusable(self, metric: SearchedMetric) -> Mapping[str, str]:
        """The states without a number, and why: a difference to them measures nothing.

        Args:
            metric: what is searched by. For `PASSING`, seeds that fail are what is searched for.

        Returns:
            Those of `unavailable`, and those where no seed that ran gave a finite number.
        """
        return {**self.unavailable, **self._without_number(metric)}

    def wasted(self, metric: SearchedMetric) -> int:
        """The number of results at states without a number.

        Args:
            metric: what is searched by.

        Returns:
            The number: they are trainings, though no observations.
        """
        return sum(len(self.at(state)) for state in self._without_number(metric))

    def to_confirm(
        self, metric: SearchedMetric, seeds: Sequence[int]
    ) -> tuple[tuple[str, int], ...]:
        """Trainings that show whether all seeds fail at a state or some.

        Args:
            metric: what is searched by.
            seeds: the seeds of the test, in their order.

        Returns:
            One seed of each state where fewer than `SEEDS_TO_SKIP` were tried, and none ran.
        """
        found = []
        for state in self._without_number(metric):
            tried = {seed.seed for seed in self._seeds.values() if seed.state == state}
            left = [seed for seed in seeds if seed not in tried]
            results = [own.result for own in self.at(state) if own.result is not None]
            if left and len(tried) < SEEDS_TO_SKIP and not is_settled(metric.name, results):
                found.append((state, left[0]))
        return tuple(found)

    def _without_number(self, metric: SearchedMetric) -> Mapping[str, str]:
        if metric.name == PASSING:
            return {}
        found = {}
        for state in dict.fromkeys(own.state for own in self._seeds.values()):
            results = [own.result for own in self.at(state) if own.result is not None]
            if results and not any(math.isfinite(metric.value(result)) for result in results):
                found[state] = why_no_number(metric.name, results)
        return found

    @property
    def sources(self) -> Mapping[Source, int]:
        """How many results were trained now, and how many were there already."""
        return Counter(seed.source for seed in self._seeds.values() if seed.result is not None)

    def observations(
        self, metric: SearchedMetric, states: Sequence[str], equal: Sequence[int]
    ) -> Mapping[int, Mapping[int, float]]:
        """The values by state and seed.

        Args:
            metric: what a result is worth.
            states: the names of the states.
            equal: for each state, the position of the one whose results are its own: the bits of
                one training are no two observations.

        Returns:
            For each position of a state, the value of each seed, oriented so that higher is better.
        """
        places = {state: place for place, state in enumerate(states)}
        not_run = self.unusable(metric)
        found: dict[int, dict[int, float]] = {}
        for seed in self._seeds.values():
            if seed.state not in not_run:
                # One that cannot be run where others can, such as one that killed its process,
                # counts as failed.
                value = -math.inf if seed.result is None else metric.value(seed.result)
                found.setdefault(equal[places[seed.state]], {}).setdefault(seed.seed, value)
        return found
