"""The HTML report as a person uses it: typed into, dragged over, tabbed through, on a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import verdict_cases as cases
from headless_browser import CHROMIUM, HeadlessBrowser

from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.verdicts.verdict import Verdict

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium or google-chrome"),
]

LONG = (
    "tests/vision/test_of_models_with_a_long_name.py::TestTrainingOfResidualNetworks::"
    "test_final_validation_accuracy[resnet50-imagenette_320-adamw_cosine_schedule]"
)

SHOWN = """Array.from(document.querySelectorAll('.verdicts tbody'))
    .filter((body) => body.checkVisibility()).map((body) => body.querySelector('a').textContent)"""

CONTRASTS = """(() => {
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map(
    (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
  ).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const parse = (text) => [...text.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const texts = Array.from(node.childNodes).filter((child) => child.nodeType === 3);
    const text = texts.map((child) => child.data.trim()).join('');
    const style = getComputedStyle(node);
    if (!text || ['TITLE', 'SCRIPT', 'STYLE', 'NOSCRIPT', 'title'].includes(node.tagName)) continue;
    let under = [255, 255, 255], opacity = 1;
    const line = [];
    for (let at = node; at; at = at.parentElement) line.unshift(at);
    for (const at of line) {
      const own = getComputedStyle(at);
      opacity *= Number(own.opacity);
      if (!(at instanceof SVGElement)) under = over(parse(own.backgroundColor), under);
    }
    const colour = parse(node instanceof SVGElement ? style.fill : style.color);
    colour[3] *= opacity;
    const [a, b] = [light(over(colour, under)), light(under)].sort((x, y) => y - x);
    const name = node.tagName + '.' + (node.className.baseVal ?? node.className);
    found.push([(a + 0.05) / (b + 0.05), name + ': ' + text.slice(0, 40)]);
  }
  return found.sort((x, y) => x[0] - y[0]);
})()"""


BROKEN = """Array.from(document.querySelectorAll('.verdicts a, .card h2')).flatMap((name) => {
  const walker = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
  const range = document.createRange(), found = [];
  let last, before = '';
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (let index = 0; index < node.length; index += 1) {
      range.setStart(node, index);
      range.setEnd(node, index + 1);
      const { bottom } = range.getBoundingClientRect();
      const broken = last !== undefined && bottom > last + 3;
      if (broken && !/[/:_.,\\[-]/.test(before)) found.push(before);
      [last, before] = [bottom, node.data[index]];
    }
  }
  return found;
})"""


def trained(verdict: Verdict) -> Verdict:
    """With a learning curve of 1,001 steps per seed."""
    seeds = tuple(
        replace(seed, curves={"loss": tuple((n, 1 / (1 + n) + seed.seed) for n in range(1001))})
        for seed in verdict.seeds
    )
    return replace(verdict, seeds=seeds)


@pytest.fixture(scope="module")
def report() -> RunReport:
    return cases.a_run(
        trained(cases.regression(test=LONG)),
        trained(cases.diverged(test="tests/test_b.py::test_café[ÅNGSTRÖM]")),
        cases.passed(test="tests/test_b.py::test_cafe\u0301_again"),
        *(cases.passed(test=f"tests/test_c.py::test_many[{index}]") for index in range(60)),
    )


@pytest.fixture(scope="module", params=["whole", "packed"])
def page(
    request: pytest.FixtureRequest, report: RunReport, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(to_html(report, inline=1 if request.param == "packed" else 10**9), "utf-8")
    return path


@pytest.fixture(scope="module")
def shared() -> Iterator[HeadlessBrowser]:
    with HeadlessBrowser() as browser:
        yield browser


@pytest.fixture
def browser(shared: HeadlessBrowser, page: Path) -> Iterator[HeadlessBrowser]:
    shared.open(page)
    yield shared
    assert not shared.errors


def found(browser: HeadlessBrowser) -> Any:
    return browser.evaluate("document.getElementById('found').textContent")


def clear(browser: HeadlessBrowser) -> None:
    """As Escape does in a search field."""
    browser.press("Escape")


def test_the_filter_is_typed_into(browser: HeadlessBrowser) -> None:
    browser.press("/")
    assert browser.evaluate("document.activeElement.id") == "filter"
    assert browser.evaluate("document.getElementById('filter').value") == ""
    browser.type("café")
    assert browser.evaluate(SHOWN) == [
        "tests/test_b.py::test_café[ÅNGSTRÖM]",
        "tests/test_b.py::test_cafe\u0301_again",
    ]
    assert found(browser) == "2 of 63"
    browser.type(" angstrom")
    assert browser.evaluate(SHOWN) == ["tests/test_b.py::test_café[ÅNGSTRÖM]"]
    assert browser.evaluate("document.querySelectorAll('.card:not([hidden])').length") == 1
    clear(browser)
    assert found(browser) == ""
    assert browser.evaluate("document.querySelectorAll('[hidden]:is(tbody, .card)').length") == 0
    assert len(browser.evaluate(SHOWN)) == 2  # greens are folded again
    browser.type("MANY pass")
    assert found(browser) == "60 of 63"
    assert len(browser.evaluate(SHOWN)) == 60
    clear(browser)
    browser.type("no such test")
    assert found(browser) == "0 of 63"
    assert browser.evaluate(SHOWN) == []


def test_greens_stay_as_the_reader_left_them(browser: HeadlessBrowser) -> None:
    browser.evaluate("document.querySelector('.greens').open = true")
    browser.press("/")
    browser.type("many")
    clear(browser)
    assert browser.evaluate("Array.from(document.querySelectorAll('.greens'), (g) => g.open)") == [
        True,
        False,
    ]
    assert len(browser.evaluate(SHOWN)) == 63


def test_a_link_unfolds_its_test(browser: HeadlessBrowser, page: Path) -> None:
    name = json.dumps("tests/test_c.py::test_many[59]")
    anchor = browser.evaluate(
        "Array.from(document.querySelectorAll('.verdicts a'))"
        f".find((a) => a.textContent === {name}).hash"
    )
    browser.open(page, anchor)
    assert browser.evaluate(
        f"new Promise((done) => setTimeout(() => done("
        f"document.querySelector('{anchor} svg.strip').checkVisibility()), 300))"
    )


def place_of_the_curve(browser: HeadlessBrowser) -> tuple[float, float, float, float]:
    """Left, top, width and height of the first learning curve, on the screen."""
    browser.evaluate(
        """new Promise((done) => setTimeout(done, 300)).then(() => {
          const plot = document.querySelector('svg.curve');
          const label = plot.closest('.panel').previousElementSibling;
          label.click();
          plot.scrollIntoView({ block: 'center' });
        })"""
    )
    left, top, width, height = browser.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {"
        "const box = document.querySelector('svg.curve .lines').getBoundingClientRect();"
        "done([box.x, box.y, box.width, box.height]); })))"
    )
    return left, top, width, height


def view(browser: HeadlessBrowser) -> list[float]:
    box = browser.evaluate("document.querySelector('svg.curve .lines').getAttribute('viewBox')")
    return [float(number) for number in box.split()]


def labels(browser: HeadlessBrowser) -> Any:
    return browser.evaluate(
        "Array.from(document.querySelector('svg.curve').querySelectorAll('.ticks text'))"
        ".filter((text) => text.getClientRects().length)"
        ".filter((text) => text.getAttribute('text-anchor') === 'middle')"
        ".map((text) => text.textContent)"
    )


def reading(browser: HeadlessBrowser) -> Any:
    return browser.evaluate("document.querySelector('.under output').textContent")


def test_steps_are_enlarged_by_dragging(browser: HeadlessBrowser) -> None:
    left, top, width, height = place_of_the_curve(browser)
    whole, middle = view(browser), top + height / 2
    assert labels(browser) == ["0", "500", "1000"]
    browser.mouse("mouseMoved", left + 0.5 * width, middle)
    assert reading(browser).startswith("step 50")
    browser.mouse("mousePressed", left + 0.2 * width, middle)
    browser.mouse("mouseMoved", left + 0.4 * width, middle, buttons=1)
    browser.mouse("mouseReleased", left + 0.4 * width, middle)
    start, _, wide, _ = view(browser)
    assert start == pytest.approx(200, abs=2)
    assert wide == pytest.approx(200, abs=2)
    assert {"250", "300", "350"} <= set(labels(browser))
    browser.mouse("mouseWheel", left + 0.5 * width, middle, deltaX=0, deltaY=-100, modifiers=2)
    assert view(browser)[2] == pytest.approx(160, abs=2)
    browser.evaluate("document.querySelector('.whole').click()")
    assert view(browser) == whole
    assert labels(browser) == ["0", "500", "1000"]


def test_a_wheel_alone_scrolls_the_page(browser: HeadlessBrowser) -> None:
    left, top, width, height = place_of_the_curve(browser)
    whole = view(browser)
    browser.mouse("mouseWheel", left + width / 2, top + height / 2, deltaX=0, deltaY=100)
    assert view(browser) == whole


def test_curves_are_read_from_the_keyboard(browser: HeadlessBrowser) -> None:
    place_of_the_curve(browser)
    whole = view(browser)
    browser.evaluate("document.querySelector('svg.curve').focus()")
    browser.press("ArrowRight")
    assert reading(browser) == "step 0: seed 0 1, seed 1 2, seed 2 3, seed 3 4, seed 4 5"
    browser.press("ArrowRight")
    second = reading(browser)
    assert second.startswith("step ")
    assert not second.startswith("step 0:")
    browser.press("+")
    assert view(browser)[2] == pytest.approx(whole[2] / 2)
    assert reading(browser) == second
    browser.press("Escape")
    assert view(browser) == whole


def test_tabs_are_reached_and_turned_from_the_keyboard(browser: HeadlessBrowser) -> None:
    browser.press("Tab")
    focus = "document.activeElement.id"
    for _ in range(5):
        if browser.evaluate(focus) == "page-tests":
            break
        browser.press("Tab")
    assert browser.evaluate(focus) == "page-tests"
    outline = browser.evaluate(
        "getComputedStyle(document.querySelector('label[for=page-tests]')).outlineStyle"
    )
    assert outline == "solid"
    browser.press("ArrowRight")
    assert browser.evaluate(
        "document.querySelector('#page-run + label + .panel').checkVisibility()"
    )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_read_on_a_phone(report: RunReport, tmp_path: Path, dark: bool) -> None:
    path = tmp_path / "report.html"
    path.write_text(to_html(report, inline=10**9), "utf-8")
    with HeadlessBrowser(width=390, height=844, dark=dark) as browser:
        browser.open(path)
        browser.evaluate(
            "document.querySelectorAll('.panel').forEach((p) => p.style.display = 'block')"
        )
        browser.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")
        assert browser.evaluate("document.documentElement.scrollWidth") == 390
        contrasts = browser.evaluate(CONTRASTS)
        assert len(contrasts) > 500
        assert [(ratio, what) for ratio, what in contrasts if ratio < 4.5] == []
        browser.evaluate(
            "for (const card of document.querySelectorAll('.card, .few'))"
            " card.style.contentVisibility = 'visible';"
        )
        # Names break at the ends of words.
        broken = browser.evaluate(BROKEN)
        assert broken == []
