"""``mlregress tiers``."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import Any, Final

import click

from pytest_mlregress.cli.common import clear_errors, print_json, say, training_options

__all__ = ["tiers"]

_CALIBRATE: Final = "--calibrate"


class _SeveralRefs(click.Command):
    """Reads ``--calibrate A B C`` as ``--calibrate A --calibrate B --calibrate C``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments of the command.

        Args:
            ctx: click's.
            args: the arguments.

        Returns:
            What is left of them.
        """
        expanded: list[str] = []
        follows = False
        for place, word in enumerate(args):
            if word == "--":
                expanded += args[place:]
                break
            if word == _CALIBRATE:
                follows = True
                continue
            follows = follows and not word.startswith("-")
            expanded += [_CALIBRATE, word] if follows else [word]
        if args and args[-1] == _CALIBRATE:
            expanded.append(_CALIBRATE)  # click says that its value is missing
        return super().parse_args(ctx, expanded)


@click.command(cls=_SeveralRefs)
@click.argument("test", required=False)
@click.option(
    _CALIBRATE,
    "refs",
    multiple=True,
    metavar="REF...",
    help="Train both tiers at these commits, branches, tags or ranges A..B; after TEST.",
)
@click.option("--fast", metavar="NAME", help="The fast tier (default: the first).")
@click.option("--full", metavar="NAME", help="The full tier (default: the last).")
@click.option("--metric", metavar="NAME", help="The metric (default: each).")
@click.option("--seeds", type=click.IntRange(1, 10_000), help="Seeds (default: the test's).")
@click.option("--fresh", is_flag=True, help="Train again what an interrupted run has trained.")
@training_options
@clear_errors
def tiers(test: str | None, **options: Any) -> None:
    """Say whether the fast tier of TEST ranks changes as its full one does.

    From the history of the baselines, trained seeds that are kept, and earlier calibrations; of
    every test with tiers without TEST. Exit status: 0 if it does and is fast, 1 if not or nothing
    can be said, 2 for bad input.
    """
    from pytest_mlregress.cli.progress import TrainingProgress
    from pytest_mlregress.reporting.tiers_text import tiers_document, tiers_lines
    from pytest_mlregress.revisions.cells.observer import TrainingObserver
    from pytest_mlregress.revisions.tiers.command import TiersRequest, run_tiers

    request = TiersRequest(
        test=test,
        refs=options["refs"],
        fast=options["fast"],
        full=options["full"],
        metric=options["metric"],
        seeds=options["seeds"],
        fresh=options["fresh"],
        workers=options["workers"],
        rootdir=options["rootdir"].resolve(),
        pytest_args=options["pytest_args"],
    )
    with TrainingProgress("tiers") as progress:

        def on_total(total: int) -> None:
            progress.total = (progress.total or 0) + total

        observer = TrainingObserver(
            on_total, progress.on_start, progress.on_seed, lambda text: say(text, err=True)
        )
        found = run_tiers(request, observer)
    if options["as_json"]:
        print_json([tiers_document(comparison) for comparison in found])
    else:
        for number, comparison in enumerate(found):
            if number:
                say("")
            for line in tiers_lines(comparison, width=min(80, get_terminal_size().columns)):
                say(line)
    if not all(comparison.good for comparison in found):
        raise click.exceptions.Exit(1)
