"""What a run leaves behind at its end besides its reports, for one that was merged from shards.

A shard leaves nothing but its report, so that nothing is said twice: each of these happens once,
here, as `session.run_outputs` has it for a run of one process.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from pytest_mlregress.baselines.environment import run_fingerprint
from pytest_mlregress.history.errors import HistoryError
from pytest_mlregress.history.ignored_folder import ignore_folder
from pytest_mlregress.history.place import DEFAULT_PLACE, open_history
from pytest_mlregress.history.records import RunRecord
from pytest_mlregress.integrations import github_actions
from pytest_mlregress.reporting.history.record import TestFacts, code_is_of, run_record
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.workflow_commands import annotation_commands
from pytest_mlregress.saved_reports.merging import MergedRun


@dataclass(frozen=True, slots=True)
class Places:
    """Where a merged run is to be kept.

    Attributes:
        rootdir: pytest's rootdir.
        history: a file, a URL or ``off``; None for the default.
        trackers: as `--mlregress-tracker` names them.
    """

    rootdir: Path
    history: str | None
    trackers: Sequence[str]


def write_outputs(
    run: MergedRun, places: Places, say: Callable[[str], None], warn: Callable[[str], None]
) -> None:
    """Keep the run in the history and in trackers, and tell GitHub of it; it fails no merge.

    Args:
        run: the run.
        places: where.
        say: prints a line.
        warn: says what could not be written, and why.
    """
    if not run.report.verdicts:
        return
    try:
        _append_to_history(run, places)
    except HistoryError as error:
        warn(f"this run is not in the history: {error}")
    file = github_actions.summary_file()
    if file is not None:
        try:
            github_actions.append_summary(file, run.report)
        except OSError as error:
            warn(f"no summary in {file}: {error.strerror or error}")
    if github_actions.runs_here():
        for line in annotation_commands(run.report):
            say(line)
    if places.trackers:
        from pytest_mlregress.integrations.trackers import log_report

        log_report(places.trackers, run.report, places.rootdir, say=say, warn=warn)


@contextmanager
def commands_stopped() -> Iterator[None]:
    """In a job of GitHub Actions, around what trainings may have printed.

    Yields:
        Once.
    """
    if not github_actions.runs_here():
        yield
        return
    token = secrets.token_hex(16)
    click.echo(github_actions.STOP_COMMANDS.format(token=token))
    try:
        yield
    finally:
        click.echo(github_actions.RESUME_COMMANDS.format(token=token))


def _append_to_history(run: MergedRun, places: Places) -> None:
    history = open_history(places.history, places.rootdir)
    if history is None:
        return
    if places.history is None:
        ignore_folder((places.rootdir / DEFAULT_PLACE).parent)
    history.append((_record(run),))


def _record(run: MergedRun) -> RunRecord:
    """As the run of one process would be kept."""
    report = run.report
    environments = [group.environment for group in run.groups if group.environment is not None]
    histories = {case.compared_commit: case.history for case in run.cases}
    record = run_record(
        report,
        environment=run_fingerprint(environments),
        same_code=code_is_of(report.code, histories.get),
        facts=_facts(report, run),
    )
    return replace(record, id=run.id)


def _facts(report: RunReport, run: MergedRun) -> dict[str, TestFacts]:
    return {
        case.group.plan.test: TestFacts(
            settings=case.group.plan.settings,
            comparisons=case.group.plan.tests if report.sides is not None else report.comparisons,
            green_runs={name: tuple(runs) for name, runs in case.rules.green_runs.items()},
        )
        for case in run.cases
    }
