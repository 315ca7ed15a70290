"""``mlregress merge``."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final

import click

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.cli.common import CannotRunError, clear_errors, say

if TYPE_CHECKING:
    from pytest_mlregress.reporting.report import RunReport
    from pytest_mlregress.saved_reports.reading import SavedReport

__all__ = ["merge"]

_DEFECT: Final = 1


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="SHARD.json...")
@click.option(
    "--report",
    "report_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a report; the suffix (.html, .json, .md) says which; repeatable.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more of every test.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON report.")
@clear_errors
def merge(
    files: tuple[str, ...], report_files: tuple[Path, ...], verbose: bool, as_json: bool
) -> None:
    """Judge the seeds that the jobs of --mlregress-shard=K/N have trained as those of one run.

    The verdicts are those of one pytest with all seeds. Exit status: pytest's of that run, 0 or 1;
    1 if the reports are not those of all shards of one run, with every reason; 2 for bad input.
    """
    from pytest_mlregress.reporting.json_report import to_json
    from pytest_mlregress.reporting.report import ReportError
    from pytest_mlregress.reporting.write_report import check_report_path, write_report
    from pytest_mlregress.saved_reports.errors import MergeError
    from pytest_mlregress.saved_reports.finding import files_named
    from pytest_mlregress.saved_reports.merging import merged

    try:
        for path in report_files:
            check_report_path(path)
        paths = files_named(files)
        _refuse_overwriting(report_files, paths)
        run = merged(_read(paths), [str(path) for path in report_files])
    except MergeError as error:
        for defect in error.defects:
            say(f"merge: {defect}", err=True)
        raise click.exceptions.Exit(_DEFECT) from None
    except (ReportError, ValueError) as error:
        raise CannotRunError(_as_option_of_merge(error)) from None
    try:
        for path in report_files:
            write_report(path, run.report)
    except ReportError as error:
        raise CannotRunError(_as_option_of_merge(error)) from None
    if as_json:
        click.echo(to_json(run.report), nl=False)
    else:
        _print_run(run.report, verbose=verbose)
    for path in report_files:
        say(f"report: {path}", err=as_json)
    for remark in run.remarks:
        say(f"merge: {remark}", err=True)
    raise click.exceptions.Exit(run.exit_status)


def _as_option_of_merge(error: Exception) -> str:
    return visible(str(error)).replace("--mlregress-report", "--report")


def _read(paths: list[Path]) -> list[SavedReport]:
    """All of the files, or all that is wrong with any of them."""
    from pytest_mlregress.saved_reports.errors import MergeError, SavedReportError
    from pytest_mlregress.saved_reports.reading import read_report

    reports, broken = [], []
    for path in paths:
        try:
            reports.append(read_report(path))
        except SavedReportError as error:
            broken.append(str(error))
    if broken:
        raise MergeError(broken)
    return reports


def _refuse_overwriting(report_files: tuple[Path, ...], paths: list[Path]) -> None:
    shards = {path.resolve() for path in paths}
    for path in report_files:
        if path.resolve() in shards:
            raise CannotRunError(
                f"--report {path}: is one of the shards; give the report of all another name"
            )


def _print_run(report: RunReport, *, verbose: bool) -> None:
    """What pytest prints at the end of such a run."""
    from pytest_mlregress.reporting.failure_text import failure_text
    from pytest_mlregress.reporting.short_failure_text import short_failure_text
    from pytest_mlregress.reporting.summary import summary_table
    from pytest_mlregress.verdicts.expected_failure import fails

    width = get_terminal_size().columns
    for verdict in report.verdicts:
        case = report.judged[verdict.test, verdict.tier]
        if fails(case.group.plan, verdict):
            say(f" {verdict.test} ".center(width, "_"))
            text_of = failure_text if verbose else short_failure_text
            click.echo(text_of(verdict, width=width))
    say(" mlregress ".center(width, "="))
    text = summary_table(
        report,
        width=width,
        colour=sys.stdout.isatty(),
        verbosity=int(verbose),
        encoding=sys.stdout.encoding or "ascii",
    )
    click.echo(text.rstrip("\n"))
