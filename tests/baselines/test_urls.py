"""What of a text is shown: no credentials, no query, no absolute path."""

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.baselines.urls import shareable, shareable_values, without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://bucket/folder", "s3://bucket/folder"),
        ("sftp://me:secret@host/folder", "sftp://host/folder"),
        ("sftp://me:se/cr@et@host/folder", "sftp://host/folder"),
        ("sftp://me:se?cr#et@host/folder", "sftp://host/folder"),
        ("https://token@host/x?key=1&user=a", "https://host/x"),
        ("https://host/x#access_token=1", "https://host/x"),
        ("https://host?key=1", "https://host"),
        ("https://me:pw@host/x?mail=a@b", "https://b"),
        ("zip://a.zip::https://me:pw@host/x", "zip://host/x"),
        ("-k me@home", "-k me@home"),
        ("is it red? see s3://bucket", "is it red? see s3://bucket"),
    ],
)
def test_credentials_and_queries_of_urls_are_left_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


secrets = st.text(
    st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=1, max_size=20
)


@given(secrets, secrets)
def test_no_password_and_no_query_survives(user: str, password: str) -> None:
    text = f"--from=sftp://S3CR{user}:S3CR{password}@host/base?key=S3CR{password} -k fast"

    assert "S3CR" not in without_credentials(text)
    assert without_credentials(text).endswith(" -k fast")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/project/tests/test_a.py::test", "tests/test_a.py::test"),
        ("/home/me/project", "."),
        ("/home/me/data sets/a.csv", ".../a.csv"),
        ("/home/me/projects/x", ".../x"),
        ("C:\\Users\\me\\a.csv", ".../a.csv"),
        ("C:/Users/me/a.csv", ".../a.csv"),
        ("\\\\server\\share\\me\\a.csv", ".../a.csv"),
        ("file:///home/me/base", ".../base"),
        ("--mlregress-report=/home/me/project/out/r.html", "--mlregress-report=out/r.html"),
        ("--mlregress-baseline=/srv/me/base", "--mlregress-baseline=.../base"),
        ("from '/home/me/a.csv', said me", "from '.../a.csv', said me"),
        ("loss and/or accuracy, 1/2, 3 / 4", "loss and/or accuracy, 1/2, 3 / 4"),
        ("tests/sub/test_a.py", "tests/sub/test_a.py"),
        ("s3://bucket/folder/file", "s3://bucket/folder/file"),
        ("https://host:8080/a/b", "https://host:8080/a/b"),
        ("../data/a.csv", "../data/a.csv"),
        ("", ""),
    ],
)
def test_paths_are_relative_to_the_root_or_lose_their_folders(text: str, shown: str) -> None:
    assert shareable(text, PurePosixPath("/home/me/project")) == shown


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    clean = shareable(text, PurePosixPath("/home/me"))

    assert shareable(clean, PurePosixPath("/home/me")) == clean
    assert not re.match(r"/[^/]", clean)


def test_only_texts_among_values_change() -> None:
    values = {"path": "/home/me/a", "lr": 0.1, "flag": True, "none": None}

    assert shareable_values(values) == {"path": ".../a", "lr": 0.1, "flag": True, "none": None}
