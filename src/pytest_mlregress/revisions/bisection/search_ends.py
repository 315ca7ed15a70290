"""The first seeds of both ends: what is lost from one to the other, and in which number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from pytest_mlregress.revisions.bisection.evidence import SEEDS_TO_SKIP, Evidence
from pytest_mlregress.revisions.bisection.history import History
from pytest_mlregress.revisions.bisection.metric_choice import (
    PASSING,
    SearchedMetric,
    choose_metric,
)
from pytest_mlregress.revisions.bisection.missing_numbers import why_no_number, why_seeds_fail
from pytest_mlregress.revisions.bisection.search_settings import SearchSettings
from pytest_mlregress.revisions.bisection.state_seed import StateTrainer
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.running.result import SeedResult

__all__ = ["train_ends"]

_SEEDS_TO_CHOOSE: Final = 3
"""Seeds at both ends, among several metrics: the fewest whose spread says anything."""


def train_ends(
    history: History, trainer: StateTrainer, settings: SearchSettings, evidence: Evidence
) -> SearchedMetric:
    """Train the first seed at both ends, and more of them where it does not say what is lost.

    Args:
        history: the states.
        trainer: trains seeds at states.
        settings: how to search.
        evidence: takes in what is trained.

    Returns:
        What is searched by: whether seeds run at all, where none does at the bad end.

    Raises:
        CommandError: an end of the history cannot be run, no seed runs at the good end, or the
            metric is not recorded at both ends.
    """
    return _Ends(history, trainer, settings, evidence).metric()


class _Ends:
    """Both ends while their first seeds are trained."""

    def __init__(
        self, history: History, trainer: StateTrainer, settings: SearchSettings, evidence: Evidence
    ) -> None:
        self._states = history.states
        self._good, self._bad = history.states[0], history.states[-1]
        self._trainer = trainer
        self._settings = settings
        self._evidence = evidence

    def metric(self) -> SearchedMetric:
        self._train_first()
        self._train_until(_passes)
        if not any(map(_passes, self._results(self._good))):
            raise self._nothing_to_lose(why_seeds_fail(self._results(self._good)))
        self._check_recorded(self._good)
        if not any(map(_passes, self._results(self._bad))):
            return self._failing(why_seeds_fail(self._results(self._bad)))
        self._check_recorded(self._bad)
        if self._settings.metric is None and len(self._names(self._good, self._bad)) > 1:
            for seed in self._settings.seeds[1:_SEEDS_TO_CHOOSE]:
                self._train((self._good, seed), (self._bad, seed))
        chosen = choose_metric(
            self._evidence.at(self._good), self._evidence.at(self._bad), self._settings.metric
        )
        return chosen if chosen.name == PASSING else self._with_numbers(chosen)

    def _with_numbers(self, chosen: SearchedMetric) -> SearchedMetric:
        """The metric if both ends have finite numbers of it."""

        def has_number(result: SeedResult) -> bool:
            return math.isfinite(chosen.value(result))

        self._train_until(has_number)
        good, bad = self._results(self._good), self._results(self._bad)
        if not any(map(has_number, good)):
            raise self._nothing_to_lose(why_no_number(chosen.name, good))
        if not any(map(has_number, bad)):
            return self._failing(why_no_number(chosen.name, bad), chosen.name)
        return chosen

    def _train_first(self) -> None:
        first = self._settings.seeds[0]
        self._train((self._good, first), (self._bad, first))
        for name, state in (("good", self._good), ("bad", self._bad)):
            if (reason := self._evidence.unavailable.get(state)) is not None:
                raise CommandError(
                    f"the {name} end {state[:7]} cannot be run: {reason}; name another commit"
                )

    def _train_until(self, runs: Callable[[SeedResult], bool]) -> None:
        """Train further seeds of an end until one runs, or enough of them do not."""
        for seed in self._settings.seeds[1:SEEDS_TO_SKIP]:
            ends = (self._good, self._bad)
            silent = [end for end in ends if not any(map(runs, self._results(end)))]
            self._train(*((end, seed) for end in silent))

    def _train(self, *requests: tuple[str, int]) -> None:
        if requests:
            self._evidence.add(self._trainer.train(requests))

    def _results(self, state: str) -> list[SeedResult]:
        return [seed.result for seed in self._evidence.at(state) if seed.result is not None]

    def _names(self, *states: str) -> set[str]:
        return {own.name for state in states for one in self._results(state) for own in one.metrics}

    def _nothing_to_lose(self, reason: str) -> CommandError:
        return CommandError(
            f"nothing can be lost from the good end {self._good[:7]}: {reason}; name a commit as "
            "GOOD whose seeds run"
        )

    def _failing(self, reason: str, metric: str = "") -> SearchedMetric:
        why = (
            f"since {reason} at the bad end {self._bad[:7]}: the search is for the commit from "
            "which it fails"
        )
        return SearchedMetric(PASSING, higher_is_better=True, margin=None, why=why, needs=metric)

    def _check_recorded(self, end: str) -> None:
        """Refuse a metric that this end does not record, if the other one may."""
        metric = self._settings.metric
        other = self._bad if end == self._good else self._good
        if metric is None or metric in self._names(end) or metric not in self._names(other):
            return
        name, as_end = ("good", "GOOD") if end == self._good else ("bad", "BAD")
        recording = self._nearest_recording(metric, end, other)
        if recording == other:
            found = "no other commit than the other end is found to record it"
        else:
            which = "first" if end == self._good else "last"
            found = (
                f"the {which} commit that records it is {recording[:7]}: name that one as {as_end}"
            )
        raise CommandError(
            f"the {name} end {end[:7]} does not record the metric {metric} (it records: "
            f"{', '.join(sorted(self._names(end))) or 'none'}), so that no loss can be measured; "
            f"{found}"
        )

    def _nearest_recording(self, metric: str, end: str, other: str) -> str:
        """The state nearest to an end that records a metric, by bisection with one seed each."""
        order = self._states if end == self._good else self._states[::-1]
        lacks, records = 0, len(order) - 1
        assert (order[lacks], order[records]) == (end, other)
        while records - lacks > 1:
            middle = (lacks + records) // 2
            self._train((order[middle], self._settings.seeds[0]))
            if metric in self._names(order[middle]):
                records = middle
            else:
                lacks = middle
        return order[records]


def _passes(result: SeedResult) -> bool:
    return result.outcome == "finished"
