"""The timeline of an HTML report, as a browser draws it."""

from __future__ import annotations

from pathlib import Path

import pytest
import verdict_cases as cases
from headless_browser import CHROMIUM, HeadlessBrowser

from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.timeline.spans import ItemSpan, Outcome, RunTimeline, Side, WorkerTimeline

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium or google-chrome"),
]

CONTRAST = """(() => {
  const light = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255).map(
    (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
  ).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const fill = (of) => getComputedStyle(document.querySelector(`.timeline ${of}`)).fill;
  const line = (of) => getComputedStyle(document.querySelector(`.timeline ${of}`)).stroke;
  const under = light(fill('.waiting rect'));
  const marks = [fill('.now rect'), fill('.before rect'), fill('.failed rect'),
    line('.startup path'), line('.lost path'), line('.waiting rect'), line('.other rect')];
  return marks.map(light).map((a) => (Math.max(a, under) + 0.05) / (Math.min(a, under) + 0.05));
})()"""


def a_timeline() -> RunTimeline:
    kinds: tuple[tuple[Side | None, Outcome], ...] = (
        *[("candidate", "finished"), ("base", "finished"), (None, "finished")],
        *[("candidate", "failed"), ("candidate", "lost")],
    )
    items = tuple(
        ItemSpan(f"t.py::test_a[seed{at}]", 2.0 + at, 0.9, *kinds[at % len(kinds)])
        for at in range(2000)
    )
    workers = (WorkerTimeline(f"gw{n}", 0.0, 2010.0, items, (0.0, 1.0)) for n in range(16))
    return RunTimeline(2010.0, tuple(workers))


@pytest.mark.parametrize("dark", [False, True])
def test_a_large_timeline_is_drawn_when_it_is_unfolded(tmp_path: Path, dark: bool) -> None:
    page = tmp_path / "report.html"
    page.write_text(to_html(cases.a_run(timeline=a_timeline()), inline=1000), "utf-8")
    with HeadlessBrowser(dark=dark) as browser:
        browser.open(page)
        browser.evaluate("document.getElementById('page-run').click()")
        assert browser.evaluate("document.querySelectorAll('.timeline').length") == 0
        drawn = browser.evaluate(
            """new Promise((done) => {
                const fold = document.querySelector('.packed');
                new MutationObserver(() => done(fold.querySelectorAll('.timeline g').length))
                    .observe(fold, {childList: true});
                fold.open = true;
            })"""
        )
        assert 1000 < drawn < 3000
        assert browser.evaluate("document.querySelectorAll('.timeline > text').length") > 16
        assert browser.errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_every_mark_is_told_from_waiting_by_its_lightness(tmp_path: Path, dark: bool) -> None:
    page = tmp_path / "report.html"
    few = RunTimeline(9.0, (WorkerTimeline("gw0", 0.0, 9.0, a_timeline().workers[0].items[:6]),))
    page.write_text(to_html(cases.a_run(timeline=few)), "utf-8")
    with HeadlessBrowser(dark=dark) as browser:
        browser.open(page)
        browser.evaluate("document.getElementById('page-run').click()")
        assert min(browser.evaluate(CONTRAST)) >= 3
