"""Traces one seed of a suite's test at states of the code, in processes of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from pytest_mlregress.divergence.changed_lines import SIDES, Side
from pytest_mlregress.divergence.events import Trace, read_trace
from pytest_mlregress.divergence.request import VARIABLE, TraceRequest, traces_in
from pytest_mlregress.divergence.search import Explanation, explain_seed
from pytest_mlregress.revisions.cells.cell import Cell
from pytest_mlregress.revisions.cells.suite import Suite
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.cells.trainer import Trainer
from pytest_mlregress.revisions.command_error import CommandError

UNTRACED_GUARDS = "--mlregress-guards=off"
"""An argument of pytest for a suite that is traced: guards listen to the same calls, and are not
needed."""


class SeedTracer:
    """Trains a seed at two states of the code, each in a process that stays warm.

    A context manager: its processes have ended, and its files are gone afterwards.

    Args:
        suite: the suite, best collected with `UNTRACED_GUARDS`.
        cells: the states by side; the same one twice to compare it with itself.
        test: the node id of the test without the seed.
        seed: the seed.
        on_start: called with each seed before it trains.
        on_seed: called with each seed that has trained.
    """

    def __init__(
        self,
        suite: Suite,
        cells: Mapping[Side, Cell],
        test: str,
        seed: int,
        *,
        on_start: Callable[[SeedRequest], None] | None = None,
        on_seed: Callable[[TrainedSeed], None] | None = None,
    ) -> None:
        self._cells = cells
        self._test = test
        self._seed = seed
        self._exits = ExitStack()
        folder = self._exits.enter_context(
            tempfile.TemporaryDirectory(prefix="mlregress-trace-", ignore_cleanup_errors=True)
        )
        self._folders: dict[Side, Path] = {side: Path(folder) / side for side in SIDES}
        self._trainers = {
            side: self._exits.enter_context(
                Trainer(
                    suite,
                    use_cache=False,
                    variables={VARIABLE: str(self._folders[side])},
                    on_start=on_start,
                    on_seed=on_seed,
                )
            )
            for side in SIDES
        }
        self._trainings = 0

    def __enter__(self) -> SeedTracer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exits.close()

    def explain(self) -> Explanation:
        """Find the first divergence of both sides.

        Returns:
            It, with the traces that show it.

        Raises:
            CommandError: the seed cannot be trained on a side.
        """
        roots = {side: cell.side.checkout for side, cell in self._cells.items()}
        return explain_seed(
            self.trace,
            base=roots["base"],
            candidate=roots["candidate"],
            compare_code=roots["base"] != roots["candidate"],
        )

    def trace(self, side: Side, request: TraceRequest) -> Trace:
        """Train the seed once.

        Args:
            side: at which state.
            request: what is to be recorded.

        Returns:
            The trace.

        Raises:
            CommandError: the seed cannot be trained there.
        """
        cell = self._cells[side]
        folder = self._folders[side]
        replace(request, root=cell.side.checkout).write(folder)
        self._trainings += 1  # another repeat than any before: never from a journal or a cache
        seed = SeedRequest(cell, self._test, self._seed, repeat=self._trainings)
        (trained,) = self._trainers[side].train([seed])
        if trained.unavailable is not None:
            raise CommandError(f"{cell.label} cannot run {self._test}: {trained.unavailable}")
        traces = traces_in(folder)
        if not traces:
            message = trained.result.message if trained.result is not None else ""
            because = f": {message}" if message else ""
            raise CommandError(
                f"{cell.label}: seed {self._seed} of {self._test} ended before its test function "
                f"began{because}"
            )
        return read_trace(traces[-1])
