"""``mlregress history``."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size

import click

from pytest_mlregress.baselines.urls import shareable
from pytest_mlregress.cli.common import clear_errors, print_json, say
from pytest_mlregress.cli.runs import find_history, find_runs, history_options


@click.command()
@history_options
@click.option("--metric", metavar="NAME", help="Only this metric.")
@click.option(
    "--runs",
    "rows",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="How many of the newest runs are listed.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page, one file that loads nothing.",
)
@clear_errors
def history(
    test: str | None,
    since: str | None,
    place: str | None,
    rootdir: Path,
    as_json: bool,
    metric: str | None,
    rows: int,
    page: Path | None,
) -> None:
    """The past runs of the tests that contain TEST: a plot, and where the mean changed.

    Without TEST one line a metric.
    """
    from pytest_mlregress.history.commit_order import commit_order
    from pytest_mlregress.history.series import series_of
    from pytest_mlregress.reporting.history.text import history_document, history_lines

    kept = find_history(place, rootdir)
    runs = find_runs(kept, test=test, since=since, rootdir=rootdir)
    series = series_of(runs, metric=metric, order=commit_order(runs, rootdir.resolve()))
    if not series:
        what = "any metric" if metric is None else f"a metric {metric!r}"
        raise click.ClickException(f"no run has recorded {what}")
    if page is not None:
        from pytest_mlregress.reporting.command_report import check_report_file, write_report_file
        from pytest_mlregress.reporting.history.html import history_html

        check_report_file(page, (".html",), option="--html")
        write_report_file(
            page,
            history_html(runs, series, place=shareable(kept.place, rootdir.resolve())),
            option="--html",
        )
        say(f"page: {page}", err=True)
    if as_json:
        print_json(history_document(series, place=kept.place))
        return
    width = get_terminal_size().columns
    if test is None and metric is None:
        from pytest_mlregress.reporting.history.overview import overview_lines

        lines = overview_lines(runs, series, place=kept.place, width=width)
    else:
        from pytest_mlregress.integrations.terminal_plot import terminal_plot

        lines = history_lines(series, plot=terminal_plot, width=width, rows=rows)
    for line in lines:
        say(line)
