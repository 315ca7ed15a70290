"""One rule a mistake: findings, chapters, public lists and pages all come from it."""

from __future__ import annotations

import ast
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import pytest_mlregress.bughunt
from pytest_mlregress.bughunt import registry
from pytest_mlregress.bughunt.catalogue import RULES, Rule, Text
from pytest_mlregress.bughunt.catalogue.losses import DOUBLE_SOFTMAX, WRONG_SOFTMAX_DIM
from pytest_mlregress.bughunt.checks import every_check

BUGHUNT = Path(pytest_mlregress.bughunt.__file__).parent
CATALOGUE = "pytest_mlregress.bughunt.catalogue."
CHECKED = {slug: rule for slug, rule in RULES.items() if rule.chapter != "suppressions"}


def rules_in(file: Path) -> set[str]:
    """The slugs of the rules that a file imports."""
    return {
        alias.name.lower().replace("_", "-")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(CATALOGUE)
        for alias in node.names
    } & set(RULES)


def test_every_slug_is_in_one_chapter_that_of_its_rule() -> None:
    places = [(slug, name) for name in every_check.CHAPTERS for slug in every_check.files(name)]
    assert sorted(places) == sorted((slug, rule.chapter) for slug, rule in CHECKED.items())


@pytest.mark.parametrize("chapter", every_check.CHAPTERS)
def test_a_chapter_names_the_files_of_its_mistakes(chapter: str) -> None:
    folder = BUGHUNT / "checks" / chapter
    for slug, names in every_check.files(chapter).items():
        using = {file.stem for file in folder.glob("*.py") if slug in rules_in(file)}
        assert set(names) == using, slug


def test_every_slug_has_a_hunt_check_or_a_guard() -> None:
    every_check.load()
    hunted = {slug for check in registry.select(None) for slug in check.slugs}
    guarded = {slug for slug, rule in CHECKED.items() if rule.guarded}
    assert hunted | guarded == set(CHECKED)
    assert hunted == set(CHECKED)


def test_guards_exist_where_the_catalogue_says_so() -> None:
    guarded = set().union(*map(rules_in, (BUGHUNT / "checks").rglob("*_guard.py")))
    assert guarded == {slug for slug, rule in CHECKED.items() if rule.guarded}


def test_findings_are_built_by_their_rules_alone() -> None:
    built = [
        f"{file.relative_to(BUGHUNT)}:{node.lineno}"
        for file in BUGHUNT.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Finding"
    ]
    assert len(built) == 1, built
    assert built[0].startswith("catalogue/rule.py:")


@pytest.mark.parametrize("rule", CHECKED.values(), ids=CHECKED)
def test_a_rule_says_what_it_is_how_to_repair_it_and_what_is_seen(rule: Rule) -> None:
    for text in (rule.mistake, rule.example, rule.repaired, rule.sees, rule.cannot_see):
        assert text.strip()
    for text in (Text(rule.message, rule.fix), *rule.variants.values()):
        assert not text.message.endswith(".")
        assert not re.search(r"\s{2}", text.message)
        list(string.Formatter().parse(text.message + (text.fix or "")))


def test_a_finding_is_the_text_of_its_rule_with_values() -> None:
    finding = DOUBLE_SOFTMAX.finding(location="a.py:3", evidence="sums to 1", call="softmax")
    assert str(finding).splitlines() == [
        "error: double-softmax at a.py:3",
        "    softmax is applied to the output of a softmax",
        "    evidence: sums to 1",
        "    fix: remove one of the two",
    ]
    loss = WRONG_SOFTMAX_DIM.finding("loss", source="softmax", loss="nll_loss", classes=4)
    assert loss.fix == "apply it along the dimension of the 4 classes"
    with pytest.raises(KeyError, match="loss"):
        WRONG_SOFTMAX_DIM.finding("loss", source="softmax", classes=4)


def test_the_pages_are_those_that_the_catalogue_makes() -> None:
    script = Path(__file__).parents[2] / "docs" / "generate_bughunt.py"
    checked = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert (checked.stdout, checked.returncode) == ("", 0)
