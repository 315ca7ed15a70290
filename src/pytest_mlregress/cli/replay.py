"""``mlregress replay``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import click

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.cli.common import CannotRunError, clear_errors, print_json, say
from pytest_mlregress.cli.runs import find_history, find_runs, history_options, reading
from pytest_mlregress.history.records import RunRecord
from pytest_mlregress.margins import MarginLike, read_margin

_SHOWN_NAMES: Final = 8


def _margins(
    context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, MarginLike]:
    """Margins by metric, ``""`` for all others: ``0.01``, ``accuracy=1%``."""
    margins: dict[str, MarginLike] = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            margin: MarginLike = float(value)
        except ValueError:
            margin = value
        try:
            read_margin(margin)
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is no margin: 0.01, 1%, 1sd or auto, or METRIC=0.01"
            ) from None
        margins[name] = margin
    return margins


def _refuse_unknown_metrics(margins: Mapping[str, MarginLike], runs: Iterable[RunRecord]) -> None:
    """Refuse a margin of a metric that no run has: it would be passed over."""
    known = dict.fromkeys(
        metric.name for run in runs for test in run.tests for metric in test.metrics
    )
    for name in margins:
        if name and name not in known:
            close = get_close_matches(name, known, n=_SHOWN_NAMES)
            listed = list(dict.fromkeys((*close, *known)))
            more = len(listed) - _SHOWN_NAMES
            others = f" and {more} more" if more > 0 else ""
            there = ", ".join(listed[:_SHOWN_NAMES]) or "none"
            raise click.BadParameter(
                visible(f"no run has a metric {name!r}; there are: {there}{others}"),
                param_hint="--margin",
            )


@click.command()
@history_options
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    metavar="A",
    help="The chance of any false red in a run.",
)
@click.option(
    "--margin",
    "margins",
    multiple=True,
    callback=_margins,
    metavar="M",
    help="The smallest loss that matters: 0.01, 1%, 1sd, auto, or METRIC=0.01; repeatable.",
)
@click.option(
    "--seeds", type=click.IntRange(1, 10_000), metavar="N", help="The most seeds of a check."
)
@clear_errors
def replay(
    test: str | None,
    since: str | None,
    place: str | None,
    rootdir: Path,
    as_json: bool,
    alpha: float | None,
    margins: dict[str, MarginLike],
    seeds: int | None,
) -> None:
    """Which past verdicts would change with another alpha, margin or number of seeds.

    The code that judges a run judges the recorded values again. Without an option: which verdicts
    this version would reach otherwise. Exit status: 0 where none would change, 1 where some would,
    2 where there is nothing to judge again.
    """
    from pytest_mlregress.history.replay import OtherRules, replay
    from pytest_mlregress.reporting.history.replay_text import replay_document, replay_lines

    try:
        kept = find_history(place, rootdir)
        runs = find_runs(kept, test=test, since=since, rootdir=rootdir)
        _refuse_unknown_metrics(margins, runs)
        other = OtherRules(alpha=alpha, margins=margins, seeds=seeds)
        found = reading(lambda: tuple(replay(runs, kept.baseline, other)))
    except click.UsageError:
        raise
    except click.ClickException as error:
        raise CannotRunError(error.message) from None
    if as_json:
        print_json(replay_document(found, other))
    else:
        for line in replay_lines(found, other):
            say(line)
    if any(one.changes and (one.reproduced or other.as_recorded) for one in found):
        raise click.exceptions.Exit(1)
