"""What is kept of a command line that is known by its words alone."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.baselines.command_line import recorded_command


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("/venv/bin/python -m pytest examples -n 2 -m slow", "pytest examples -m slow"),
        ("/venv/bin/pytest -q tests/test_a.py::test_b[1]", "pytest tests/test_a.py::test_b[1]"),
        ("python -X dev -m pytest -k 'a or b' --lf tests", "pytest -k 'a or b' tests"),
        ("pytest --mlregress-seeds 7 tests", "pytest --mlregress-seeds 7 tests"),
        ("pytest --mlregress-strict tests", "pytest --mlregress-strict tests"),
        ("pytest --mlregress-tier=full -kfast -p no:x", "pytest --mlregress-tier=full -kfast"),
        ("pytest tests --api-token=secret", "pytest tests"),
        ("pytest tests --api-token secret", "pytest tests"),
        ("pytest tests --auth me secret -k fast", "pytest tests -k fast"),
        ("pytest --api-token secret::x.py tests", "pytest"),
        ("pytest --tb=short tests", "pytest tests"),
        ("pytest -o key=secret tests", "pytest tests"),
        ("pytest -k", "pytest -k"),
        ("python train.py --token secret", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_own_options_expressions_and_names_of_tests_are_kept(command: str, kept: str) -> None:
    assert recorded_command(shlex.split(command)) == tuple(shlex.split(kept))


ordinary = st.lists(
    st.sampled_from(["-q", "--lf", "a.py", "-n2", "-kfast", "--tb=short", "--strict"])
)


@given(ordinary, st.sampled_from(["S3CR", "S3CR::a.py", "S3CR/"]), st.integers(1, 3))
def test_no_value_of_a_foreign_option_is_kept(before: list[str], secret: str, many: int) -> None:
    words = [*before, "--token", *([secret] * many), "-q", secret, "-m", "slow"]

    kept = recorded_command(["pytest", *words])

    assert not any("S3CR" in word for word in kept)
    assert kept[-2:] == ("-m", "slow")
