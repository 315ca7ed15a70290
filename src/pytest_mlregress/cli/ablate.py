"""``mlregress ablate``."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final

import click

from pytest_mlregress.cli.common import clear_errors, print_json, say, training_options
from pytest_mlregress.margins import read_margin

__all__ = ["ablate"]

_WIDTH: Final = 80
_SEEDS: Final = 34  # statistics.factorial_looks.MOST_SEEDS, which would import numpy


def _margin(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | str | None:
    """A margin as tests declare it: a number, or text with a unit."""
    if value is None:
        return None
    try:
        margin: float | str = float(value)
    except ValueError:
        margin = value
    try:
        kind, amount = read_margin(margin)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if kind != "auto" and not amount:
        raise click.BadParameter(f"{value} is no loss; give the smallest one that matters, or auto")
    return margin


@click.command()
@click.argument("base")
@click.option(
    "--change",
    "changes",
    multiple=True,
    required=True,
    metavar="[NAME=]SPEC",
    help="A branch or tag, a commit, a range X..Y, a .patch file, or WORKTREE; once for each.",
)
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="NODEID",
    help="A test, without the seed; may be repeated (default: all regression tests).",
)
@click.option("--metric", metavar="NAME", help="The metric (default: all).")
@click.option(
    "--seeds",
    type=click.IntRange(2, 10_000),
    default=_SEEDS,
    show_default=True,
    help="Seeds per combination, at most.",
)
@click.option(
    "--margin",
    callback=_margin,
    help="Smallest loss that matters: 0.01, 1% or 1sd (default: what each metric declares).",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.05,
    show_default=True,
    help="Chance that any change that loses nothing is said to lose.",
)
@click.option("--fraction", is_flag=True, help="For 5 to 8 changes: a fraction of combinations.")
@click.option(
    "--without",
    multiple=True,
    metavar="A+B",
    help="Leave that combination out; may be repeated.",
)
@click.option(
    "--cell",
    "given",
    multiple=True,
    metavar="A+B=REF",
    help="A combination that you merged yourself, where git cannot; may be repeated.",
)
@click.option("--strict", is_flag=True, help="Exit status 1 for what is unclear, too.")
@click.option("--fresh", is_flag=True, help="Train all seeds again.")
@click.option(
    "--report",
    "report_files",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a report too: .html, .svg, .md or .json; may be repeated.",
)
@training_options
@clear_errors
def ablate(base: str, **options: Any) -> None:
    """Measure what each of several changes does to BASE, alone and together.

    Every combination of the changes is built without touching your checkout, and trained with the
    same seeds. Exit status: 1 if a change loses more than the margin, 2 for bad input or a
    conflict, else 0.
    """
    from pytest_mlregress.cli.progress import TrainingProgress
    from pytest_mlregress.reporting.ablation.report import (
        ablation_document,
        check_ablation_report,
        write_ablation_report,
    )
    from pytest_mlregress.reporting.ablation.table import ablation_table
    from pytest_mlregress.revisions.ablation.command import (
        AblationRequest,
        run_ablation,
    )
    from pytest_mlregress.revisions.cells.observer import TrainingObserver

    request = AblationRequest(
        base=base,
        changes=options["changes"],
        tests=options["tests"],
        metric=options["metric"],
        seeds=options["seeds"],
        margin=options["margin"],
        alpha=options["alpha"],
        fraction=options["fraction"],
        without=options["without"],
        given=options["given"],
        workers=options["workers"],
        fresh=options["fresh"],
        rootdir=options["rootdir"].resolve(),
        pytest_args=options["pytest_args"],
    )
    for path in options["report_files"]:
        check_ablation_report(path)
    with TrainingProgress("ablate") as progress:

        def on_total(total: int) -> None:
            progress.total = total

        found = run_ablation(
            request,
            TrainingObserver(
                on_total, progress.on_start, progress.on_seed, lambda text: say(text, err=True)
            ),
        )
    if options["as_json"]:
        print_json(ablation_document(found))
    else:
        width = min(_WIDTH, get_terminal_size().columns)
        for line in ablation_table(found, width=width).splitlines():
            say(line)
    for path in options["report_files"]:
        write_ablation_report(path, found)
    if found.losing or (options["strict"] and found.unclear):
        raise click.exceptions.Exit(1)
