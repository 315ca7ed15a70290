"""A run's timeline as a report holds it, in plain builtins."""

from __future__ import annotations

from typing import Any, Final

from pytest_mlregress.timeline.spans import ItemSpan, RunTimeline, WorkerTimeline
from pytest_mlregress.timeline.utilisation import RunUtilisation, Use

_DECIMALS: Final = 6
_NAMES: Final[dict[str, Use]] = {
    "training_seconds": "training",
    "other_tests_seconds": "other tests",
    "startup_seconds": "start-up",
    "waiting_seconds": "waiting",
    "lost_seconds": "lost",
}


def timeline_document(timeline: RunTimeline) -> dict[str, Any]:
    """A timeline with what its time went into.

    Args:
        timeline: of the run.

    Returns:
        Mappings, lists and plain values; seconds have six decimals.
    """
    run = RunUtilisation(timeline)
    return {
        "seconds": _rounded(timeline.ended),
        **{name: _rounded(run.whole.seconds[use]) for name, use in _NAMES.items()},
        "ideal_seconds": _rounded(run.ideal),
        "ratio": None if run.ratio is None else _rounded(run.ratio),
        "workers": [_worker(worker) for worker in timeline.workers],
    }


def _worker(worker: WorkerTimeline) -> dict[str, Any]:
    collection = worker.collection
    return {
        "id": worker.id,
        "host": worker.host,
        "began": _rounded(worker.began),
        "ended": _rounded(worker.ended),
        "collection": None if collection is None else [_rounded(at) for at in collection],
        "items": [_item(item) for item in worker.items],
    }


def _item(item: ItemSpan) -> dict[str, Any]:
    return {
        "id": item.node_id,
        "start": _rounded(item.start),
        "seconds": _rounded(item.seconds),
        "side": item.side,
        "outcome": item.outcome,
    }


def _rounded(value: float) -> float:
    return round(value, _DECIMALS)
