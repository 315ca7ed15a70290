"""Generators that no seed reaches, in code that the tests run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.bit_comparison import first_difference
from pytest_mlregress.doctor.fallbacks import is_unused_fallback
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.reachable_code import ReachableCall, calls_of, reachable_functions
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.node_ids import without_parameters
from pytest_mlregress.plurals import count_of

UNSEEDED: Final = Question(
    "unseeded-generator",
    "seeds",
    "No generator takes its seed from the system's entropy or the clock.",
)

_GENERATORS: Final = {
    "numpy.random.default_rng": "numpy.random.default_rng(mlregress.seed)",
    "numpy.random.RandomState": "numpy.random.RandomState(mlregress.seed)",
    "numpy.random.SeedSequence": "numpy.random.SeedSequence(mlregress.seed)",
    "random.Random": "random.Random(mlregress.seed)",
}
_SEEDERS: Final = frozenset(
    {"random.seed", "numpy.random.seed", "torch.seed", "torch.random.seed", "torch.cuda.seed"}
)
_ENTROPY: Final = frozenset({"random.SystemRandom", "secrets.randbelow", "secrets.randbits"})


@check(UNSEEDED)
def unseeded_generators(project: Project) -> Iterator[DoctorFinding]:
    """Look for generators made without a seed in the functions that the tests reach."""
    functions = reachable_functions(project, project.require_tests())
    found = 0
    calls = list(calls_of(functions))
    for each in calls:
        remedy = _remedy(each)
        if remedy and not is_unused_fallback(each, calls):
            found += 1
            equal = _gave_equal_bits(each, project)
            yield UNSEEDED.found(
                "warning" if equal else "problem",
                f"{each.name}() in {each.function.node.name}() draws from the system's entropy: "
                + (
                    "no metric shows it" if equal else "the same seed gives other numbers each time"
                ),
                remedy,
                project.place(each.function.module.file, each.line),
            )
    if not found:
        yield UNSEEDED.ok(f"none in {count_of(len(functions), 'function')} that the tests can run")


def _gave_equal_bits(each: ReachableCall, project: Project) -> bool:
    """Whether the test was trained twice with one seed, and gave the same bits."""
    test = project.node_id(each.function.test)
    trained = project.trainings.tests.values() if project.trainings is not None else ()
    results = [
        first_difference(own.first, own.again)
        for own in trained
        if without_parameters(own.test) == test and own.first and own.again
    ]
    return bool(results) and not any(results)


def _remedy(each: ReachableCall) -> str:
    """What to write instead; empty for a call that is seeded."""
    given = [*each.call.args, *(keyword.value for keyword in each.call.keywords)]
    if each.name in _ENTROPY:
        return "draw from a seeded generator: random.Random(mlregress.seed)"
    if given:
        return ""
    if each.name in _GENERATORS:
        return _GENERATORS[each.name]
    if each.name in _SEEDERS:
        return f"remove {each.name}(): the plugin seeds every generator"
    return ""
