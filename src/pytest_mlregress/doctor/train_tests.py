"""Trains what the checks need of each test: its first seed twice, and another seed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_mlregress.doctor.trainings import TestTrainings, Trainings
from pytest_mlregress.revisions.cells.cell import Cell, Cells
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest, describe_suite
from pytest_mlregress.revisions.cells.trainer import SeedRequest, TrainedSeed, Trainer
from pytest_mlregress.revisions.command_error import CommandError

__all__ = ["train_tests"]


def train_tests(
    selection: Sequence[str],
    directory: Path,
    *,
    workers: int = 1,
    pytest_args: Sequence[str] = (),
    on_plan: Callable[[int], None] = lambda trainings: None,
    on_start: Callable[[SeedRequest], None] = lambda request: None,
    on_seed: Callable[[TrainedSeed], None] = lambda seed: None,
) -> Trainings:
    """Train the working tree's tests.

    Nothing comes from a cache. Both trainings of one seed have a process of their own, so that what
    one leaves behind in memory, and the order of its sets, is not the other's.

    Args:
        selection: node ids and folders; none for what pytest itself would collect.
        directory: where pytest is started.
        workers: how many seeds are trained at once.
        pytest_args: further arguments of pytest.
        on_plan: told how many seeds are to be trained.
        on_start: told each seed before it trains.
        on_seed: told each seed that was trained.

    Returns:
        What was trained; a problem where the tests cannot be collected.
    """
    try:
        suite = describe_suite(selection, directory=directory, pytest_args=pytest_args)
    except CommandError as error:
        return Trainings(problem=" ".join(str(error).split()))
    requests = 3 * len(suite.tests) - sum(_other_seed(test) is None for test in suite.tests)
    on_plan(requests)
    with (
        Cells(suite) as cells,
        Trainer(
            suite, workers=workers, use_cache=False, on_start=on_start, on_seed=on_seed
        ) as trainer,
    ):
        return _trained(suite, cells.working_tree(), trainer)


def _trained(suite: Suite, cell: Cell, trainer: Trainer) -> Trainings:
    firsts = [SeedRequest(cell, test.test, test.seeds[0]) for test in suite.tests]
    again = [SeedRequest(cell, test.test, test.seeds[0], repeat=1) for test in suite.tests]
    others = [
        SeedRequest(cell, test.test, other)
        for test in suite.tests
        if (other := _other_seed(test)) is not None
    ]
    known: dict[SeedRequest, TrainedSeed] = {}
    for round_ in ([*firsts, *others], again):
        known.update(zip(round_, trainer.train(round_), strict=True))
        trainer.forget(cell)  # the next round gets processes of its own
    return Trainings(
        {
            test.test: _of_test(test, known, cell)
            for test in suite.tests
        }
    )  # fmt: skip


def _other_seed(test: SuiteTest) -> int | None:
    """A second seed of a test; None for one that ignores its seed, or has one alone."""
    return test.seeds[1] if len(test.seeds) > 1 and not test.deterministic else None


def _of_test(test: SuiteTest, known: dict[SeedRequest, TrainedSeed], cell: Cell) -> TestTrainings:
    first = known[SeedRequest(cell, test.test, test.seeds[0])]
    again = known[SeedRequest(cell, test.test, test.seeds[0], repeat=1)]
    seed = _other_seed(test)
    other = known[SeedRequest(cell, test.test, seed)] if seed is not None else None
    reasons = [each.unavailable for each in (first, again, other) if each is not None]
    return TestTrainings(
        test=test.test,
        tier=test.tier,
        first=first.result,
        again=again.result,
        other=other.result if other is not None else None,
        unavailable=next((reason for reason in reasons if reason), ""),
    )
