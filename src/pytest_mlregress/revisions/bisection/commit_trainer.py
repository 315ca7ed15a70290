"""Trains a test's seeds at commits, each in a checkout that is made when it is needed."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence

from pytest_mlregress.revisions.bisection.state_seed import StateSeed
from pytest_mlregress.revisions.cells.cell import Cell, Cells
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.cells.trainer import Trainer
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["CommitTrainer"]

_MOST_CHECKOUTS = 8
"""So many checkouts lie on disk at once, besides those that train."""


class CommitTrainer:
    """Trains seeds of one test at commits.

    Args:
        cells: makes the checkouts.
        trainer: trains in them.
        test: the node id of the test.
        labels: a commit in a few words, by its full name.
        workers: the number of seeds that train at once.
    """

    def __init__(
        self,
        cells: Cells,
        trainer: Trainer,
        test: str,
        *,
        labels: Mapping[str, str],
        workers: int = 1,
    ) -> None:
        self._cells = cells
        self._trainer = trainer
        self._test = test
        self._labels = labels
        self._most = _MOST_CHECKOUTS + workers
        self._made: OrderedDict[str, Cell] = OrderedDict()
        self._refused: dict[str, str] = {}
        self._known: dict[tuple[str, int], StateSeed] = {}
        self._unmet: dict[str, tuple[str, ...]] = {}

    @property
    def sources(self) -> Mapping[str, int]:
        """How many results were trained now, and how many were there already."""
        return Counter(seed.source for seed in self._known.values() if seed.result is not None)

    def unmet(self, state: str) -> tuple[str, ...]:
        """What a commit declares to need and is run without.

        Args:
            state: the full name of a commit that seeds were trained at.

        Returns:
            One sentence each.
        """
        return self._unmet.get(state, ())

    def train(self, requests: Sequence[tuple[str, int]]) -> list[StateSeed]:
        """Train seeds; a commit that cannot be checked out here is unavailable.

        Args:
            requests: each the full name of a commit and a seed.

        Returns:
            What they gave, in the same order.
        """
        wanted: dict[tuple[str, int], SeedRequest] = {}
        for state, seed in requests:
            if (state, seed) in self._known:
                continue
            cell = self._cell(state)
            if cell is None:
                reason = self._refused[state]
                self._known[state, seed] = StateSeed(state, seed, None, unavailable=reason)
            else:
                wanted[state, seed] = SeedRequest(cell, self._test, seed)
        trained = self._trainer.train(list(wanted.values()))
        for (state, seed), own in zip(wanted, trained, strict=True):
            self._known[state, seed] = _state_seed(state, seed, own)
        self._put_away({state for state, _ in requests})
        return [self._known[request] for request in requests]

    def _cell(self, state: str) -> Cell | None:
        if state in self._refused:
            return None
        if state not in self._made:
            try:
                cell = self._cells.at(state, label=self._labels.get(state))
            except WorktreeError as error:
                self._refused[state] = str(error)
                return None
            self._made[state] = cell
            self._unmet[state] = cell.unmet
        self._made.move_to_end(state)
        return self._made[state]

    def _put_away(self, in_use: set[str]) -> None:
        """Remove the checkouts that have not been used for the longest time."""
        for state in list(self._made)[: max(0, len(self._made) - self._most)]:
            if state not in in_use:
                cell = self._made.pop(state)
                self._trainer.forget(cell)
                self._cells.release(cell)


def _state_seed(state: str, seed: int, trained: TrainedSeed) -> StateSeed:
    return StateSeed(
        state=state,
        seed=seed,
        result=trained.result,
        reads=trained.reads,
        unavailable=trained.unavailable,
        source=trained.source,
    )
