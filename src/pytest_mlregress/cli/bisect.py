"""``mlregress bisect``."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final

import click

from pytest_mlregress.cli.common import clear_errors, print_json, say, training_options

if TYPE_CHECKING:
    from pytest_mlregress.revisions.bisection.axis_rules import Axis

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
@click.option(
    "--axes",
    metavar="AXIS,...",
    help="Find out first which of commits, env, data, config lost.",
)
@click.option(
    "--lock", "locks", multiple=True, metavar="FILE", help="A lock file, besides the known names."
)
@click.option(
    "--config", "configs", multiple=True, metavar="FILE", help="A configuration file or pattern."
)
@click.option("--data", metavar="TEMPLATE", help="Where the data lie, such as data/v{version}.")
@click.option("--env-good", metavar="PYTHON", help="The interpreter of GOOD's environment.")
@click.option("--env-bad", metavar="PYTHON", help="The interpreter of BAD's environment.")
@click.option("--fresh", is_flag=True, help="Train all seeds again.")
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
    from pytest_mlregress.plurals import count_of
    from pytest_mlregress.reporting.bisection.files import (
        check_bisection_report,
        document_of,
        write_bisection_report,
    )
    from pytest_mlregress.reporting.bisection.text import report_lines
    from pytest_mlregress.revisions.bisection.axis_rules import AxisRules
    from pytest_mlregress.revisions.bisection.bisect_request import BisectRequest, Observer
    from pytest_mlregress.revisions.bisection.command import run_bisect
    from pytest_mlregress.revisions.bisection.data_template import DataTemplate

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
        axes=_axes(options["axes"]),
        rules=AxisRules(
            options["locks"],
            options["configs"],
            None if options["data"] is None else DataTemplate(options["data"]),
        ),
        env_good=options["env_good"],
        env_bad=options["env_bad"],
    )
    if report_file is not None:
        check_bisection_report(report_file)
    view = PosteriorView()
    title = f"bisect, at most {count_of(request.budget, 'training')}"
    with TrainingProgress(title, below=view.bars, summary=view.summary) as progress:
        observer = Observer(
            progress.on_start, progress.on_seed, view.update, lambda text: say(text, err=True)
        )
        report, commands = run_bisect(request, observer)
    if report_file is not None:
        write_bisection_report(report_file, report, commands)
    if options["as_json"]:
        print_json(document_of(report, commands))
    else:
        for line in report_lines(report, commands, width=min(80, get_terminal_size().columns)):
            say(line)
    if report.finding not in _FOUND_NOTHING:
        raise click.exceptions.Exit(1)


def _axes(text: str | None) -> tuple[Axis, ...]:
    """The axes of the option, in the order in which they are always named."""
    from pytest_mlregress.revisions.bisection.axis_rules import AXES

    if text is None:
        return ()
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in AXES]
    if unknown or len(set(names)) < 2:
        what = f"{unknown[0]!r} is no axis" if unknown else "at least two are told apart"
        raise click.BadParameter(f"{what}; the axes are {', '.join(AXES)}", param_hint="--axes")
    return tuple(axis for axis in AXES if axis in names)
