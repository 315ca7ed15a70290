"""The tests of a run, each with the seeds that its shards have trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, TypeVar

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.shard_of_run import CollectedTest
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.saved_reports.one_run import as_one_run
from pytest_mlregress.saved_reports.reading import SavedReport, SavedTest
from pytest_mlregress.verdicts.context import seeds_in_words
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup
from pytest_mlregress.verdicts.judged_test import JudgedTest

_OF_THE_JOB: Final = ("parallel", "argument", "xfail")
"""What a plan may say otherwise in each job: workers, the folder that pytest was started in, and a
mark that the test adds itself."""


@dataclass(frozen=True, slots=True)
class MergedTest:
    """A test with all its seeds.

    Attributes:
        identity: its node id and its tier.
        place: its file and line; None where they are not known.
        case: what its verdict is reached with, as one run has it.
        trained: the seeds that one run stops, and that a shard has trained all the same.
    """

    identity: tuple[str, str]
    place: tuple[str, int] | None
    case: JudgedTest
    trained: tuple[int, ...] = ()


def merged_tests(
    reports: Sequence[SavedReport], *, updating: bool = False
) -> tuple[list[MergedTest], list[str]]:
    """Put the seeds of each test together.

    Args:
        reports: those of all shards, by number.
        updating: whether they are of an update, of which it is decided later which seeds it needs.

    Returns:
        The tests, sorted, and what is wrong with their seeds, a line each.
    """
    parts: dict[tuple[str, str], list[tuple[SavedReport, SavedTest]]] = {}
    for report in reports:
        for test in report.tests:
            parts.setdefault(test.identity, []).append((report, test))
    shard = reports[0].shard
    collected = shard.collected or () if shard is not None else ()
    tests: list[MergedTest] = []
    found: list[str] = []
    for expected in collected:
        identity = (expected.test, expected.tier)
        if not expected.shards:
            continue
        own = parts.pop(identity, [])
        wrong = [*_wrong_seeds(expected, own, reports), *_contradictions(own)]
        found += wrong
        if own and not wrong:
            whole = _merged(identity, own)
            tests.append(whole if updating else _as_one_run(whole))
    found += [
        f"{own[0][0].name}: holds seeds of {test}, which was not collected"
        for (test, _), own in parts.items()
    ]
    return tests, found


def _wrong_seeds(
    expected: CollectedTest,
    parts: Sequence[tuple[SavedReport, SavedTest]],
    reports: Sequence[SavedReport],
) -> Iterator[str]:
    """Seeds that are missing, or in a shard that they do not belong to."""
    held = {report.name: _seeds_of(test) for report, test in parts}
    for report in reports:
        if report.shard is None:
            continue
        own = {seed for seed, number in expected.shards.items() if number == report.shard.number}
        there = held.get(report.name, frozenset())
        if missing := sorted(own - there):
            yield (
                f"{report.name}: {seeds_in_words(missing)} of {expected.test} did not report; run "
                f"shard {report.shard.text} again, to its end"
            )
        if foreign := sorted(there - own):
            yield (
                f"{report.name}: holds {count_of(len(foreign), 'seed')} of {expected.test} that "
                f"shard {report.shard.text} does not train: "
                f"{seeds_in_words(foreign)}"
            )


def _seeds_of(test: SavedTest) -> frozenset[int]:
    """The seeds that both sides have."""
    case = test.judged
    if case is None:
        return frozenset()
    own = frozenset(case.group.results)
    return own if case.group.base is None else own & frozenset(case.group.base.results)


def _contradictions(parts: Sequence[tuple[SavedReport, SavedTest]]) -> Iterator[str]:
    """What must be the same in all shards, since one run judges a test by it."""
    cases = [(report, test.judged) for report, test in parts if test.judged is not None]
    if not cases:
        return
    first, expected = cases[0]
    for report, case in cases[1:]:
        name = case.group.plan.test
        both = f"in {first.name} and {report.name}"
        if _plan(case.group.plan) != _plan(expected.group.plan):
            yield f"{name}: declares something else {both}; run all shards on the same files"
        if case.baseline != expected.baseline or case.problem != expected.problem:
            yield f"{name}: has other baselines {both}; run all shards with the same baselines"
        elif case.rules != expected.rules:
            yield f"{name}: is judged otherwise {both}: {_difference(case, expected)}"
        if case.base != expected.base and _base(case) != _base(expected):
            yield f"{name}: has another base {both}; run all shards against one commit"


def _plan(plan: GroupPlan) -> dict[str, object]:
    return {name: value for name, value in asdict(plan).items() if name not in _OF_THE_JOB}


def _base(case: JudgedTest) -> object:
    return None if case.base is None else (case.base.commit, case.base.dirty, case.same_code)


def _difference(case: JudgedTest, expected: JudgedTest) -> str:
    ours, theirs = asdict(case.rules), asdict(expected.rules)
    names = [name for name in ours if ours[name] != theirs[name]]
    if names == ["green_runs"]:
        return (
            "the jobs remember other earlier runs in pytest's cache; give all of them the same "
            "cache, or none: -p no:cacheprovider"
        )
    return ", ".join(names)


def _merged(
    identity: tuple[str, str], parts: Sequence[tuple[SavedReport, SavedTest]]
) -> MergedTest:
    cases = [test.judged for _, test in parts if test.judged is not None]
    first = cases[0]
    groups = [case.group for case in cases]
    bases = [group.base for group in groups if group.base is not None]
    group = _joined(groups)
    group.base = _joined(bases) if bases else None
    place = next((test.place for _, test in parts if test.place is not None), None)
    return MergedTest(identity, place, replace(first, group=group))


def _as_one_run(test: MergedTest) -> MergedTest:
    case, trained = as_one_run(test.case)
    return replace(test, case=case, trained=trained)


def _joined(groups: Sequence[SeedGroup]) -> SeedGroup:
    """One side's seeds of all shards, as one process would have gathered them in planned order."""
    plan = replace(
        groups[0].plan,
        parallel=any(group.plan.parallel for group in groups),
        xfail=next((group.plan.xfail for group in groups if group.plan.xfail is not None), None),
    )
    results: Mapping[int, SeedResult] = {
        seed: result for group in groups for seed, result in group.results.items()
    }
    in_order = sorted(groups, key=lambda group: _first(plan, group))
    findings = [name for group in in_order for name in group.guard_findings]
    return SeedGroup(
        plan,
        results={seed: results[seed] for seed in plan.planned if seed in results},
        environment=_known(group.environment for group in in_order),
        guard_findings=dict.fromkeys(findings),
        unavailable=_known(group.unavailable for group in in_order),
        wrong_origin=_known(group.wrong_origin for group in in_order),
        reads={seed: reads for group in in_order for seed, reads in group.reads.items()},
        reproduced={seed: text for group in in_order for seed, text in group.reproduced.items()},
        standing=_known(group.standing for group in in_order),
    )


_T = TypeVar("_T")


def _known(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def _first(plan: GroupPlan, group: SeedGroup) -> int:
    places = [place for place, seed in enumerate(plan.planned) if seed in group.results]
    return min(places, default=len(plan.planned))
