"""Trains what the checks need of each test: its first seed twice, and another seed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pytest_mlregress.doctor.trainings import TrainedTest, Trainings
from pytest_mlregress.revisions.cells.cell import Cell, Cells
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest
from pytest_mlregress.revisions.cells.trainer import SeedRequest, TrainedSeed, Trainer

__all__ = ["planned_trainings", "train_tests"]


@dataclass(frozen=True, slots=True)
class _Requests:
    """The seeds of one test."""

    first: SeedRequest
    again: SeedRequest
    other: SeedRequest | None


def planned_trainings(suite: Suite) -> int:
    """How many seeds `train_tests` trains.

    Args:
        suite: the tests.

    Returns:
        Two or three for each test.
    """
    return sum(2 if _other_seed(test) is None else 3 for test in suite.tests)


def train_tests(
    suite: Suite,
    *,
    workers: int = 1,
    on_start: Callable[[SeedRequest], None] | None = None,
    on_seed: Callable[[TrainedSeed], None] | None = None,
) -> Trainings:
    """Train the working tree's tests.

    Nothing comes from the cache. Both trainings of one seed have a process of their own, so that
    what the one leaves behind in memory, and the order of its sets, is not the other's. An
    interrupted run is gone on with, as long as no file has changed.

    Args:
        suite: the tests.
        workers: how many seeds are trained at once.
        on_start: told each seed before it trains.
        on_seed: told each seed that was trained.

    Returns:
        What was trained.
    """
    with Cells(suite) as cells:
        tree = cells.working_tree()
        planned = {test.test: _requests(test, tree) for test in suite.tests}
        question = {"command": "doctor", "tree": tree.identity, "tests": sorted(planned)}
        journal = Journal.open(suite.state_folder, question)
        try:
            with Trainer(
                suite,
                workers=workers,
                journal=journal,
                use_cache=False,
                on_start=on_start,
                on_seed=on_seed,
            ) as trainer:
                requests = [
                    request
                    for own in planned.values()
                    for request in (own.first, own.again, own.other)
                    if request is not None
                ]
                known = dict(zip(requests, trainer.train(requests), strict=True))
            journal.finish()
        finally:
            journal.close()
    return Trainings({test.test: _of_test(test, planned[test.test], known) for test in suite.tests})


def _requests(test: SuiteTest, tree: Cell) -> _Requests:
    """The seeds of a test, each training of the first one in a process of its own.

    A process serves one state of the code: under another identity the same state gets another.
    """
    seed, other = test.seeds[0], _other_seed(test)
    own, again = (
        replace(tree, identity=f"{tree.identity} {test.test} {number}") for number in (1, 2)
    )
    return _Requests(
        first=SeedRequest(own, test.test, seed),
        again=SeedRequest(again, test.test, seed, repeat=1),
        other=SeedRequest(own, test.test, other) if other is not None else None,
    )


def _other_seed(test: SuiteTest) -> int | None:
    """A second seed of a test; None for one that ignores its seed, or has one alone."""
    return test.seeds[1] if len(test.seeds) > 1 and not test.deterministic else None


def _of_test(
    test: SuiteTest, requests: _Requests, known: dict[SeedRequest, TrainedSeed]
) -> TrainedTest:
    first, again = known[requests.first], known[requests.again]
    other = known[requests.other] if requests.other is not None else None
    reasons = [each.unavailable for each in (first, again, other) if each is not None]
    return TrainedTest(
        test=test.test,
        tier=test.tier,
        first=first.result,
        again=again.result,
        other=other.result if other is not None else None,
        unavailable=next((reason for reason in reasons if reason), ""),
    )
