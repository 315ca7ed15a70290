"""Print how the bug hunt does: ``PYTHONPATH=src python -m benchmarks.bughunt --part tuning``.

Run from the repository's root. Programs of the blind parts are counted, never named, so that
nobody tunes on them; ``--names`` shows them all the same.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from benchmarks.bughunt import planted, programs, tables
from benchmarks.bughunt.rivals.figures import tool_table


def main() -> None:
    """Hunt the chosen programs and print the tables."""
    options = parser().parse_args()
    torch.set_num_threads(1)
    console = Console(width=options.width)
    hunted = []
    for program in programs.chosen(options.part, options.only, options.kind, options.slug):
        result = programs.hunt_program(program, checks=options.checks)
        hunted.append(result)
        if program.part not in programs.BLIND or options.names:
            tables.print_program(console, result, everything=options.all)
    if hunted:
        tables.print_summary(console, hunted)
    if options.record_misses:
        programs.record_misses(hunted)
    if hunted and options.repeats:
        tables.print_repeats(console, programs.repeat(hunted, options.repeats, options.checks))
    if options.plant:
        good = [p for p in programs.chosen(options.part) if p.kind != "buggy"]
        tables.print_mutants(console, planted.mutants(good, options.plant), names=options.names)
    if hunted and options.rivals:
        rows: dict[str, Any] = {"pytest-mlregress": programs.as_tool(hunted)}
        for path in options.rivals:
            rows |= json.loads(path.read_text(encoding="utf-8"))
        console.print(tool_table(rows))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.bughunt", description=__doc__)
    made.add_argument("--part", action="append", choices=programs.PARTS, default=None)
    made.add_argument("--kind", choices=("buggy", "fixed", "correct"), default=None)
    made.add_argument("--only", default="", help="programs whose name contains this")
    made.add_argument("--slug", default="", help="buggy programs whose main slug is this")
    made.add_argument("--checks", nargs="*", default=None, help="run these checks only")
    made.add_argument("--all", action="store_true", help="list quiet successes too")
    made.add_argument("--names", action="store_true", help="name the programs of blind parts")
    made.add_argument("--repeats", type=int, default=0, help="hunts of correct programs, new seeds")
    made.add_argument("--plant", type=int, default=0, help="correct programs to plant bugs in")
    made.add_argument(
        "--record-misses", action="store_true", help="rewrite the corpus's known_misses.txt"
    )
    made.add_argument("--rivals", nargs="*", type=Path, default=(), help="JSON of .rivals")
    made.add_argument("--width", type=int, default=None)
    return made


if __name__ == "__main__":
    main()
