"""Text fits into its columns, counted in terminal cells."""

import pytest

from pytest_mlregress.reporting.text_layout import (
    clip,
    clip_words,
    encodable,
    one_line,
    pad,
    shorten,
    wrap,
    wrap_command,
)


def test_wrapping_indents_the_lines_after_the_first():
    assert wrap("one two three four", 13, first="why  ") == [
        "why  one two",
        "     three",
        "     four",
    ]


def test_a_word_longer_than_the_line_has_one_of_its_own():
    assert wrap("a " + "x" * 12 + " b", 6) == ["a", "x" * 12, "b"]
    assert wrap("in tests/test_digits.py", 22, first="why   ") == [
        "why   in",
        "tests/test_digits.py",
    ]
    assert wrap("a/b/test_c.py", 10, first="why   ") == ["why", "a/b/test_c.py"]


def test_a_clipped_text_ends_after_a_word():
    assert clip_words("one two three", 13) == "one two three"
    assert clip_words("one two three", 12) == "one two ..."
    assert clip_words("x" * 12 + " y", 6) == "x" * 12


def test_wide_characters_take_two_cells():
    assert wrap("模型 精度 下降", 6) == ["模型", "精度", "下降"]
    assert pad("模型", 6) == "模型  "
    assert clip("模型精度", 7) == "模型..."


def test_an_indent_that_would_fill_the_line_gives_way():
    assert wrap("one two", 12, first="wide label: ") == ["wide label:", "  one two"]


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("tests/test_digits.py::test_digits[adam]", 24, "tests/te..._digits[adam]"),
        ("short", 24, "short"),
        ("abcdef", 4, "abcd"),
    ],
)
def test_ids_lose_their_middle(text, width, short):
    assert shorten(text, width) == short


def test_control_characters_are_made_visible():
    assert one_line("a\tb\nc \x1b[31mred \u202eevil \udc80") == (
        r"a b c \x1b[31mred \u202eevil \udc80"
    )


def test_what_an_encoding_lacks_is_escaped():
    assert encodable("→ é", "ascii") == r"\u2192 \xe9"
    assert encodable("→ é", "latin-1") == r"\u2192 é"
    assert encodable("→", "no-such-encoding") == r"\u2192"


def test_a_command_is_continued_between_the_words_of_a_shell():
    command = "pytest 'test_a.py::test[two words and a very long name]' --lf --mlregress-update"
    assert wrap_command(command, 40, first="next  ", rest="        ") == [
        "next  pytest \\",
        "'test_a.py::test[two words and a very long name]' \\",
        "        --lf --mlregress-update",
    ]
