"""Every link of the documentation leads somewhere, and every option that it names exists."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pages import REPOSITORY, anchors_of, pages

from pytest_mlregress.options import DATA_FRACTION, OPTIONS


def links_of(page: Path) -> list[str]:
    """The targets of a page's links and pictures."""
    found: list[str] = []

    def walk(tokens: list[Token]) -> None:
        for token in tokens:
            found.extend(str(token.attrs[name]) for name in ("href", "src") if name in token.attrs)
            walk(token.children or [])

    walk(MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in links_of(page):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("https", "mailto"), link
            continue
        target = page if not parts.path else (page.parent / unquote(parts.path)).resolve()
        if not target.exists():
            broken.append(f"{link}: no such file")
        elif parts.fragment and parts.fragment not in anchors_of(target):
            broken.append(f"{link}: no such heading")
    assert not broken, f"{page.relative_to(REPOSITORY)}: {broken}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    known = {option.flag for option in (*OPTIONS, DATA_FRACTION)}
    named = set(re.findall(r"--mlregress-[a-z][a-z-]*[a-z]", page.read_text(encoding="utf-8")))
    assert named <= known, sorted(named - known)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"([\w/-]+\.md)", navigation.partition("\nnav:")[2]))
    docs = REPOSITORY / "docs"
    there = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}
    assert listed == there
