"""The timelines of the reports of shards, read again and put side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pytest_mlregress.baselines.json_reader import Node
from pytest_mlregress.saved_reports.reading import SavedReport
from pytest_mlregress.timeline.spans import (
    OUTCOMES,
    SIDES,
    ItemSpan,
    RunTimeline,
    WorkerTimeline,
    side_by_side,
)


def timeline_of_shards(reports: Sequence[SavedReport]) -> RunTimeline | None:
    """The workers of all shards, as if all shards had begun at once.

    Args:
        reports: of the shards.

    Returns:
        The timeline, in which worker ``gw0`` of shard 2 is ``2/gw0``; None where no shard has one.
    """
    found = {
        str(report.shard.number if report.shard is not None else place): timeline
        for place, report in enumerate(reports, start=1)
        if (timeline := read_timeline(report)) is not None
    }
    return side_by_side(found)


def read_timeline(report: SavedReport) -> RunTimeline | None:
    """The timeline of a report.

    Args:
        report: any.

    Returns:
        The timeline; None where it has none.

    Raises:
        ArtifactError: a value is missing or of another kind than the format says.
    """
    node = report.part("timeline")
    if node is None or node.value is None:
        return None
    part = _fields(node, "seconds", "workers")
    workers = tuple(_to_worker(worker) for worker in part["workers"].items())
    return RunTimeline(_seconds(part["seconds"]), workers)


def _to_worker(node: Node) -> WorkerTimeline:
    part = _fields(node, "id", "host", "began", "ended", "collection", "items")
    collection = None
    if part["collection"].value is not None:
        begin, end = part["collection"].row(2, "two times in seconds")
        collection = (_seconds(begin), _seconds(end))
    return WorkerTimeline(
        id=part["id"].text(),
        began=_seconds(part["began"]),
        ended=_seconds(part["ended"]),
        items=tuple(_to_item(item) for item in part["items"].items()),
        collection=collection,
        host=part["host"].optional_text(),
    )


def _to_item(node: Node) -> ItemSpan:
    part = _fields(node, "id", "start", "seconds", "side", "outcome")
    side: Any = part["side"].optional_text()
    if side is not None and side not in SIDES:
        part["side"].fail("candidate, base or null")
    outcome: Any = part["outcome"].text()
    if outcome not in OUTCOMES:
        part["outcome"].fail(f"one of {', '.join(sorted(OUTCOMES))}")
    return ItemSpan(
        node_id=part["id"].text(),
        start=_seconds(part["start"]),
        seconds=_seconds(part["seconds"]),
        side=side,
        outcome=outcome,
    )


def _seconds(node: Node) -> float:
    seconds = node.number()
    if not math.isfinite(seconds):
        node.fail("a finite number of seconds")
    return seconds


def _fields(node: Node, *names: str) -> dict[str, Node]:
    """The fields that must be there, and any others."""
    return node.fields(*names, optional=tuple(key for key, _ in node.entries()))
