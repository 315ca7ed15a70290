"""Print the calibration tables: ``PYTHONPATH=src python -m benchmarks.calibration --quick``.

Run from the repository's root. Exits with 1 if a figure misses its target, and names it.
"""

from __future__ import annotations

import sys
import time

import click
from rich.console import Console

from benchmarks.calibration.measures import show
from benchmarks.calibration.suite import FULL, QUICK, SECTIONS


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="Fewer simulated checks: a minute, wider errors.")
@click.option("--width", default=200, show_default=True, help="Width of the tables.")
@click.argument("names", nargs=-1, type=click.Choice(list(SECTIONS)))
def main(quick: bool, width: int, names: tuple[str, ...]) -> None:
    """Run the chosen sections, or all."""
    console = Console(width=width)
    missed: list[str] = []
    for name in names or SECTIONS:
        start, start_cpu = time.perf_counter(), time.process_time()
        for section in SECTIONS[name](QUICK if quick else FULL):
            show(console, section)
            missed.extend(section.missed())
        took, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        console.print(f"  {name}: {took:.0f} s, {cpu:.0f} s of CPU\n")
    for line in missed:
        console.print(f"[bold red]missed[/] {line}")
    console.print("every target is met" if not missed else f"{len(missed)} targets are missed")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
