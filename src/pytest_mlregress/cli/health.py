"""``mlregress health``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from shutil import get_terminal_size

import click

from pytest_mlregress.cli.common import clear_errors, print_json, say
from pytest_mlregress.cli.runs import find_history, find_runs, history_options, reading


@click.command()
@history_options
@clear_errors
def health(
    test: str | None, since: str | None, place: str | None, rootdir: Path, as_json: bool
) -> None:
    """How often unchanged code went red, what each test has detected, which seeds were wasted."""
    from pytest_mlregress.history.health import suite_health
    from pytest_mlregress.reporting.history.health_text import health_lines

    kept = find_history(place, rootdir)
    runs = find_runs(kept, test=test, since=since, rootdir=rootdir)
    found = reading(lambda: suite_health(runs, kept.baseline))
    if as_json:
        print_json({"schema": 1, **asdict(found)})
        return
    for line in health_lines(found, get_terminal_size().columns):
        say(line)
