"""``mlregress merge``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final

import click

from pytest_mlregress.cli.common import (
    CannotRunError,
    as_report_option,
    clear_errors,
    history_option,
    json_report_option,
    report_option,
    say,
)
from pytest_mlregress.cli.rootdir import rootdir_option

if TYPE_CHECKING:
    from pytest_mlregress.cli.merged_outputs import Places
    from pytest_mlregress.saved_reports.merging import MergedRun
    from pytest_mlregress.saved_reports.reading import SavedReport
    from pytest_mlregress.saved_reports.recording import Recorder

__all__ = ["merge"]

_DEFECT: Final = 1


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="SHARD.json...")
@report_option
@history_option
@click.option(
    "--tracker",
    "trackers",
    multiple=True,
    metavar="TRACKER",
    help="Log the run: mlflow:URI, mlflow or wandb:PROJECT (default: as the ini file says); "
    "repeatable.",
)
@click.option(
    "--update",
    is_flag=True,
    help="Record the baselines of shards that ran with --mlregress-update, in a checkout of their "
    "commit.",
)
@click.option(
    "--baseline",
    "source",
    metavar="SOURCE",
    help="With --update, where baselines are written: a folder or an fsspec URL (default: as the "
    "ini file says, else __baselines__ folders).",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more of every test.")
@json_report_option
@rootdir_option
@clear_errors
def merge(files: tuple[str, ...], **options: Any) -> None:
    """Judge the seeds that the jobs of --mlregress-shard=K/N have trained as those of one run.

    The verdicts are those of one pytest with all seeds. As the end of such a run does, it adds one
    run to the history, and in a job of GitHub Actions it writes the step's summary and the
    annotations; shards do none of it. Exit status: pytest's of that run, 0 or 1; 1 if the reports
    are not those of all shards of one run, with every reason; 2 for bad input.
    """
    from pytest_mlregress.reporting.report import ReportError
    from pytest_mlregress.reporting.write_report import check_report_path, write_report
    from pytest_mlregress.saved_reports.errors import MergeError
    from pytest_mlregress.saved_reports.finding import files_named
    from pytest_mlregress.saved_reports.merging import merged

    report_files = options["report_files"]
    places = _places(options)
    try:
        for path in report_files:
            check_report_path(path)
        paths = files_named(files)
        _refuse_overwriting(report_files, paths)
        names = [str(path) for path in report_files]
        run = merged(_read(paths), names, _recorder(places.rootdir, options))
    except MergeError as error:
        for defect in error.defects:
            say(f"merge: {defect}", err=True)
        raise click.exceptions.Exit(_DEFECT) from None
    except (ReportError, ValueError) as error:
        raise CannotRunError(as_report_option(error)) from None
    try:
        for path in report_files:
            write_report(path, run.report)
    except ReportError as error:
        raise CannotRunError(as_report_option(error)) from None
    _tell(run, places, report_files, as_json=options["as_json"], verbose=options["verbose"])
    raise click.exceptions.Exit(run.exit_status)


def _places(options: Mapping[str, Any]) -> Places:
    from pytest_mlregress.cli.ini_settings import settings_in_ini
    from pytest_mlregress.cli.merged_outputs import Places
    from pytest_mlregress.options.values import tracker
    from pytest_mlregress.settings import SettingError

    rootdir = options["rootdir"].resolve()
    stored = settings_in_ini(rootdir, "history", "tracker")
    history, trackers = options["place"], options["trackers"]
    try:
        trackers = tuple(tracker("--tracker", word) for word in trackers)
    except SettingError as error:
        raise CannotRunError(str(error)) from None
    return Places(
        rootdir=rootdir,
        history=stored.history if history is None else history,
        trackers=trackers or stored.tracker,
    )


def _recorder(rootdir: Path, options: Mapping[str, Any]) -> Recorder | None:
    """What writes the baselines of an update; None for a check."""
    if not options["update"]:
        if options["source"] is not None:
            raise CannotRunError(
                "--baseline: the reports hold the baselines that they are judged by; it goes with "
                "--update, and says where new ones are written"
            )
        return None
    from pytest_mlregress.cli.ini_settings import settings_in_ini
    from pytest_mlregress.saved_reports.recording import Recorder

    source = options["source"] or settings_in_ini(rootdir, "baseline").baseline
    return Recorder(rootdir, source)


def _tell(
    run: MergedRun, places: Places, report_files: tuple[Path, ...], *, as_json: bool, verbose: bool
) -> None:
    """Print the run and what became of it; beside JSON only on stderr."""
    from pytest_mlregress.cli.merged_outputs import commands_stopped, write_outputs
    from pytest_mlregress.reporting.json_report import to_json

    if as_json:
        click.echo(to_json(run.report), nl=False)
    else:
        with commands_stopped():
            _print_run(run, verbose=verbose)
    for path in report_files:
        say(f"report: {path}", err=as_json)
    write_outputs(
        run,
        places,
        say=lambda line: say(line, err=as_json),
        warn=lambda line: say(f"merge: {line}", err=True),
    )
    for remark in run.remarks:
        say(f"merge: {remark}", err=True)


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


def _print_run(run: MergedRun, *, verbose: bool) -> None:
    """What pytest prints at the end of such a run."""
    from pytest_mlregress.reporting.failure_text import failure_text
    from pytest_mlregress.reporting.short_failure_text import short_failure_text
    from pytest_mlregress.reporting.summary import summary_table
    from pytest_mlregress.verdicts.expected_failure import fails

    width = get_terminal_size().columns
    plans = {(group.plan.test, group.plan.tier): group.plan for group in run.groups}
    for verdict in run.report.verdicts:
        if fails(plans[verdict.test, verdict.tier], verdict):
            say(f" {verdict.test} ".center(width, "_"))
            text_of = failure_text if verbose else short_failure_text
            click.echo(text_of(verdict, width=width))
    say(" mlregress ".center(width, "="))
    text = summary_table(
        run.report,
        width=width,
        colour=sys.stdout.isatty(),
        verbosity=int(verbose),
        encoding=sys.stdout.encoding or "ascii",
    )
    click.echo(text.rstrip("\n"))
