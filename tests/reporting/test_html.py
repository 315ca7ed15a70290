"""The HTML report is one file that loads nothing, and shows every seed."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import verdict_cases as cases

from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.overview import overview
from pytest_mlregress.reporting.plots.strip import AXIS, LEFT, RIGHT, strip_plot
from pytest_mlregress.verdicts.verdict import VerdictKind

VOID = {"meta", "wbr", "link", "br", "img", "input"}
OPTIONAL_END = {"th"}


class Page(HTMLParser):
    """Checks that elements nest, and collects them with their text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID | OPTIONAL_END:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())


def test_the_page_is_well_formed_and_tells_what_happened():
    page = Page(to_html(cases.a_run()))
    assert "mlregress: 6 of 14 tests failed" in page.texts
    assert overview(cases.a_run()) in page.texts
    assert "2 of 4 seeds diverged: seed 1: accuracy = nan; seed 3: RuntimeError: boom" in page.texts
    assert "0.9318 → 0.8874" in page.texts
    assert "−0.0444 [−0.0481, −0.0407]" in page.texts


def test_nothing_is_loaded_from_anywhere():
    text = to_html(cases.a_run())
    page = Page(text)
    assert not {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object"}
    links = [
        value for _, attrs in page.elements for k, value in attrs.items() if k in ("src", "href")
    ]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert "@import" not in text


def test_only_its_own_script_and_style_may_run():
    text = to_html(cases.a_run())
    policy = next(a["content"] for tag, a in Page(text).elements if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (source,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'; " in policy
    assert " style=" not in text
    assert not re.search(r"\son[a-z]+=", text)


def test_every_link_has_its_target():
    elements = Page(to_html(cases.a_run())).elements
    targets = {attrs.get("id") for _, attrs in elements}
    assert all(attrs["href"][1:] in targets for tag, attrs in elements if tag == "a")


def test_every_seed_is_a_mark_with_its_value():
    text = to_html(cases.a_run(cases.diverged()))
    assert re.findall(r"<title>(seed \d+: \S+)</title>", text) == [
        *(f"seed {seed}: {value:g}" for seed, value in cases.BASELINE.items()),
        "seed 1: nan",
        "seed 0: 0.93",
        "seed 2: 0.93",
    ]
    strip = text[text.index('<svg class="strip"') :].partition("</svg>")[0]
    assert strip.count("<circle") == 12
    assert strip.count('<path class="lost"') == 1


def test_text_of_the_user_is_never_markup():
    evil = "<script>alert(1)</script>"
    metric = cases.unjudged(VerdictKind.INCOMPARABLE, evil, candidate={0: 1.0}, reasons=(evil,))
    verdict = cases.verdict(VerdictKind.INCOMPARABLE, metric, test=evil, next_steps=(evil,))
    report = cases.a_run(verdict, notes=(evil,), command=evil, settings={evil: evil})
    assert "<script>alert" not in to_html(report)


def test_greens_are_folded_behind_the_reds():
    text = to_html(
        cases.a_run(cases.passed(test="t.py::green"), cases.regression(test="t.py::red"))
    )
    assert text.index("t.py::<wbr>red") < text.index("<summary>1 green</summary>")
    assert text.index("<summary>1 green</summary>") < text.index("t.py::<wbr>green")


def test_the_plot_puts_values_and_the_limit_in_order():
    plot = strip_plot(cases.judged())
    baseline, now = plot.rows
    assert max(dot.x for dot in now.dots) < min(dot.x for dot in baseline.dots)
    assert now.mean < baseline.mean
    start, width = plot.loss
    assert start < LEFT
    assert now.mean < start + width < baseline.mean
    assert all(LEFT <= x <= RIGHT for x, _ in plot.ticks)
    assert [label for _, label in plot.ticks] == ["0.90", "0.92"]


def test_the_loss_of_a_loss_is_on_the_right():
    metric = cases.judged(
        "loss", {0: 0.5, 1: 0.51}, baseline={0: 0.1, 1: 0.11}, higher_is_better=False
    )
    start, width = strip_plot(metric).loss
    assert start + width > RIGHT


@pytest.mark.parametrize(("higher_is_better", "end"), [(True, LEFT), (False, RIGHT)])
def test_a_value_that_is_not_finite_sits_at_the_bad_end(higher_is_better, end):
    metric = cases.judged(candidate={0: float("inf"), 1: 0.93}, higher_is_better=higher_is_better)
    dot = next(dot for dot in strip_plot(metric).rows[1].dots if not dot.finite)
    assert (dot.x, dot.title) == (end, "seed 0: inf")


def test_equal_values_are_drawn_apart():
    metric = cases.unjudged(VerdictKind.RECORDED, candidate=dict.fromkeys(range(6), 0.5))
    heights = [dot.y for dot in strip_plot(metric).rows[1].dots]
    assert len(set(heights)) == 6
    assert max(heights) < AXIS


def test_no_values_no_plot():
    assert strip_plot(cases.unjudged(VerdictKind.NO_BASELINE)) is None


def test_a_q_value_says_what_it_is():
    verdict = cases.passed()
    page = to_html(cases.a_run(verdict, q_values={(verdict.test, "default", "accuracy"): 0.5}))
    assert "(q 0.5)" in page
    assert (
        "q is the expected share of false losses among the comparisons with a q as small." in page
    )


def test_a_test_keeps_its_address():
    runs = (
        cases.a_run(cases.passed(), cases.regression(test="t.py::red[a/b]")),
        cases.a_run(cases.improvement(test="t.py::red[a/b]")),
    )
    pattern = r'id="(test-t-py-red-a-b-[0-9a-f]{8})"'
    first, again = (re.findall(pattern, to_html(run)) for run in runs)
    assert len(first) == 1
    assert first == again


def test_cards_beyond_the_budget_are_compressed_and_their_figures_stay():
    report = cases.a_run()
    page = to_html(report, inline=1)
    assert page.count('class="later"') == 13
    assert page.count('<svg class="strip"') == 1
    assert "Without scripts the plots of 13 tests stay folded" in page
    assert 0 < page.count("0.9318 → 0.9314") < to_html(report).count("0.9318 → 0.9314")


def test_the_column_of_intervals_says_their_confidence():
    page = to_html(cases.a_run(cases.passed(), cases.regression()))
    assert '<th scope="col">difference [98 %]<th scope="col">' in page
    metric = cases.passed().metrics[0]
    other = replace(metric, name="recall", alpha=0.02)
    page = to_html(cases.a_run(replace(cases.passed(), metrics=(metric, other))))
    assert '<th scope="col">difference [interval] (confidence)<th scope="col">' in page
    assert '<span class="soft number">(98 %)</span>' in page
    assert '<span class="soft number">(97 %)</span>' in page
