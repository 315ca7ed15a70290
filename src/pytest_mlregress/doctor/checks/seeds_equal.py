"""Two seeds that give the same bits: the training ignores its seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.bit_comparison import first_difference
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.doctor.trainings import TrainedTest
from pytest_mlregress.verdicts.seed_blind import REMEDIES, ignores_its_seed

EQUAL: Final = Question(
    "seeds-equal",
    "seeds",
    "Trains two seeds: they do not give the same bits in every metric and curve.",
)


@check(EQUAL, trains=True)
def seeds_equal(project: Project) -> Iterator[DoctorFinding]:
    """Compare the first seed of each test with another one."""
    trainings = project.trainings
    if trainings is None or trainings.problem:
        raise CannotCheckError(trainings.problem if trainings else "nothing was trained")
    if not trainings.tests:
        raise CannotCheckError("no regression test was trained")
    for each in trainings.tests.values():
        yield _compared(each)


def _compared(each: TrainedTest) -> DoctorFinding:
    if each.first is None or each.other is None:
        return EQUAL.skipped(f"{each.test}: {each.unavailable or 'declares a single seed'}")
    seeds = f"seeds {each.first.seed} and {each.other.seed}"
    if "failed" in (each.first.outcome, each.other.outcome) or not each.first.metrics:
        return EQUAL.skipped(f"{each.test}: a seed failed, or recorded no metric")
    if ignores_its_seed((each.first, each.other)):
        values = ", ".join(f"{metric.name} {metric.value:.6g}" for metric in each.first.metrics)
        return EQUAL.problem(
            f"{each.test}: {seeds} gave the same bits ({values})",
            f"make the training use mlregress.seed: {'; '.join(REMEDIES[:4])}",
        )
    if differing := first_difference(each.first, each.other):
        return EQUAL.ok(f"{each.test}: {seeds} differ: {differing}")
    values = ", ".join(f"{metric.name} {metric.value:.6g}" for metric in each.first.metrics)
    return EQUAL.ok(f"{each.test}: {seeds} both reached the bound: {values}")
