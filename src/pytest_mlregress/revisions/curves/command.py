"""A curve from its request to its result: collects, trains, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_mlregress.revisions.cells.cell import Cell, Cells
from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.cells.observer import TrainingObserver
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest, describe_test
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.cells.trainer import Trainer
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.curves.over_steps import check_logged, curve_over_steps
from pytest_mlregress.revisions.curves.result import (
    PART,
    CurveResult,
    Over,
    chosen_metric,
    finite_values,
    left_out,
)
from pytest_mlregress.running.result import SeedResult

__all__ = ["CurveRequest", "run_curve"]


class NoCurveError(CommandError):
    """The seeds gave nothing to draw; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveRequest:
    """What the user asked for.

    Attributes:
        test: the node id of the test without the seed.
        over: what the metric is drawn against.
        fractions: increasing shares, the last of them 1.
        seeds: how many seeds; None for those of a check.
        metric: the metric; None for the only one.
        curve: the learning curve; None for the one of the metric's name.
        tier: the tier; None for the first.
        fresh: whether what an interrupted run has trained is forgotten.
        workers: the number of seeds that train at once.
        rootdir: where pytest is started.
        pytest_args: further arguments of pytest.
    """

    test: str
    over: Over
    fractions: tuple[float, ...]
    seeds: int | None
    metric: str | None
    curve: str | None
    tier: str | None
    fresh: bool
    workers: int
    rootdir: Path
    pytest_args: tuple[str, ...]


def run_curve(request: CurveRequest, observer: TrainingObserver) -> CurveResult:
    """Train what a curve takes, and draw it.

    Args:
        request: what is asked.
        observer: told how it goes.

    Returns:
        The curve.

    Raises:
        CommandError: the test, the metric or the curve cannot be used.
        NoCurveError: no seed gave a value.
        KeyboardInterrupt: interrupted; its text says how to go on.
    """
    fractions = request.fractions if request.over == "data" else (1.0,)
    journals: list[Journal] = []
    try:
        by_share: dict[float, list[SeedResult]] = {}
        tests: list[SuiteTest] = []
        notes: list[str] = []
        for share in fractions:  # the smallest first: the cheapest to see what is wrong
            suite = _suite(request, share)
            test = suite.test(request.test)
            tests.append(test)
            seeds = test.seeds if request.seeds is None else test.seeds[: request.seeds]
            observer.on_total(len(seeds) * len(fractions))
            journals.append(_journal(request, suite, test, share))
            trained = _train(request, observer, suite, test, seeds, journals[-1])
            by_share[share] = _passed(trained, share, request.over, notes)
        curve = _drawn(request, tests[-1], by_share, notes)
        for journal in journals:
            journal.finish()
        return curve
    finally:
        for journal in journals:
            journal.close()


def _suite(request: CurveRequest, share: float) -> Suite:
    own = (f"--mlregress-data-fraction={share!r}",) if share < 1.0 else ()
    suite, _ = describe_test(
        request.test,
        directory=request.rootdir,
        seeds=request.seeds,
        tier=request.tier,
        pytest_args=(*request.pytest_args, *own),
    )
    return suite


def _journal(request: CurveRequest, suite: Suite, test: SuiteTest, share: float) -> Journal:
    question: Mapping[str, Any] = {
        "command": "curve",
        "test": test.test,
        "tier": test.tier,
        "share": share,
        "settings": test.settings,
        "machine": test.machine,
        "pytest_args": list(request.pytest_args),
    }
    return Journal.open(suite.state_folder, question, fresh=request.fresh)


def _train(
    request: CurveRequest,
    observer: TrainingObserver,
    suite: Suite,
    test: SuiteTest,
    seeds: Sequence[int],
    journal: Journal,
) -> list[TrainedSeed]:
    with (
        Cells(suite) as cells,
        Trainer(
            suite,
            workers=request.workers,
            journal=journal,
            warn=observer.warn,
            on_start=observer.on_start,
            on_seed=observer.on_seed,
        ) as trainer,
    ):
        tree = cells.working_tree()
        first = trainer.train(_requests(tree, test, seeds[:1]))
        _refuse(first[0], request, test)
        return [*first, *trainer.train(_requests(tree, test, seeds[1:]))]


def _requests(tree: Cell, test: SuiteTest, seeds: Sequence[int]) -> list[SeedRequest]:
    return [SeedRequest(tree, test.test, seed) for seed in seeds]


def _refuse(first: TrainedSeed, request: CurveRequest, test: SuiteTest) -> None:
    """See from the first seed what would make all others useless."""
    if first.result is None:
        raise CommandError(f"{test.test} cannot be trained: {first.unavailable}")
    if first.result.outcome != "finished":
        return
    if request.over == "steps":
        check_logged(test.test, first.result, request.metric, request.curve)
    elif first.result.data_fraction is None:
        raise CommandError(
            f"{test.test} does not read mlregress.data_fraction, so that it trains on all data "
            "whatever the share; add: data = data[: max(1, round(len(data) * "
            "mlregress.data_fraction))]"
        )
    else:
        chosen_metric([first.result], request.metric, test.test)


def _passed(
    trained: Sequence[TrainedSeed], share: float, over: Over, notes: list[str]
) -> list[SeedResult]:
    found = []
    for seed in trained:
        if seed.result is not None and seed.result.outcome == "finished":
            found.append(seed.result)
            continue
        reason = seed.unavailable if seed.result is None else seed.result.message
        at = f" at {share:.6g} of the data" if over == "data" else ""
        notes.append(f"seed {seed.request.seed} is left out{at}: {reason}")
    return found


def _drawn(
    request: CurveRequest,
    test: SuiteTest,
    by_share: Mapping[float, Sequence[SeedResult]],
    notes: Sequence[str],
) -> CurveResult:
    import numpy as np

    from pytest_mlregress.statistics.sample_efficiency import curve_band, share_to_reach

    passed = [result for results in by_share.values() for result in results]
    if not passed:
        raise NoCurveError(f"no seed of {test.test} passed: {notes[0] if notes else 'none ran'}")
    if request.over == "steps":
        return curve_over_steps(
            test,
            passed,
            request.fractions,
            metric=request.metric,
            curve=request.curve,
            notes=notes,
        )
    metric = chosen_metric(passed, request.metric, test.test)
    values = finite_values(by_share, metric.name)
    notes = [*notes, *left_out(by_share, metric.name)]
    if not values:
        raise NoCurveError(
            f"no seed of {test.test} has a finite {metric.name} at every share: "
            f"{notes[0] if notes else 'NaN or infinite'}"
        )
    shares, table = list(by_share), np.array(list(values.values()))
    band = curve_band(shares, table)
    return CurveResult(
        test=test.test,
        tier=test.tier,
        metric=metric.name,
        curve=None,
        over="data",
        higher_is_better=metric.higher_is_better,
        seeds=tuple(values),
        last_step=None,
        from_zero=False,
        table=band,
        line=band,
        reached=share_to_reach(shares, table, higher_is_better=metric.higher_is_better, part=PART),
        notes=tuple(notes),
    )
