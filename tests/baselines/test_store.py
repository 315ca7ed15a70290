"""The store that a user's word names."""

from pathlib import Path

import pytest
from baseline_examples import KEY

from pytest_mlregress.baselines.fsspec_store import RemoteStore
from pytest_mlregress.baselines.git_store import GitStore
from pytest_mlregress.baselines.store import Store, open_store

FILE = "test_digits/test_digits.full.json"


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (None, "ROOT/tests/__baselines__"),
        ("shared", "ROOT/shared/tests"),
        ("../shared", "ROOT/../shared/tests"),
        ("/srv/baselines", "/srv/baselines/tests"),
        ("file:///srv/base%20lines", "/srv/base lines/tests"),
        ("~/baselines", "HOME/baselines/tests"),
    ],
)
def test_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str | None, place: str
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    store = open_store(source, rootdir=tmp_path)

    expected = place.replace("ROOT", str(tmp_path)).replace("HOME", "/home/someone")
    assert store.describe(KEY) == f"{expected}/{FILE}"
    assert store.writable


def test_a_git_ref(repository: Path) -> None:
    store: Store = open_store("git:main", rootdir=repository)

    assert isinstance(store, GitStore)
    assert not store.writable


def test_a_url(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")

    assert isinstance(open_store("memory://models", rootdir=tmp_path), RemoteStore)
