"""Whether the verdicts of a report are those of the seeds in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from pytest_mlregress import __version__
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.reporting.build_report import q_values_of
from pytest_mlregress.reporting.json_report import to_document
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.saved_reports.errors import SavedReportError
from pytest_mlregress.saved_reports.reading import (
    SavedReport,
    SavedTest,
    damaged,
    is_of_update,
)
from pytest_mlregress.verdicts.confirmation import needs_confirmation
from pytest_mlregress.verdicts.judged_test import JudgedTest, rejudged
from pytest_mlregress.verdicts.verdict import Verdict

_COMPARED: Final = (
    *("tier", "verdict", "colour", "headline", "planned", "selected", "decided_after", "stopped"),
    *("duration", "environment", "baseline_commit", "since"),
)
_TEXTS: Final = ("reasons", "notes", "next_steps")
"""Compared whatever their order, which is that in which seeds ended."""

NOT_COMPARED: Final = (
    "started, command, machine, folder, environment, sides, duration, timeline and notes of the "
    "run, where tests are"
)
"""What no seed of a report tells."""

_GUARDS: Final = "guards: "
_OF_UPDATES: Final = ("recorded", "refused", "diverged", "incomplete", "incomparable", "skipped")
_COUNTS: Final = (
    *("tests", "verdicts", "colours", "seeds_run", "seeds_saved", "seeds_cached"),
    *("seeds_unchanged", "training_seconds", "comparisons"),
)
_BY_FRESH_SEEDS: Final = ("verdicts", "colours", "seeds_run", "training_seconds", "overview")
"""What is said of a run whose red was tested on fresh seeds, which no report holds."""

_SAME: Final = 1e-9
"""Relative difference of two numbers that two machines compute from the same values."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a report says and its seeds do not.

    Attributes:
        where: the test, and the metric if it is about one; empty for the whole run.
        name: the field.
        reported: what the report says.
        recomputed: what its seeds give.
    """

    where: str
    name: str
    reported: object
    recomputed: object

    @property
    def text(self) -> str:
        """In one line."""
        where = f"{self.where}: " if self.where else ""
        return f"{where}{self.name} is {self.reported!r}, recomputed {self.recomputed!r}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of judging the seeds of a report again.

    Attributes:
        differences: what the report says and its seeds do not.
        problems: what cannot be so in a report that a run has written, a line each.
        remarks: what could not be checked, and why, a line each.
        tests: number of tests that were judged again.
        pvalues: number of p-values that were recomputed.
        seeds: number of seeds that they rest on, on both sides.
    """

    differences: tuple[Difference, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    tests: int
    pvalues: int
    seeds: int

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.differences and not self.problems


def verified(report: SavedReport) -> Verification:
    """Judge the seeds of a report again, and compare.

    Args:
        report: the report.

    Returns:
        What differs.

    Raises:
        SavedReportError: it is the report of a shard, or its head is damaged.
    """
    try:
        return _verified(report)
    except ArtifactError as error:
        raise damaged(error) from None


def _verified(report: SavedReport) -> Verification:
    if report.shard is not None:
        raise SavedReportError(
            f"{report.name}: is of shard {report.shard.text} and has no verdicts; judge all of "
            "them: mlregress merge shard-*.json --report run.json"
        )
    remarks = list(_of_version(report))
    problems: list[str] = []
    cases: list[tuple[SavedTest, JudgedTest]] = []
    for test in report.tests:
        try:
            case = test.judged
        except ArtifactError as error:
            problems.append(f"{test.identity[0]}: {damaged(error)}")
            continue
        if case is not None:
            cases.append((test, case))
            problems += _of_rules(report, case)
        elif _is_of_update(report, test):
            remarks.append(
                f"{test.identity[0]}: recorded by an update, which judges by the baseline that it "
                "replaces; not recomputed"
            )
        else:
            problems.append(f"{test.identity[0]}: what its verdict was reached with is missing")
    verdicts = tuple(_rejudged(test, case) for test, case in cases)
    documents = _documents(report, cases, verdicts)
    differences: list[Difference] = []
    confirmed = False
    for (test, case), verdict, document in zip(cases, verdicts, documents["tests"], strict=True):
        found = list(_of_test(test.document, document))
        if found and case.rules.confirm and needs_confirmation(verdict):
            confirmed = True
            found = [one for one in found if one.name.startswith(("p_", "values"))]
            remarks.append(
                f"{verdict.test}: its red was tested on fresh seeds (--mlregress-confirm), which "
                "no report holds; only its p-values were recomputed"
            )
        differences += found
    if len(cases) == len(report.tests):
        left_out = _BY_FRESH_SEEDS if confirmed else ()
        of_run = _of_run(report, documents)
        differences += [one for one in of_run if one.name.partition(".")[0] not in left_out]
    metrics = [metric for document in documents["tests"] for metric in document["metrics"]]
    return Verification(
        differences=tuple(differences),
        problems=tuple(problems),
        remarks=tuple(remarks),
        tests=len(cases),
        pvalues=sum(_pvalues(metric) for metric in metrics),
        seeds=sum(_seeds(case) for _, case in cases),
    )


def _of_version(report: SavedReport) -> Iterator[str]:
    if report.version != __version__:
        yield (
            f"{report.name}: written by pytest-mlregress {report.version}, recomputed by "
            f"{__version__}: a difference may be one of the versions"
        )


def _is_of_update(report: SavedReport, test: SavedTest) -> bool:
    return is_of_update(report) and test.document.get("verdict") in _OF_UPDATES


def _of_rules(report: SavedReport, case: JudgedTest) -> Iterator[str]:
    """The rules of a test must be those of the run's settings."""
    settings, rules, test = report.settings, case.rules, case.group.plan.test
    alpha = report.summary["alpha"].number()
    expected: dict[str, object] = {
        name: settings.get(name)
        for name in ("strict", "missing", "env_mismatch", "dispersion", "confirm", "curves")
    }
    expected |= {"early": settings.get("stop") == "early", **case.group.plan.settings}
    for name, value in expected.items():
        if getattr(rules, name) != value:
            yield (
                f"{test}: is judged with {name}={getattr(rules, name)!r}, "
                f"the run's setting is {value!r}"
            )
    if not _same(settings.get("alpha"), alpha) or not _same(rules.alpha * rules.comparisons, alpha):
        yield (
            f"{test}: is judged at alpha {rules.alpha:g} x {rules.comparisons} comparisons, "
            f"the run's is {alpha:g}"
        )


def _rejudged(test: SavedTest, case: JudgedTest) -> Verdict:
    """As the run did: with workers, a seed that fails may end before those before it."""
    verdict = rejudged(case)
    if str(verdict.kind) == test.document.get("verdict") and (
        verdict.decided_after == test.document.get("decided_after")
    ):
        return verdict
    other = rejudged(case, failed_first=True)
    return other if other.decided_after == test.document.get("decided_after") else verdict


def _documents(
    report: SavedReport,
    cases: Sequence[tuple[SavedTest, JudgedTest]],
    verdicts: tuple[Verdict, ...],
) -> dict[str, Any]:
    return to_document(
        RunReport(
            verdicts=verdicts,
            comparisons=report.summary["comparisons"].whole(),
            alpha=report.summary["alpha"].number(),
            q_values=q_values_of(verdicts),
            code=report.code,
            judged={test.identity: case for test, case in cases},
        )
    )


def _of_test(reported: Mapping[str, Any], recomputed: Mapping[str, Any]) -> Iterator[Difference]:
    where = str(recomputed["id"])
    for name in _COMPARED:
        yield from _differing(where, name, reported.get(name), recomputed[name])
    for name in _TEXTS:
        for one in _differing_texts(where, name, reported.get(name), recomputed[name]):
            if not (_has_late_seeds(recomputed) and _is_of_late_guards(one)):
                yield one
    ours = {metric["name"]: metric for metric in recomputed["metrics"]}
    theirs = {
        metric.get("name"): metric
        for metric in reported.get("metrics") or ()
        if isinstance(metric, dict)
    }
    for metric in dict.fromkeys([*ours, *theirs]):
        if metric not in theirs or metric not in ours:
            there = "is missing" if metric not in theirs else "was not recorded"
            yield Difference(where, f"metric {metric}", there, "")
            continue
        place = f"{where}: {metric}"
        for name, value in ours[metric].items():
            differing = _differing_texts if name in _TEXTS else _differing
            yield from differing(place, name, theirs[metric].get(name), value)


def _differing(where: str, name: str, reported: object, recomputed: object) -> Iterator[Difference]:
    if isinstance(reported, dict) and isinstance(recomputed, dict):
        for key in sorted(reported.keys() | recomputed.keys()):
            inner = f"{name}.{key}"
            yield from _differing(where, inner, reported.get(key), recomputed.get(key))
    elif not _same(reported, recomputed):
        yield Difference(where, name, reported, recomputed)


def _differing_texts(
    where: str, name: str, reported: object, recomputed: Sequence[str]
) -> Iterator[Difference]:
    """Each text that only one of both has."""
    theirs = Counter(map(str, reported) if isinstance(reported, list) else [str(reported)])
    ours = Counter(recomputed)
    for text, other in zip_longest((theirs - ours).elements(), (ours - theirs).elements()):
        yield Difference(where, name, text, other)


def _has_late_seeds(recomputed: Mapping[str, Any]) -> bool:
    ran = [seed for seed in recomputed["seeds"] if seed["outcome"] != "cancelled"]
    return bool(len(ran) > recomputed["decided_after"])


def _is_of_late_guards(found: Difference) -> bool:
    """Whether a verdict names the guards that had spoken when it was reached, and others did later.

    A report holds what guards said of all seeds of a test together.
    """
    if not isinstance(found.recomputed, str) or not found.recomputed.startswith(_GUARDS):
        return False
    if found.reported is None:
        return True
    named = str(found.reported)
    known = set(found.recomputed.removeprefix(_GUARDS).split(", "))
    return named.startswith(_GUARDS) and set(named.removeprefix(_GUARDS).split(", ")) <= known


def _same(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = (int, float)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, numbers) and isinstance(other, numbers):
        return math.isclose(one, other, rel_tol=_SAME, abs_tol=1e-12)
    return one == other


def _of_run(report: SavedReport, documents: Mapping[str, Any]) -> Iterator[Difference]:
    summary = report.document["summary"]
    for name in _COUNTS:
        yield from _differing("", name, summary.get(name), documents["summary"][name])
    for name in ("overview", "baseline_commits"):
        yield from _differing("", name, report.document.get(name), documents[name])


def _pvalues(metric: Mapping[str, Any]) -> int:
    return sum(value is not None and name.startswith("p_") for name, value in metric.items())


def _seeds(case: JudgedTest) -> int:
    own = len(case.group.reported)
    return own + (len(case.group.base.reported) if case.group.base is not None else 0)
