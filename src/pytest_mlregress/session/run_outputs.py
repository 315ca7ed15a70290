"""Everything that the end of a run writes besides what pytest prints: one function each.

They run once, after the last verdict, in the process that judges. One that is needed for nothing,
such as a history, warns where it fails; one that the user asked for fails the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.reporting.report import ReportError
from pytest_mlregress.session.finished_run import FinishedRun
from pytest_mlregress.session.history_output import append_to_history, earlier_baselines
from pytest_mlregress.session.own_files import remember_reports

LAST_LINES: Final = pytest.StashKey[list[str]]()
"""What stands under the summary of the run, each at the start of a line."""


def write_outputs(run: FinishedRun) -> Iterator[Exception]:
    """Write everything that this run is to leave behind.

    Args:
        run: the run.

    Yields:
        What failed; its text names the place and the remedy.
    """
    for write in OUTPUTS:
        try:
            write(run)
        except (ReportError, OSError) as error:
            yield error


def write_report_files(run: FinishedRun) -> None:
    """The reports of `--mlregress-report`; one that cannot be written leaves the others.

    Args:
        run: the run.

    Raises:
        ReportError: some could not be written.
    """
    failures = []
    remember_reports(run.config, run.settings)
    for path in run.settings.report:
        from pytest_mlregress.reporting.write_report import write_report

        try:
            report = run.report
            if path.endswith(".html"):
                report = replace(report, earlier=earlier_baselines(run))
            write_report(path, report)
        except ReportError as error:
            failures.append(str(error))
    if failures:
        raise ReportError("\n".join(failures))


def write_allure(run: FinishedRun) -> None:
    """The verdicts among Allure's results, where allure-pytest writes some.

    Args:
        run: the run.

    Raises:
        OSError: the folder cannot be written.
    """
    allure = run.config.pluginmanager.getplugin("mlregress-allure")
    if allure is not None:
        allure.write(run.report, run.published)


def add_suite_properties(run: FinishedRun) -> None:
    """The run in one sentence, its commit and its machine, for the test suite of a JUnit XML.

    Args:
        run: the run.
    """
    if not _compat.writes_junit(run.config) or not run.published:
        return
    from pytest_mlregress.reporting.junit_properties import suite_properties

    _compat.add_suite_properties(run.config, suite_properties(run.report))


def write_step_summary(run: FinishedRun) -> None:
    """The report as GitHub's summary of the step, where there is one; it fails no run.

    Args:
        run: the run.
    """
    from pytest_mlregress.integrations import github_actions

    file = github_actions.summary_file()
    if file is None or not run.published:
        return
    try:
        github_actions.append_summary(file, run.report)
    except OSError as error:
        _say(run.config, f"mlregress: no summary in {file}: {error.strerror or error}")


def print_annotations(run: FinishedRun) -> None:
    """The worst tests beside the lines of a change, in a job of GitHub Actions.

    Args:
        run: the run.
    """
    from pytest_mlregress.integrations import github_actions

    if not github_actions.runs_here() or not run.published:
        return
    from pytest_mlregress.reporting.workflow_commands import annotation_commands

    for line in annotation_commands(run.report):
        _say(run.config, line)


def _say(config: pytest.Config, line: str) -> None:
    """Print a line under the summary, or now where pytest prints none (``-p no:terminal``)."""
    if config.pluginmanager.has_plugin("terminalreporter"):
        config.stash.setdefault(LAST_LINES, []).append(line)
    else:
        print(line)


def write_trackers(run: FinishedRun) -> None:
    """The run in the experiment trackers of `--mlregress-tracker`; it fails no run.

    Args:
        run: the run.
    """
    if run.settings.tracker:
        from pytest_mlregress.session.tracker_output import log_to_trackers

        log_to_trackers(run, lambda line: _say(run.config, line))


Output: TypeAlias = Callable[[FinishedRun], None]

OUTPUTS: Final[tuple[Output, ...]] = (
    write_report_files,
    write_allure,
    append_to_history,
    add_suite_properties,
    write_step_summary,
    print_annotations,
    write_trackers,
)
