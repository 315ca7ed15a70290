"""Print what the guards hear: ``PYTHONPATH=src python -m benchmarks.bughunt.guards --part tuning``.

Every program of the corpus is trained for some steps by an ordinary loop, with an evaluation now
and then, and the guards listen as they do in a test run: nothing but the training is there to judge
by. Run from the repository's root. Programs of the blind parts are counted, never named, so that
nobody tunes on them; ``--names`` shows them all the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.bughunt import programs, tables
from benchmarks.bughunt.programs import Hunted


def main() -> None:
    """Train the chosen programs under the guards and print the tables."""
    options = parser().parse_args()
    torch.set_num_threads(1)
    console = Console(width=options.width)
    trained = []
    for program in programs.chosen(options.part, options.only, options.kind, options.slug):
        result = programs.guard_program(program, options.seed, twice=options.twice)
        trained.append(result)
        if program.part not in programs.BLIND or options.names:
            tables.print_program(console, result, everything=options.all)
    if trained:
        print_summary(console, trained)


def print_summary(console: Console, trained: Sequence[Hunted]) -> None:
    """The figures of the parts, then what each slug found and what it said wrongly."""
    parts = sorted({result.program.part for result in trained})
    table = Table("measure", *parts, title="Guards over the corpus's trainings")
    for name, row in (
        ("buggy programs found", tables.found_row),
        ("  of these the six most common and view for permute", tables.common_row),
        ("correct and fixed programs with an error", tables.errors_row),
        ("correct and fixed programs with a warning only", tables.warnings_row),
        ("located findings on the line of the mistake", tables.line_row),
        ("programs that raised or made the guards fall silent", tables.raised_row),
        ("CPU seconds of a training, median / 95th percentile / most", tables.seconds_row),
        ("CPU seconds of all", lambda results: f"{sum(r.seconds for r in results):.0f}"),
    ):
        table.add_row(name, *(row(tables.of_part(trained, part)) for part in parts))
    console.print(table)
    tables.print_slugs(console, trained)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.bughunt.guards", description=__doc__)
    made.add_argument("--part", action="append", choices=programs.PARTS, default=None)
    made.add_argument("--kind", choices=("buggy", "fixed", "correct"), default=None)
    made.add_argument("--only", default="", help="programs whose name contains this")
    made.add_argument("--slug", default="", help="buggy programs whose main slug is this")
    made.add_argument("--seed", type=int, default=0, help="of the trainings")
    made.add_argument(
        "--twice", action="store_true", help="train twice and compare, as for a repeated test"
    )
    made.add_argument("--all", action="store_true", help="list quiet successes too")
    made.add_argument("--names", action="store_true", help="name the programs of blind parts")
    made.add_argument("--width", type=int, default=None)
    return made


if __name__ == "__main__":
    main()
