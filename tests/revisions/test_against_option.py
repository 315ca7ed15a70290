"""The grammar of --mlregress-against."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.revisions.against import Against, parse_against
from pytest_mlregress.settings import SettingError

OPTION = "--mlregress-against"
FORMS = (
    "expected REF (a branch, tag or commit; its merge base with HEAD is the base), tip:REF, "
    "own-tests:REF, env:PYTHON, or a ref and an environment: REF,env:PYTHON"
)


@pytest.mark.parametrize(
    ("text", "ref", "tip", "own_tests", "python"),
    [
        ("main", "main", False, False, None),
        ("origin/main", "origin/main", False, False, None),
        ("v1.2", "v1.2", False, False, None),
        ("HEAD~3", "HEAD~3", False, False, None),
        ("HEAD^2~1", "HEAD^2~1", False, False, None),
        ("4041c47", "4041c47", False, False, None),
        ("@{2 days ago}", "@{2 days ago}", False, False, None),
        ("idée/naïve", "idée/naïve", False, False, None),
        ("tip:main", "main", True, False, None),
        ("own-tests:main", "main", False, True, None),
        ("tip:own-tests:main", "main", True, True, None),
        ("own-tests:tip:main", "main", True, True, None),
        ("env:.venv/bin/python", None, False, False, ".venv/bin/python"),
        (r"env:C:\old env\python.exe", None, False, False, r"C:\old env\python.exe"),
        ("main,env:/opt/old", "main", False, False, "/opt/old"),
        ("env:/opt/old, tip:main", "main", True, False, "/opt/old"),
    ],
)
def test_the_forms(text: str, ref: str, tip: bool, own_tests: bool, python: str) -> None:
    assert parse_against(OPTION, text) == Against(ref, tip, own_tests, python, text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it has an empty part"),
        ("main,", "it has an empty part"),
        ("main,,env:x", "it has an empty part"),
        ("main,v1", "it names two refs, main and v1"),
        ("env:a,env:b", "it names two environments, a and b"),
        ("env:", "env: names no interpreter"),
        ("tip:", "it names no ref"),
        ("tip:tip:main", "it has tip: twice"),
        ("tag:v1", "tag: is no known prefix, and no ref has a colon"),
        ("tip:HEAD:model.py", "HEAD: is no known prefix, and no ref has a colon"),
        ("main..idea", "main..idea is a range, and the base is one commit"),
        ("main...idea", "main...idea is a range, and the base is one commit"),
        ("--foo", "a ref cannot start with -; write refs/heads/--foo for a branch"),
        ("^main", "a ref cannot start with ^; write refs/heads/^main for a branch"),
        ("my branch", "'my branch' is no name of a commit"),
        ("main*", "'main*' is no name of a commit"),
        ("ma\nin", r"'ma\nin' is no name of a commit"),
    ],
)
def test_other_forms_are_refused_with_the_accepted_ones(text: str, problem: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_against(OPTION, text)
    assert str(caught.value) == f"{OPTION}: {text!r}: {problem}; {FORMS}"


@given(st.text(st.sampled_from("maintip:own-tesv,@{}~^. /\\\0é"), max_size=30))
def test_any_text_is_a_comparison_or_an_error_that_names_it(text: str) -> None:
    problem = ""
    try:
        against = parse_against(OPTION, text)
    except SettingError as error:
        problem = str(error)
    if problem:
        assert repr(text) in problem
    else:
        assert against.text == text
        assert against.ref or against.python
        assert not (against.ref or "").startswith("-")
