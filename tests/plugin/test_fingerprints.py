"""`mlregress.fingerprint`: the same hash for the same data, however they are handed over."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_suite import Suite

from pytest_mlregress.running.fingerprints import fingerprint


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    path.write_bytes(b"a,b\r\n1,2\n")
    return path


def test_a_path_is_its_content_as_text_too(file: Path) -> None:
    before = fingerprint(file)
    assert fingerprint(str(file)) == before
    file.write_bytes(b"a,b\r\n1,3\n")
    assert fingerprint(file) != before
    assert fingerprint(str(file)) == fingerprint(file)


def test_a_folder_is_its_files(file: Path) -> None:
    before = fingerprint(str(file.parent))
    assert fingerprint(file.parent) == before
    (file.parent / "more.csv").write_bytes(b"")
    assert fingerprint(file.parent) != before


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_an_open_file_is_as_its_path_and_stays_where_it_was(file: Path, mode: str) -> None:
    with file.open(mode) as stream:
        first = stream.readline()
        assert fingerprint(stream) == fingerprint(file)
        assert stream.readline() == ("1,2\n" if isinstance(first, str) else b"1,2\n")


def test_a_file_in_memory_is_its_content() -> None:
    assert fingerprint(io.BytesIO(b"1,2")) == fingerprint(io.BytesIO(b"1,2"))
    assert fingerprint(io.BytesIO(b"1,2")) != fingerprint(io.BytesIO(b"1,3"))
    assert fingerprint(io.StringIO("1,2")) == fingerprint("1,2")


@pytest.mark.parametrize("text", ["", "no such file.csv", "x" * 5000, "a\0b"])
def test_other_text_is_itself(text: str) -> None:
    assert fingerprint(text) == fingerprint(text)
    assert fingerprint(text) != fingerprint(text + "!")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.arange(4), np.arange(4).astype(np.int32)),
        (np.arange(4), np.arange(4).reshape(2, 2)),
        ({"a": [1]}, {"a": ["1"]}),
        ([1, [2]], [1, 2]),
    ],
)
def test_other_data_have_another_hash(one: Any, other: Any) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_the_layout_in_memory_does_not_matter() -> None:
    array = np.arange(6).reshape(2, 3)
    assert fingerprint(array.T.copy()) == fingerprint(array.T)


def test_data_without_stable_bytes_are_refused_by_name(suite: Suite) -> None:
    suite.write(
        """
        from pathlib import Path

        def test_object(mlregress):
            mlregress.fingerprint("train", object())

        def test_missing(mlregress):
            mlregress.fingerprint("train", Path("missing.csv"))
        """
    )
    suite.run("--mlregress-seeds=1").stdout.fnmatch_lines(
        [
            "E       *.RecordError: test_training.py::test_object: fingerprint 'train' in seed 0: "
            "cannot fingerprint a object: pass an array, a tensor, a table of pandas, polars, "
            "Arrow or Hugging Face, bytes, text, a path, an open file, or a list or mapping of "
            "these",
            "test_training.py:5: RecordError",
            "E       *.RecordError: test_training.py::test_missing: fingerprint 'train' in seed 0: "
            "[[]Errno 2[]] No such file or directory: 'missing.csv'",
            "test_training.py:8: RecordError",
        ]
    )
