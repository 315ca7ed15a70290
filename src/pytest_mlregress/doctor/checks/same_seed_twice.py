"""One seed, trained twice in fresh processes, compared bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.bit_comparison import first_difference
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.doctor.trainings import TrainedTest
from pytest_mlregress.plurals import count_of

TWICE: Final = Question(
    "same-seed-twice",
    "seeds",
    "Trains one seed twice, in two processes: every metric and curve has the same bits. Where they "
    "differ, the first module or operation that does is named.",
)

_REMEDY: Final = (
    "look where they part: mlregress explain {test} --against=. ; usual causes: an unseeded "
    "generator, the order of a set, threads, time, no torch.use_deterministic_algorithms(True)"
)


@check(TWICE, trains=True)
def same_seed_twice(project: Project) -> Iterator[DoctorFinding]:
    """Compare both results of the first seed of each test."""
    trainings = project.trainings
    if trainings is None:
        raise CannotCheckError("nothing was trained")
    if trainings.problem and trainings.level != "skipped":
        yield TWICE.found(
            trainings.level,
            trainings.problem,
            "repair what stops it: nothing is compared as long as the tests cannot be run",
        )
        return
    if trainings.problem:
        raise CannotCheckError(trainings.problem)
    if not trainings.tests:
        raise CannotCheckError("no regression test was trained")
    for each in trainings.tests.values():
        yield _compared(each)


def _compared(each: TrainedTest) -> DoctorFinding:
    if each.first is None or each.again is None:
        return TWICE.skipped(f"{each.test}: {each.unavailable}")
    failed = next((r for r in (each.first, each.again) if r.outcome == "failed"), None)
    if failed is not None:
        said = failed.message.strip().partition("\n")[0]
        return TWICE.problem(
            f"{each.test}: seed {failed.seed} failed: {said}",
            f"repair the test: pytest '{each.test}' -x",
        )
    if not each.first.metrics:
        return TWICE.skipped(f"{each.test}: seed {each.first.seed} recorded no metric")
    differing = first_difference(each.first, each.again)
    if differing:
        where = f"; {each.divergence}" if each.divergence else ""
        return TWICE.problem(
            f"{each.test}: seed {each.first.seed} gave {differing} in two runs of the same "
            f"code{where}",
            _REMEDY.format(test=f"'{each.test}'"),
        )
    compared = count_of(len(each.first.metrics), "metric")
    if each.first.curves:
        compared += f" and {count_of(len(each.first.curves), 'curve')}"
    return TWICE.ok(f"{each.test}: seed {each.first.seed} gave equal bits twice ({compared})")
