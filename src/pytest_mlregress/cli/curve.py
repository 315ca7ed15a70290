"""``mlregress curve``."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from pytest_mlregress.cli.common import clear_errors, print_json, say, training_options

__all__ = ["curve"]


def _shares(context: click.Context, parameter: click.Parameter, text: str) -> tuple[float, ...]:
    """Increasing shares, the last of them 1: the end that the others are compared with."""
    try:
        shares = {float(entry) for entry in text.split(",") if entry.strip()}
    except ValueError:
        shares = set()
    if not shares or not all(0.0 < share <= 1.0 for share in shares):
        raise click.BadParameter(f"{text!r} is not a list of shares above 0 and at most 1: .1,.5,1")
    if shares == {1.0}:
        raise click.BadParameter(f"{text!r} has no share below 1 to compare the whole with")
    return tuple(sorted(shares | {1.0}))


@click.command()
@click.argument("test")
@click.option(
    "--over",
    type=click.Choice(["steps", "data"]),
    required=True,
    help="The training steps, from mlregress.log, or the share of the data.",
)
@click.option(
    "--fractions",
    callback=_shares,
    default=".1,.2,.5,1",
    show_default=True,
    metavar="SHARES",
    help="Shares of the steps or the data; 1 is always among them.",
)
@click.option("--seeds", type=click.IntRange(1, 10_000), help="Seeds (default: the test's).")
@click.option("--metric", metavar="NAME", help="The metric (default: the only one).")
@click.option("--curve", "name", metavar="NAME", help="The curve (default: the metric's name).")
@click.option("--tier", metavar="NAME", help="Which of the test's tiers (default: its first).")
@click.option("--fresh", is_flag=True, help="Train again what an interrupted run has trained.")
@click.option(
    "--report",
    "--svg",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it too: .svg, .html, .md or .json; repeatable.",
)
@training_options
@clear_errors
def curve(test: str, **options: Any) -> None:
    """Draw a metric of TEST against its training steps or the share of the data.

    Says where it reaches 90 % of its end. Exit status: 0 if that can be said, 1 if not, 2 for bad
    input.
    """
    from pytest_mlregress.cli.progress import TrainingProgress
    from pytest_mlregress.reporting.curve_files import check_curve_file, write_curve_file
    from pytest_mlregress.reporting.curve_text import curve_document, curve_lines
    from pytest_mlregress.revisions.cells.observer import TrainingObserver
    from pytest_mlregress.revisions.curves.command import (
        CurveRequest,
        NoCurveError,
        run_curve,
    )

    for file in options["files"]:
        check_curve_file(file)
    request = CurveRequest(
        test=test,
        over=options["over"],
        fractions=options["fractions"],
        seeds=options["seeds"],
        metric=options["metric"],
        curve=options["name"],
        tier=options["tier"],
        fresh=options["fresh"],
        workers=options["workers"],
        rootdir=options["rootdir"].resolve(),
        pytest_args=options["pytest_args"],
    )
    if request.curve is not None and request.over == "data":
        raise click.UsageError("--curve goes with --over steps; over data the metric is drawn")
    with TrainingProgress("curve") as progress:

        def on_total(total: int) -> None:
            progress.total = total

        observer = TrainingObserver(
            on_total, progress.on_start, progress.on_seed, lambda text: say(text, err=True)
        )
        try:
            found = run_curve(request, observer)
        except NoCurveError as error:
            raise click.ClickException(str(error)) from None
    for file in options["files"]:
        write_curve_file(file, found)
    if options["as_json"]:
        print_json(curve_document(found))
    else:
        for line in curve_lines(found, width=min(80, get_terminal_size().columns)):
            say(line)
    if found.reached.share is None:
        raise click.exceptions.Exit(1)
