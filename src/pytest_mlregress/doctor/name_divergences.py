"""Names the first module or operation in which two trainings of one seed differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_mlregress.divergence.command import ITSELF, ExplainRequest, run_explain
from pytest_mlregress.divergence.phases import METRIC
from pytest_mlregress.divergence.report_text import headline
from pytest_mlregress.doctor.bit_comparison import first_difference
from pytest_mlregress.doctor.trainings import TrainedTest, Trainings
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.command_error import CommandError

__all__ = ["differing_tests", "name_divergences"]


def differing_tests(trainings: Trainings) -> list[TrainedTest]:
    """The tests whose first seed gave other bits the second time.

    Args:
        trainings: what was trained.

    Returns:
        Them.
    """
    return [
        each
        for each in trainings.tests.values()
        if each.first is not None
        and each.again is not None
        and each.first.outcome == each.again.outcome == "finished"
        and first_difference(each.first, each.again)
    ]


def name_divergences(
    trainings: Trainings,
    directory: Path,
    *,
    pytest_args: Sequence[str] = (),
    on_start: Callable[[SeedRequest], None] | None = None,
    on_seed: Callable[[TrainedSeed], None] | None = None,
) -> Trainings:
    """Trace the seeds that differ twice more, as ``mlregress explain TEST --against=.`` does.

    Args:
        trainings: what was trained.
        directory: where pytest is started.
        pytest_args: further arguments of pytest.
        on_start: told each seed before it trains.
        on_seed: told each seed that was trained.

    Returns:
        The same, with the divergence of each test for which it could be found.
    """
    tests = dict(trainings.tests)
    for each in differing_tests(trainings):
        assert each.first is not None
        request = ExplainRequest(
            test=each.test,
            against=ITSELF,
            seed=each.first.seed,
            tier=None if each.tier == "default" else each.tier,
            rootdir=directory,
            pytest_args=tuple(pytest_args),
        )
        try:
            report = run_explain(request, on_start=on_start, on_seed=on_seed)
        except CommandError:
            continue  # the metric that differs is named all the same
        divergence = report.found.divergence
        if divergence is not None and divergence.phase != METRIC:  # that one is named already
            tests[each.test] = replace(each, divergence=headline(report))
    return replace(trainings, tests=tests)
