"""What a shard says at its end: how much of the suite it has trained, and what judges it."""

from __future__ import annotations

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.text_layout import wrap


def shard_text(report: RunReport, *, width: int = 80) -> list[str]:
    """How many seeds the shard has trained, and the command that judges all of them.

    Args:
        report: the report of a shard.
        width: width in terminal cells.

    Returns:
        The lines.
    """
    shard = report.shard
    if shard is None or shard.collected is None:
        return wrap("the suite was not collected: this shard has trained nothing", width)
    seeds = [number for test in shard.collected for number in test.shards.values()]
    tests = [test for test in shard.collected if shard.number in test.shards.values()]
    own = sum(number == shard.number for number in seeds)
    ended = sum(len(case.group.reported) for case in report.judged.values())
    text = (
        f"shard {shard.text}: {own} of {count_of(len(seeds), 'seed')}, of "
        f"{len(tests)} of {count_of(len(shard.collected), 'test')}"
    )
    if ended < own:
        text += f"; {own - ended} did not report"
    if report.settings.get("update") or report.settings.get("update_new_only"):
        nothing, command = "no baseline is recorded here", "mlregress merge --update shard-*.json"
    else:
        nothing, command = "no verdicts here", "mlregress merge shard-*.json"
    return [
        *wrap(text, width),
        *wrap(f"{nothing}; with the reports of all shards: {command}", width),
    ]
