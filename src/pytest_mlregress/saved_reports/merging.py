"""One run from the reports of its shards."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain

from pytest_mlregress import __version__
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.build_report import (
    environment_in_words,
    machine_in_words,
    q_values_of,
)
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.rerun_note import rerun_note
from pytest_mlregress.reporting.sides import Sides
from pytest_mlregress.reporting.suite_line import suite_line
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.saved_reports.defects import defects
from pytest_mlregress.saved_reports.errors import MergeError, SavedReportError
from pytest_mlregress.saved_reports.merged_tests import MergedTest, merged_tests
from pytest_mlregress.saved_reports.other_environments import other_environments
from pytest_mlregress.saved_reports.reading import SavedReport, damaged, is_of_update
from pytest_mlregress.saved_reports.recording import Recorder, UpdateOfShards
from pytest_mlregress.saved_reports.timelines import read_timeline, timeline_of_shards
from pytest_mlregress.verdicts.expected_failure import fails
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.judged_test import JudgedTest, rejudged
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
        cases: what its verdicts were reached with, as one run has it.
        id: the same whenever the same shards are merged.
    """

    report: RunReport
    exit_status: int
    remarks: tuple[str, ...]
    cases: tuple[JudgedTest, ...]
    id: str

    @property
    def groups(self) -> tuple[SeedGroup, ...]:
        """The seeds of each test."""
        return tuple(case.group for case in self.cases)


def merged(
    reports: Sequence[SavedReport],
    report_files: Sequence[str] = (),
    recorder: Recorder | None = None,
) -> MergedRun:
    """The run that shards make together, judged as one run judges all its seeds.

    Args:
        reports: the reports of all shards, in any order.
        report_files: the reports that will be written of it.
        recorder: writes the baselines of an update; None for a check.

    Returns:
        The run.

    Raises:
        MergeError: they are not the shards of one run; has every defect.
    """
    _read_all(reports)
    found = [*defects(reports, __version__), *_of_mode(reports, recorder)]
    if found:
        raise MergeError(found)
    reports = sorted(reports, key=lambda report: report.shard.number if report.shard else 0)
    tests, found = merged_tests(reports, updating=recorder is not None)
    remarks: list[str] = []
    different = other_environments(reports)
    accepted = {str(report.settings.get("env_mismatch")) for report in reports}
    if different and "fail" in accepted:
        found += different
    elif "ignore" not in accepted:
        remarks += different
    if recorder is not None and not found:
        found += recorder.defects(_update(reports[0]), tests)
    if found:
        raise MergeError(found)
    if recorder is None:
        verdicts = tuple(rejudged(test.case) for test in tests)
        report = _report(reports, tests, verdicts, report_files, tuple(remarks))
    else:
        recorded = recorder.record(_update(reports[0]), tests)
        tests = [one.test for one in recorded]
        verdicts = tuple(one.verdict for one in recorded)
        report = replace(
            _report(reports, tests, verdicts, report_files, tuple(remarks)),
            comparisons=0,
            judged={},
            baselines={one.test.identity: one.artifact for one in recorded if one.artifact},
        )
    remarks += _other_failures(reports)
    remarks += _trained_without_need(tests)
    status = _exit_status(reports, tests, verdicts)
    cases = tuple(test.case for test in tests)
    return MergedRun(report, status, tuple(remarks), cases, _id(reports))


def _of_mode(reports: Sequence[SavedReport], recorder: Recorder | None) -> Iterator[str]:
    """Shards of an update are merged into baselines, and those of a check into verdicts."""
    updates = [report.name for report in reports if is_of_update(report)]
    checks = [report.name for report in reports if not is_of_update(report)]
    if updates and recorder is None:
        yield (
            f"of an update: {', '.join(updates)}; to record the baselines, in a checkout of the "
            "commit: mlregress merge --update shard-*.json"
        )
    elif recorder is not None and checks:
        yield (
            f"of a check, whose seeds are too few for a baseline: {', '.join(checks)}; run the "
            "shards with --mlregress-update, or merge without --update"
        )


def _update(report: SavedReport) -> UpdateOfShards:
    reason = report.settings.get("rebase_anchor")
    return UpdateOfShards(
        code=report.code,
        command=tuple(shlex.split(_command(report.text("command")))),
        alpha=report.summary["alpha"].number(),
        rebase_reason=reason if isinstance(reason, str) else None,
    )


def _id(reports: Sequence[SavedReport]) -> str:
    """Of the run in the history: merged twice, it is still one run."""
    content = json.dumps([report.document for report in reports], sort_keys=True)
    return sha256(content.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _read_all(reports: Iterable[SavedReport]) -> None:
    broken = []
    for report in reports:
        try:
            report.read_all()
            read_timeline(report)
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
        judged={test.identity: test.case for test in tests},
        trained_in_shards={test.identity: test.trained for test in tests if test.trained},
        timeline=timeline_of_shards(reports),
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


def _trained_without_need(tests: Sequence[MergedTest]) -> Iterator[str]:
    trained = sum(len(test.trained) for test in tests)
    if trained:
        verb = "was" if trained == 1 else "were"
        yield (
            f"{count_of(trained, 'seed')} that one run would have saved {verb} trained, since no "
            "shard sees when a verdict is certain"
        )


def _other_failures(reports: Sequence[SavedReport]) -> Iterator[str]:
    """Shards in which a test failed that is no regression test."""
    for report in reports:
        failed = [
            seed
            for test in report.tests
            for seed in (test.judged.group.reported if test.judged is not None else ())
            if seed.outcome in WITHOUT_SUCCESS
        ]
        if report.shard is not None and report.shard.exit_status == _RED and not failed:
            yield (
                f"{report.name}: a test failed that is no regression test; the output of shard "
                f"{report.shard.text} tells which"
            )
