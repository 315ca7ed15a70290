"""Whatever a user's texts hold, they never become a tag, an attribute or a script of the page."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from verdict_cases import a_run, judged

from pytest_mlregress.baselines.artifact import (
    Anchor,
    Artifact,
    LedgerEntry,
    MetricBaseline,
    Provenance,
)
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.verdicts.since import Since
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

ATTACKS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "</title></pre></td></tr></table></details><iframe>",
    "<!--",
    "<!--head-->",
    "-->",
    "]]><svg onload=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&#60;",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "\u202egnp.exe\u2066",
    "null\x00byte",
    "\ud800 lone",
    "x" * 10_000,
    "<" * 10_000,
    "a\nb\r\nc\u2028d",
)
_TAGS = """
html head meta title style body header h1 h2 h3 h4 dl div dt dd code span details summary ul li main
input label section p fieldset legend output noscript table caption thead tbody tr th td a wbr svg
path rect circle button g polyline text figure figcaption b pre script
"""
_ATTRIBUTES = """
lang charset name content http-equiv class id type checked for placeholder aria-label autocomplete
spellcheck colspan data-label data-card href open title role viewbox width height x y d cx
cy r points transform text-anchor scope preserveaspectratio hidden
data-steps data-values data-other data-seed data-logarithmic
"""
TAGS = frozenset(_TAGS.split())
ATTRIBUTES = frozenset(_ATTRIBUTES.split())

texts = st.sampled_from(ATTACKS) | st.text(
    st.characters(exclude_categories=()) | st.sampled_from("<>\"'&/-!{}% \n"), max_size=40
)
few = settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)


class Page(HTMLParser):
    """All tags, attributes and texts, with those of its compressed cards."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.comments: list[str] = []
        self.scripts: list[tuple[str, str]] = []
        self._type: str | None = None
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self._type = dict(attrs).get("type", "") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self._type = None

    def handle_data(self, data: str) -> None:
        if self._type is not None:
            self.scripts.append((self._type, data))
        else:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def cards_of(page: Page) -> list[str]:
    """The compressed cards, put together as the page's script does."""
    found = []
    for kind, text in page.scripts:
        if kind == "application/octet-stream":
            document = json.loads(zlib.decompress(base64.b85decode(text.replace(",", "<"))))
            for position, order in enumerate(document["order"]):
                sections = document["sections"]
                found.append("".join(sections[name][position] for name in order))
    return found


def a_baseline(text: str) -> Artifact:
    """With the text wherever an artifact can hold one."""
    provenance = Provenance(plugin="0", time=text, commit=text)
    metrics = {
        text: MetricBaseline(higher_is_better=True, values={0: 0.9, 1: 0.91, 2: 0.92}),
        "other": MetricBaseline(higher_is_better=False, values={0: 1.0, 1: 2.0}),
    }
    entry = LedgerEntry(
        revision=text,
        commit=text,
        time=text,
        effects={text: -0.01, "other": 0.1},
        reason=text,
    )
    return Artifact(
        test=text,
        tier=text,
        metrics=metrics,
        provenance=provenance,
        anchor={text: Anchor(values={0: 0.9, 1: 0.93}, commit=text, time=text)},
        ledger=(entry,),
        curves={text: {0: ((0, 1.0), (1, 0.5)), 1: ((0, 1.1), (1, 0.6))}},
        params={text: text, "lr": 0.1},
        data={text: text},
    )


def a_verdict(text: str, colour: Colour, **fields: Any) -> Verdict:
    """With the text wherever a test or its baseline can fill one."""
    kind = VerdictKind.DIVERGED if colour is Colour.RED else VerdictKind.PASS
    metric = judged(text, kind=kind, reasons=(text,), notes=(text,))
    seeds = tuple(
        SeedResult(
            seed,
            "failed" if seed == 1 else "finished",
            (RecordedMetric(text, 0.88 + seed / 100, True),),
            curves={text: ((0, 1.0), (1, float("nan")), (5, 2.0 + seed))},
            params={text: text, "lr": 0.1 * seed, "list": text},
            data={text: text + "x"},
            message=text,
            captured=text,
            traceback=text,
        )
        for seed in range(3)
    )
    return Verdict(
        **{
            "test": text,
            "tier": text,
            "kind": kind,
            "colour": colour,
            "metrics": (metric,),
            "seeds": seeds,
            "planned": (0, 1, 2),
            "selected": (0, 1, 2),
            "decided_after": 3,
            "reasons": (text,),
            "notes": (text,),
            "next_steps": (text,),
            "environment": (text,),
            "baseline_commit": text,
            "since": Since(text, text, 2, (text,), text),
        }
        | fields
    )


def a_report(text: str) -> RunReport:
    verdicts = (a_verdict(text, Colour.RED), a_verdict(text, Colour.GREEN, tier="other"))
    return a_run(
        *verdicts,
        notes=(text,),
        command=text,
        started=text,
        version=text,
        settings={text: text},
        environment={text: text},
        machine=text,
        code=WorkingTree(commit=text, branch=text, dirty=True, diff_hash=text, changed=(text,)),
        baselines={(v.test, v.tier): a_baseline(text) for v in verdicts},
    )


def check(page: Page) -> None:
    assert page.tags <= TAGS, page.tags - TAGS
    assert page.attributes <= ATTRIBUTES, page.attributes - ATTRIBUTES
    assert all(link.startswith("#test-") for link in page.links)
    assert not page.comments


@few
@given(texts, st.sampled_from([1, 10**9]))
@example("<!--head-->", 1)
def test_no_text_becomes_markup(text: str, inline: int) -> None:
    page = Page(to_html(a_report(text), inline=inline))
    check(page)
    cards = cards_of(page)
    assert len(cards) == (1 if inline == 1 else 0)
    for card in cards:
        inside = Page(card)
        check(inside)
        assert not inside.scripts
        assert not {"script", "style", "meta"} & inside.tags


@pytest.mark.parametrize("text", ATTACKS)
def test_the_only_script_is_the_page_s_own(text: str) -> None:
    plain, hostile = (
        [source for kind, source in Page(to_html(a_report(each))).scripts if not kind]
        for each in ("plain", text)
    )
    assert plain == hostile
    assert len(plain) == 1


@few
@given(texts)
def test_a_page_can_be_written_and_has_no_control_characters(text: str) -> None:
    page = to_html(a_report(text))
    page.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u2028\u202a-\u202e\u2066-\u2069]", page)


def test_the_text_is_there_to_be_read() -> None:
    page = Page(to_html(a_report("</td><b>name</b>")))
    assert any("</td><b>name</b>" in text for text in page.texts)


def test_a_long_name_keeps_its_ends() -> None:
    name = "tests/test_a.py::test[" + "x" * 10_000 + "-last]"
    page = to_html(a_run(a_verdict(name, Colour.RED)), inline=10**9)
    assert "-last]" in page
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert max(map(len, headings)) < 2_000
