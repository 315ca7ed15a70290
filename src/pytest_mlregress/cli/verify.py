"""``mlregress verify``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from shutil import get_terminal_size

import click

from pytest_mlregress.cli.common import CannotRunError, clear_errors, json_option, print_json, say
from pytest_mlregress.plurals import count_of

__all__ = ["verify"]


@click.command()
@click.argument("report", type=click.Path(path_type=Path), metavar="REPORT.json")
@json_option
@clear_errors
def verify(report: Path, as_json: bool) -> None:
    """Judge the seeds of a report again, and say which of its numbers and verdicts differ.

    Neither the code nor the baselines are needed. Exit status: 0 if all are what its seeds give, 1
    if any differs, 2 for a file that is no report with verdicts.
    """
    from pytest_mlregress.reporting.text_layout import wrap
    from pytest_mlregress.saved_reports.errors import SavedReportError
    from pytest_mlregress.saved_reports.reading import read_report
    from pytest_mlregress.saved_reports.verifying import NOT_COMPARED, verified

    try:
        found = verified(read_report(report))
    except SavedReportError as error:
        raise CannotRunError(str(error)) from None
    if as_json:
        print_json(asdict(found) | {"holds": found.holds, "not_compared": NOT_COMPARED})
    else:
        for line in (*found.problems, *(one.text for one in found.differences)):
            say(line)
        recomputed = (
            f"{count_of(found.tests, 'test')} with {count_of(found.pvalues, 'p-value')} judged "
            f"again from {count_of(found.seeds, 'seed')}"
        )
        wrong = len(found.differences) + len(found.problems)
        verb = "differs" if wrong == 1 else "differ"
        say(f"{recomputed}: " + ("all as reported" if found.holds else f"{wrong} {verb}"))
        text = f"not compared, since no seed tells: {NOT_COMPARED}"
        for line in wrap(text, get_terminal_size().columns, rest="  "):
            say(line)
    for line in found.remarks:
        say(f"verify: {line}", err=True)
    raise click.exceptions.Exit(0 if found.holds else 1)
