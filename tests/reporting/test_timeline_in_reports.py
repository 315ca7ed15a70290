"""A run's timeline in a terminal, in the HTML page and in the JSON report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import verdict_cases as cases

from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.json_report import to_json
from pytest_mlregress.reporting.markdown.page import to_markdown
from pytest_mlregress.reporting.plots.timeline import timeline_plot
from pytest_mlregress.reporting.summary import summary_table
from pytest_mlregress.timeline.spans import ItemSpan, RunTimeline, WorkerTimeline

SCHEMA = Path(__file__).parents[2] / "docs" / "report.schema.json"


def seeds(start: float, *durations: float, gap: float = 0.0) -> tuple[ItemSpan, ...]:
    items = []
    for seed, seconds in enumerate(durations):
        node_id = f"tests/test_digits.py::test_digits[seed{seed}]"
        items.append(ItemSpan(node_id, start, seconds, "candidate", "finished"))
        start += seconds + gap
    return tuple(items)


RUN = RunTimeline(
    10.0,
    (
        WorkerTimeline("gw0", 0.0, 10.0, seeds(2.0, 3.0, 4.0, gap=0.5), (0.5, 1.5)),
        WorkerTimeline("gw1", 0.0, 10.0, seeds(4.0, 3.0), (0.5, 1.5)),
    ),
)
LINE = "2 workers: training 50 %, start-up 30 %, waiting 20 %; 2 x the ideal 5 s"


def large(workers: int, items: int, seconds: float) -> RunTimeline:
    spans = seeds(1.0, *[seconds] * items, gap=seconds / 9)
    ended = spans[-1].start + seconds
    return RunTimeline(
        ended, tuple(WorkerTimeline(f"gw{n}", 0.0, ended, spans) for n in range(workers))
    )


@pytest.mark.parametrize(("verbosity", "shown"), [(-2, 0), (-1, 0), (0, 1), (1, 1)])
def test_the_summary_says_what_the_time_went_into(verbosity: int, shown: int) -> None:
    lines = summary_table(cases.a_run(timeline=RUN), verbosity=verbosity).splitlines()
    assert lines.count(LINE) == shown
    rows = [line for line in lines if line.startswith(("  worker", "  gw"))]
    assert rows == [
        "  worker  items  training  start-up  between  at the end",
        "  gw0         2       7 s       2 s    0.5 s       0.5 s",
        "  gw1         1       3 s       4 s      0 s         3 s",
    ] * (verbosity == 1)


def test_a_run_that_needs_little_has_no_line() -> None:
    short = RunTimeline(10.0, (WorkerTimeline("main", 0.0, 10.0, seeds(2.0, 4.9)),))
    assert "ideal" not in summary_table(cases.a_run(timeline=short), verbosity=1)


def test_other_tests_and_lost_attempts_are_named_where_there_are_any() -> None:
    (one, two) = RUN.workers
    lost = replace(two.items[0], outcome="lost")
    plain = ItemSpan("t.py::test_plain", 8.0, 1.0, None, "finished")
    run = RunTimeline(10.0, (one, replace(two, items=(lost, plain), host="node-7")))
    lines = summary_table(cases.a_run(timeline=run), width=200, verbosity=1).splitlines()
    assert (
        "2 workers: training 35 %, other tests 5 %, start-up 30 %, waiting 15 %, lost 15 %; "
        "2.5 x the ideal 4 s"
    ) in lines
    assert (
        "  gw1 (node-7)      2       0 s       4 s      1 s         1 s          1 s   3 s" in lines
    )


def test_many_workers_are_not_all_listed() -> None:
    lines = summary_table(cases.a_run(timeline=large(40, 5, 1.0)), verbosity=1).splitlines()
    assert sum(line.startswith("  gw") for line in lines) == 16
    assert "  and 24 more workers in the JSON report" in lines


def test_each_item_is_a_mark_that_says_what_ran() -> None:
    plot = timeline_plot(RUN)
    assert plot.summary == LINE
    first, second = plot.rows
    assert [(mark.style, mark.title) for mark in first.marks] == [
        (
            "waiting",
            "gw0: training 7 s, start-up 2 s, waiting 0.5 s between items and 0.5 s at the end",
        ),
        ("startup", "start-up: 0.5 s"),
        ("collection", "collection: 1 s"),
        ("startup", "start-up: 0.5 s"),
        ("now", "tests/test_digits.py::test_digits[seed0]: 3 s from 2 s on"),
        ("now", "tests/test_digits.py::test_digits[seed1]: 4 s from 5.5 s on"),
    ]
    assert first.marks[4].x == pytest.approx(92 + 0.2 * 856)
    assert first.marks[4].width == pytest.approx(0.3 * 856, abs=0.1)
    assert second.y > first.y


def test_short_items_are_drawn_together() -> None:
    plot = timeline_plot(large(16, 2000, 0.01))
    marks = [mark for row in plot.rows for mark in row.marks]
    assert len(marks) < 3000
    assert "items: " in marks[5].title
    assert len(timeline_plot(large(500, 20, 1.0)).rows) == 64


def test_a_failed_item_is_named_and_the_most_time_gives_a_mark_its_colour() -> None:
    items = seeds(1.0, *[0.001] * 3)
    failed = replace(items[1], outcome="failed")
    worker = WorkerTimeline("main", 0.0, 100.0, (items[0], failed, items[2]))
    (row,) = timeline_plot(RunTimeline(100.0, (worker,))).rows
    assert row.marks[-1].title == "3 items: 0.003 s together, 1 failed"
    assert row.marks[-1].style == "now"


def test_the_page_has_a_mark_for_each_item_and_a_table() -> None:
    page = to_html(cases.a_run(timeline=RUN))
    assert LINE in page
    assert page.count('<g class="now"><title>tests/test_digits.py') == 3
    assert '<th scope="row">gw1' in page
    assert "<h3>Timeline</h3>" not in to_html(cases.a_run())


def test_a_large_timeline_of_a_large_page_is_compressed() -> None:
    run = large(16, 2000, 1.0)
    page = to_html(cases.a_run(timeline=run), inline=1000)
    assert '<details class="packed">' in page
    alone = to_html(cases.a_run(), inline=1000)
    assert len(page) - len(alone) < 100_000


def test_the_json_report_has_every_item() -> None:
    document = json.loads(to_json(cases.a_run(timeline=RUN)))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    timeline = document["timeline"]
    workers = timeline.pop("workers")
    assert timeline == {
        "seconds": 10.0,
        "training_seconds": 10.0,
        "other_tests_seconds": 0.0,
        "startup_seconds": 6.0,
        "waiting_seconds": 4.0,
        "lost_seconds": 0.0,
        "ideal_seconds": 5.0,
        "ratio": 2.0,
    }
    assert workers[1] == {
        "id": "gw1",
        "host": None,
        "began": 0.0,
        "ended": 10.0,
        "collection": [0.5, 1.5],
        "items": [
            {
                "id": "tests/test_digits.py::test_digits[seed0]",
                "start": 4.0,
                "seconds": 3.0,
                "side": "candidate",
                "outcome": "finished",
            }
        ],
    }


def test_no_clock_is_in_the_markdown_report() -> None:
    assert to_markdown(cases.a_run(timeline=RUN)) == to_markdown(cases.a_run())
