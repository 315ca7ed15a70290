"""``mlregress bisect``."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final

import click

from pytest_mlregress.cli.common import clear_errors, print_json, say, training_options

__all__ = ["bisect"]

_BUDGET: Final = 200
_FOUND_NOTHING: Final = ("none", "identical")


@click.command()
@click.argument("good")
@click.argument("bad")
@click.option("--test", required=True, metavar="NODEID", help="The test, without the seed.")
@click.option("--metric", metavar="NAME", help="The metric (default: the one that lost most).")
@click.option(
    "--confidence",
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="The posterior probability that an answer needs.",
)
@click.option(
    "--max-trainings",
    type=click.IntRange(2, 100_000),
    default=_BUDGET,
    show_default=True,
    help="The most trainings, those from the cache included.",
)
@click.option("--all-parents", is_flag=True, help="Search the whole graph, not first parents.")
@click.option("--fresh", is_flag=True, help="Train again what an interrupted run has trained.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a report too: .html, .md, .json or .svg.",
)
@training_options
@clear_errors
def bisect(good: str, bad: str, **options: Any) -> None:
    """Find the commit between GOOD and BAD that lost, with few trainings.

    Each state of the code is trained with the same seeds, and the next training is where it tells
    most. Exit status: 0 if no commit is worse, 1 if one lost or nothing can be said, 2 for bad
    input.
    """
    from pytest_mlregress.cli.posterior_view import PosteriorView
    from pytest_mlregress.cli.progress import TrainingProgress
    from pytest_mlregress.revisions.bisection.command import BisectRequest, Observer, run_bisect
    from pytest_mlregress.revisions.bisection.report_files import (
        check_bisection_report,
        document_of,
        write_bisection_report,
    )
    from pytest_mlregress.revisions.bisection.report_text import report_lines

    report_file: Path | None = options["report_file"]
    request = BisectRequest(
        good=good,
        bad=bad,
        test=options["test"],
        metric=options["metric"],
        confidence=options["confidence"],
        budget=options["max_trainings"],
        all_parents=options["all_parents"],
        fresh=options["fresh"],
        workers=options["workers"],
        rootdir=options["rootdir"].resolve(),
        pytest_args=options["pytest_args"],
    )
    if report_file is not None:
        check_bisection_report(report_file)
    view = PosteriorView()
    title = f"bisect, at most {request.budget} trainings"
    with TrainingProgress(title, below=view.bars, summary=view.summary) as progress:
        observer = Observer(progress.on_start, progress.on_seed, view.update)
        report, commands = run_bisect(request, observer, lambda text: say(text, err=True))
    if report_file is not None:
        write_bisection_report(report_file, report, commands)
    if options["as_json"]:
        print_json(document_of(report, commands))
    else:
        for line in report_lines(report, commands, width=min(80, get_terminal_size().columns)):
            say(line)
    if report.finding not in _FOUND_NOTHING:
        raise click.exceptions.Exit(1)
