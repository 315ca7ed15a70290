"""``mlregress explain``."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from pytest_mlregress.cli.common import clear_errors, print_json, say, training_options

__all__ = ["explain"]


@click.command()
@click.argument("test")
@click.option(
    "--against",
    metavar="REF",
    help="The other side: REF (its merge base with HEAD), tip:REF, or . for the working tree twice "
    "(default: the commit of the test's baseline; without one, HEAD).",
)
@click.option("--self", "itself", is_flag=True, help="The working tree twice, as --against=. does.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="The seed (default: the first).")
@click.option("--tier", metavar="NAME", help="The tier (default: the first).")
@training_options
@clear_errors
def explain(test: str, **options: Any) -> None:
    """Find where a seed of TEST first computes something else than at another commit.

    The seed trains on both sides for a few steps, to its end only if nothing differs in them, and
    once more with inputs moved by one ulp, which tells rounding from a change and shows whether the
    base repeats itself. Exit status: 0 if nothing that counts diverges, 1 if something does, the
    base does not repeat itself or one side fails, 2 for bad input.
    """
    from pytest_mlregress.cli.progress import TrainingProgress
    from pytest_mlregress.divergence.command import ITSELF, ExplainRequest, run_explain
    from pytest_mlregress.divergence.report_text import document_of, report_lines

    against: str | None = options["against"]
    if options["itself"]:
        if against not in (None, ITSELF):
            raise click.UsageError(f"--self and --against={against} name two sides; give one")
        against = ITSELF
    rootdir: Path = options["rootdir"]
    request = ExplainRequest(
        test=test,
        against=against,
        seed=options["seed"],
        tier=options["tier"],
        rootdir=rootdir.resolve(),
        pytest_args=options["pytest_args"],
    )
    with TrainingProgress("explain") as progress:
        report = run_explain(request, on_start=progress.on_start, on_seed=progress.on_seed)
    if options["as_json"]:
        print_json(document_of(report))
    else:
        for line in report_lines(report, width=min(80, get_terminal_size().columns)):
            say(line)
    if report.diverges:
        raise click.exceptions.Exit(1)
