"""One run from the reports of its shards."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from pytest_mlregress import __version__
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.reporting.build_report import (
    environment_in_words,
    machine_in_words,
    q_values_of,
)
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.rerun_note import rerun_note
from pytest_mlregress.reporting.sides import Sides
from pytest_mlregress.reporting.suite_line import suite_line
from pytest_mlregress.saved_reports.defects import defects
from pytest_mlregress.saved_reports.errors import MergeError, SavedReportError
from pytest_mlregress.saved_reports.merged_tests import MergedTest, merged_tests
from pytest_mlregress.saved_reports.other_environments import other_environments
from pytest_mlregress.saved_reports.reading import SavedReport, damaged
from pytest_mlregress.verdicts.expected_failure import fails
from pytest_mlregress.verdicts.judged_test import rejudged
from pytest_mlregress.verdicts.verdict import Verdict

_OWN_OPTIONS = ("--mlregress-shard=", "--mlregress-report=")
_RED, _GREEN, _NO_TESTS = 1, 0, 5
"""Exit statuses, as pytest has them."""


@dataclass(frozen=True, slots=True)
class MergedRun:
    """The run that the shards make together.

    Attributes:
        report: what its reports are written from.
        exit_status: pytest's of one run with all seeds.
        remarks: what the person who merges should know, a line each.
    """

    report: RunReport
    exit_status: int
    remarks: tuple[str, ...]


def merged(reports: Sequence[SavedReport], report_files: Sequence[str] = ()) -> MergedRun:
    """The run that shards make together, judged as one run judges all its seeds.

    Args:
        reports: the reports of all shards, in any order.
        report_files: the reports that will be written of it.

    Returns:
        The run.

    Raises:
        MergeError: they are not the shards of one run; has every defect.
    """
    _read_all(reports)
    found = defects(reports, __version__)
    if found:
        raise MergeError(found)
    reports = sorted(reports, key=lambda report: report.shard.number if report.shard else 0)
    tests, found = merged_tests(reports)
    remarks: list[str] = []
    different = other_environments(reports)
    accepted = {str(report.settings.get("env_mismatch")) for report in reports}
    if different and "fail" in accepted:
        found += different
    elif "ignore" not in accepted:
        remarks += different
    if found:
        raise MergeError(found)
    verdicts = tuple(rejudged(test.case) for test in tests)
    report = _report(reports, tests, verdicts, report_files, tuple(remarks))
    remarks += _other_failures(reports)
    return MergedRun(report, _exit_status(reports, tests, verdicts), tuple(remarks))


def _read_all(reports: Iterable[SavedReport]) -> None:
    broken = []
    for report in reports:
        try:
            report.read_all()
        except ArtifactError as error:
            broken.append(str(damaged(error)))
        except SavedReportError as error:
            broken.append(str(error))
    if broken:
        raise MergeError(broken)


def _report(
    reports: Sequence[SavedReport],
    tests: Sequence[MergedTest],
    verdicts: tuple[Verdict, ...],
    report_files: Sequence[str],
    remarks: tuple[str, ...],
) -> RunReport:
    first = reports[0]
    identities = [test.identity for test in tests]
    groups = [test.case.group for test in tests]
    facts = environment_in_words(g.environment for g in groups if g.environment is not None)
    baselines = {
        test.identity: test.case.baseline for test in tests if test.case.baseline is not None
    }
    sides = _sides(reports, verdicts)
    return RunReport(
        verdicts=verdicts,
        settings=first.settings | {"report": tuple(report_files), "shard": None},
        notes=(*_notes(reports), *remarks),
        comparisons=(
            sum(len(verdict.metrics) for verdict in verdicts)
            if sides is not None
            else first.summary["comparisons"].whole()
        ),
        alpha=first.summary["alpha"].number(),
        duration=max(report.summary["duration"].number() for report in reports),
        started=min(report.text("started") for report in reports),
        command=_command(first.text("command")),
        version=first.version,
        environment=facts,
        q_values=q_values_of(verdicts),
        sides=sides,
        code=first.code,
        machine=machine_in_words(facts),
        baselines=baselines,
        places={test.identity[0]: test.place for test in tests if test.place is not None},
        folder=first.text("folder"),
        judged={name: test.case for name, test in zip(identities, tests, strict=True)},
    )


def _notes(reports: Sequence[SavedReport]) -> Iterator[str]:
    reruns = sum(report.shard.reruns for report in reports if report.shard is not None)
    if reruns:
        yield rerun_note(reruns)
    yield from dict.fromkeys(chain.from_iterable(report.notes for report in reports))


def _command(command: str) -> str:
    """The command of a shard as that of one run."""
    words = [word for word in shlex.split(command) if not word.startswith(_OWN_OPTIONS)]
    return shlex.join(words)


def _sides(reports: Sequence[SavedReport], verdicts: Sequence[Verdict]) -> Sides | None:
    parts = [report.sides for report in reports if report.sides is not None]
    if not parts:
        return None
    first = parts[0]
    rows = {row.name: row for part in parts for row in part.environment or ()}
    return replace(
        first,
        read={
            test: tuple(sorted(set(chain.from_iterable(p.read.get(test, ()) for p in parts))))
            for test in sorted({test for part in parts for test in part.read})
        },
        reused=_sums(part.reused for part in parts),
        environment=None if first.environment is None else tuple(rows.values()),
        suite=suite_line(list(verdicts)) if first.same_code else None,
        notes=tuple(dict.fromkeys(chain.from_iterable(part.notes for part in parts))),
    )


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for side, count in one.items():
            total[side] = total.get(side, 0) + count
    return total


def _exit_status(
    reports: Sequence[SavedReport], tests: Sequence[MergedTest], verdicts: Sequence[Verdict]
) -> int:
    """As pytest ends: a seed that failed is a failed test, whatever its verdict."""
    if any(report.shard is not None and report.shard.exit_status == _RED for report in reports):
        return _RED
    judged = zip(tests, verdicts, strict=True)
    if any(fails(test.case.group.plan, verdict) for test, verdict in judged):
        return _RED
    return _GREEN if tests else _NO_TESTS


def _other_failures(reports: Sequence[SavedReport]) -> Iterator[str]:
    """Shards in which a test failed that is no regression test."""
    for report in reports:
        failed = [
            seed
            for test in report.tests
            for seed in (test.judged.group.reported if test.judged is not None else ())
            if seed.outcome in ("failed", "crashed")
        ]
        if report.shard is not None and report.shard.exit_status == _RED and not failed:
            yield (
                f"{report.name}: a test failed that is no regression test; the output of shard "
                f"{report.shard.text} tells which"
            )
