"""Text of someone else's file does nothing to a terminal."""

import unicodedata

import pytest
from baseline_examples import example
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.baselines.artifact import Provenance
from pytest_mlregress.baselines.errors import ArtifactError, StoreError
from pytest_mlregress.baselines.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("accuracy", "accuracy"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x9b2J\x90", "\\x9b2J\\x90"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("green\rred\ttwo\nthree", "green red two\nthree"),
        ("\ud800\x7f\x08\u200b", "\\ud800\\x7f\\x08\\u200b"),
        ("精度 µ é ≥ 🔴", "精度 µ é ≥ 🔴"),
        ("", ""),
    ],
)
def test_what_a_terminal_obeys_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(codec=None)))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = visible(text)

    assert visible(shown) == shown
    bad = {unicodedata.category(c) for c in shown if c != "\n"} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not bad


def test_errors_can_be_printed_whatever_they_quote() -> None:
    assert str(ArtifactError("a\x1b.json", "$", "b\u202e", "c\x07")) == (
        "a\\x1b.json: at $: b\\u202e. c\\x07"
    )
    assert str(StoreError("a\x1b", "b", "c")) == "a\\x1b: b. c"


@pytest.mark.parametrize(
    ("commit", "named"),
    [
        ("4f0c2d1", "4f0c2d1"),
        ("a" * 64, "a" * 64),
        ("a" * 65, None),
        ("4f0c2d", None),
        ("4f0c2d1;rm -rf ~", None),
        ("--output=/etc/passwd", None),
        ("$(id)4f0c2d1", None),
        ("4f0c2d1\n", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_hexadecimal_commit_may_stand_in_a_command(
    commit: str | None, named: str | None
) -> None:
    assert Provenance(plugin="0.1.0", time="", commit=commit).named_commit == named
    assert example().provenance.named_commit == "4f0c2d1"
