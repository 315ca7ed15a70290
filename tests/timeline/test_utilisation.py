"""What the time of workers went into, by hand and by its properties."""

from __future__ import annotations

from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.timeline.spans import (
    ItemSpan,
    Outcome,
    RunTimeline,
    Side,
    WorkerTimeline,
    side_by_side,
)
from pytest_mlregress.timeline.utilisation import RunUtilisation, percentages, segments_of


def item(
    start: float,
    seconds: float,
    *,
    side: Side | None = "candidate",
    outcome: Outcome = "finished",
    node_id: str = "t.py::test_a[seed0]",
) -> ItemSpan:
    return ItemSpan(node_id, start, seconds, side, outcome)


TWO = RunTimeline(
    10.0,
    (
        WorkerTimeline("gw0", 0.0, 10.0, (item(2, 3), item(5.5, 4)), collection=(0.5, 1.5)),
        WorkerTimeline("gw1", 0.0, 10.0, (item(3, 2), item(5, 1)), collection=(0.5, 1.5)),
    ),
)


def uses(worker: WorkerTimeline) -> list[tuple[str, str, float, float]]:
    return [(s.use, s.cause, s.start, s.stop) for s in segments_of(worker)]


def test_a_worker_starts_collects_trains_and_waits() -> None:
    assert uses(TWO.workers[0]) == [
        ("start-up", "", 0.0, 0.5),
        ("start-up", "collection", 0.5, 1.5),
        ("start-up", "", 1.5, 2),
        ("training", "", 2, 5),
        ("waiting", "between", 5, 5.5),
        ("training", "", 5.5, 9.5),
        ("waiting", "end", 9.5, 10.0),
    ]


def test_two_workers_by_hand() -> None:
    run = RunUtilisation(TWO)
    assert run.whole.seconds == {
        "training": 10.0,
        "other tests": 0.0,
        "start-up": 5.0,
        "waiting": 5.0,
        "lost": 0.0,
    }
    assert run.whole.idle == {"": 3.0, "collection": 2.0, "between": 0.5, "end": 4.5}
    assert (run.places, run.ideal, run.ratio) == (2, 5.0, 2.0)
    assert (run.whole.items, run.whole.longest) == (4, 4.0)


def test_no_run_is_shorter_than_its_longest_training() -> None:
    alone = WorkerTimeline("gw0", 0.0, 8.0, (item(2, 6),))
    idle = WorkerTimeline("gw1", 0.0, 8.0)
    run = RunUtilisation(RunTimeline(8.0, (alone, idle)))
    assert (run.ideal, run.ratio) == (6.0, 8.0 / 6.0)
    assert uses(idle) == [("start-up", "", 0.0, 8.0)]


def test_a_replacement_has_the_place_of_the_worker_that_was_lost() -> None:
    lost = WorkerTimeline("gw0", 0.0, 4.0, (item(1, 3, outcome="lost"),))
    other = WorkerTimeline("gw1", 0.0, 10.0, (item(1, 9),))
    new = WorkerTimeline("gw2", 4.0, 10.0, (item(5, 3),))
    run = RunUtilisation(RunTimeline(10.0, (lost, other, new)))
    assert run.places == 2
    assert run.whole.seconds["lost"] == 3.0
    assert uses(new)[0] == ("start-up", "", 4.0, 5)
    assert run.ideal == 9.0


def test_what_did_not_run_is_waiting_and_other_tests_are_work() -> None:
    worker = WorkerTimeline(
        "main",
        0.0,
        10.0,
        (
            item(1, 0.5, outcome="cached"),
            item(2, 2, side=None),
            item(5, 0.1, outcome="skipped"),
            item(6, 1, outcome="rerun"),
            item(7, 2, side="base", outcome="failed"),
        ),
    )
    assert uses(worker) == [
        ("start-up", "", 0.0, 1),
        ("waiting", "between", 1, 2),
        ("other tests", "", 2, 4),
        ("waiting", "between", 4, 6),
        ("lost", "", 6, 7),
        ("training", "", 7, 9),
        ("waiting", "end", 9, 10.0),
    ]


def test_nothing_has_no_ideal() -> None:
    run = RunUtilisation(RunTimeline(3.0, (WorkerTimeline("main", 0.0, 3.0),)))
    assert (run.ideal, run.ratio) == (0.0, None)
    assert RunUtilisation(RunTimeline(3.0, ())).ratio is None


def test_shards_begin_at_once_and_wait_for_the_longest() -> None:
    one = WorkerTimeline("gw0", 0.0, 4.0, (item(1, 3),))
    dead = WorkerTimeline("gw1", 0.0, 2.0, (item(1, 1, outcome="lost"),))
    merged = side_by_side({"1": RunTimeline(4.0, (one, dead)), "2": TWO})
    assert merged is not None
    assert merged.ended == 10.0
    assert [(worker.id, worker.ended) for worker in merged.workers] == [
        ("1/gw0", 10.0),
        ("1/gw1", 2.0),
        ("2/gw0", 10.0),
        ("2/gw1", 10.0),
    ]
    assert RunUtilisation(merged).ratio == pytest.approx(10 / 4)  # the longest; 13 s on 4 are less
    assert side_by_side({}) is None


def test_percentages_make_a_hundred() -> None:
    assert percentages([1, 1, 1]) == (34, 33, 33)
    assert percentages([62.4, 30.3, 7.3]) == (63, 30, 7)
    assert percentages([0.0, 0.0]) == (0, 0)


TIMES = st.floats(0, 100, allow_nan=False)
ITEMS = st.builds(
    item,
    st.floats(-1, 120),
    TIMES,
    side=st.sampled_from(["candidate", "base", None]),
    outcome=st.sampled_from(["finished", "failed", "skipped", "cached", "rerun", "lost"]),
)


@st.composite
def timelines(draw: st.DrawFn) -> RunTimeline:
    """Items that overlap, begin before their worker or end after it, as by a clock that is off."""
    ended = draw(st.floats(0.001, 100))
    workers = []
    for number in range(draw(st.integers(1, 4))):
        first, last = sorted(draw(st.tuples(st.floats(0, ended), st.floats(0, ended))))
        began = draw(st.sampled_from([0.0, first]))
        stop = draw(st.sampled_from([ended, last]))
        collection = draw(st.none() | st.tuples(TIMES, TIMES))
        items = tuple(draw(st.lists(ITEMS, max_size=6)))
        workers.append(WorkerTimeline(f"gw{number}", began, stop, items, collection))
    return RunTimeline(ended, tuple(workers))


@given(timelines())
def test_spans_partition_the_time_of_each_worker(timeline: RunTimeline) -> None:
    for worker in timeline.workers:
        segments = segments_of(worker)
        edges = [worker.began, *(segment.stop for segment in segments)]
        assert [segment.start for segment in segments] == edges[:-1]
        assert edges[-1] == worker.ended
        assert all(segment.seconds > 0 for segment in segments)


@given(timelines())
def test_no_run_is_faster_than_the_ideal(timeline: RunTimeline) -> None:
    run = RunUtilisation(timeline)
    assert run.ratio is None or run.ratio >= 1
    assert fsum(run.whole.seconds.values()) == pytest.approx(
        fsum(worker.ended - worker.began for worker in timeline.workers)
    )
    parts = percentages(list(run.whole.seconds.values()))
    assert sum(parts) in (0, 100)
