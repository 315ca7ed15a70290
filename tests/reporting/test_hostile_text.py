"""Names and messages that hold terminal commands are shown, and never obeyed, everywhere."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from verdict_cases import a_run, regression

from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.json_report import to_json
from pytest_mlregress.reporting.markdown.page import to_markdown
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.summary import summary_table

HOSTILE = "\x1b]0;owned\x07\x9b2J\u202egnp\u2066\u200f\r\x08\x7f"
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def hostile_run() -> RunReport:
    """A run with the text in every place that an artifact or a test can fill."""
    plain = regression()
    metric = replace(
        plain.metrics[0], name=HOSTILE, declared="1%", reasons=(HOSTILE,), notes=(HOSTILE,)
    )
    verdict = replace(
        plain,
        test=f"test_a.py::test[{HOSTILE}]",
        tier=HOSTILE,
        metrics=(metric,),
        seeds=tuple(replace(s, outcome="failed", message=HOSTILE) for s in plain.seeds[:1]),
        reasons=(HOSTILE,),
        notes=(HOSTILE,),
        next_steps=(HOSTILE, f"run it again: pytest {HOSTILE}"),
        environment=(HOSTILE,),
        baseline_commit=HOSTILE,
    )
    return a_run(
        verdict,
        notes=(HOSTILE,),
        command=HOSTILE,
        environment={HOSTILE: HOSTILE},
        settings={HOSTILE: HOSTILE},
    )


@pytest.mark.parametrize("write", [to_html, to_json, to_markdown, summary_table])
def test_no_report_holds_what_a_terminal_obeys(write: Callable[[RunReport], str]) -> None:
    text = write(hostile_run())

    assert not OBEYED.search(html.unescape(text))
    assert "owned" in text


@pytest.mark.parametrize("write", [failure_text, headline])
def test_no_text_of_a_verdict_holds_it(write: Callable[..., str]) -> None:
    (verdict,) = hostile_run().verdicts

    assert not OBEYED.search(write(verdict))


def test_labels_of_a_plot_show_it_too() -> None:
    page = to_html(hostile_run())

    labels = re.findall(r'aria-label="([^"]*)"', page)

    assert "\\x1b]0;owned\\x07\\x9b2J\\u202egnp\\u2066\\u200f \\x08\\x7f by seed" in labels
