"""Trained seeds are found again exactly as long as nothing that they read has changed."""

from __future__ import annotations

import gzip
import json
import math
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.revisions.cache_entry import (
    CachedSeed,
    EntryError,
    SeedKey,
    bytes_of_entry,
    entry_in,
)
from pytest_mlregress.revisions.entry_store import FolderEntries, UrlEntries, entries_at
from pytest_mlregress.revisions.seed_cache import MOST_ENTRIES, SeedCache
from pytest_mlregress.running.reads import (
    ABSENT,
    Reads,
    file_digest,
    listing_digest,
    variable_digest,
)
from pytest_mlregress.running.result import RecordedMetric, SeedResult

KEY = SeedKey("tests/test_a.py::test_a", "default", 3, "settings")
MACHINE = "machine"


NOTHING = Reads()


def seed(value: float = 0.9, reads: Reads = NOTHING, **packages: str) -> CachedSeed:
    metric = RecordedMetric("accuracy", value, higher_is_better=True)
    result = SeedResult(3, "finished", (metric,), {"loss": ((0, 1.5), (1, math.inf))})
    return CachedSeed(result.to_builtins(), {"python": "3"}, (), reads, packages, MACHINE)


def bits(cached: CachedSeed) -> bytes:
    return struct.pack(">d", cached.result["metrics"][0]["value"])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "data").mkdir(parents=True)
    (folder / "model.py").write_text("lr = 0.1\n")
    (folder / "data" / "a.csv").write_text("1\n")
    return folder


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path: Path, said: list[str]) -> SeedCache:
    return SeedCache(FolderEntries(tmp_path / "cache"), said.append)


def reads_in(checkout: Path) -> Reads:
    return Reads(
        files={"model.py": file_digest(checkout / "model.py"), "out.npz": ABSENT},
        listings={"data": listing_digest(checkout / "data")},
        absent=("numpy",),
    )


def test_a_seed_is_found_while_nothing_has_changed(
    cache: SeedCache, checkout: Path, said: list[str]
) -> None:
    cache.store(KEY, seed(reads=reads_in(checkout)))
    found = cache.lookup(KEY, checkout, MACHINE)
    assert found is not None
    assert SeedResult.from_builtins(found.result).curves["loss"][1] == (1, math.inf)
    assert cache.lookup(replace(KEY, seed=4), checkout, MACHINE) is None
    assert cache.lookup(replace(KEY, settings="other"), checkout, MACHINE) is None
    assert cache.lookup(KEY, checkout, "another machine") is None
    assert said == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda top: (top / "model.py").write_text("lr = 0.2\n"), "model.py has changed"),
        (lambda top: (top / "model.py").unlink(), "model.py is gone"),
        (lambda top: (top / "out.npz").write_text(""), "out.npz has been added"),
        (
            lambda top: (top / "data" / "b.csv").write_text(""),
            "the names in the folder data have changed",
        ),
        (lambda top: (top / "numpy.py").write_text(""), "numpy.py has been added"),
    ],
)
def test_any_change_of_what_was_read_is_named(
    cache: SeedCache, checkout: Path, change: Callable[[Path], object], words: str
) -> None:
    reads = reads_in(checkout)
    cache.store(KEY, seed(reads=reads))
    change(checkout)
    assert reads.change_in(checkout) == words
    assert cache.lookup(KEY, checkout, MACHINE) is None


def test_a_run_takes_nothing_that_it_trained_itself(cache: SeedCache, checkout: Path) -> None:
    cache.store(KEY, replace(seed(), run="first"))
    assert cache.lookup(KEY, checkout, MACHINE, run="first") is None
    assert cache.lookup(KEY, checkout, MACHINE, run="second") is not None
    cache.store(KEY, replace(seed(), run="second"))  # equal, and no further entry
    assert cache.lookup(KEY, checkout, MACHINE, run="second") is not None


def test_a_variable_is_compared_with_that_of_this_process(
    cache: SeedCache, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(variables={"SCALE": variable_digest("1"), "UNSET": ABSENT})
    cache.store(KEY, seed(reads=reads))
    monkeypatch.setenv("SCALE", "1")
    assert cache.lookup(KEY, checkout, MACHINE) is not None
    monkeypatch.setenv("UNSET", "")
    assert reads.change_in(checkout) == "the environment variable UNSET has changed"
    assert cache.lookup(KEY, checkout, MACHINE) is None


def test_other_files_change_nothing(cache: SeedCache, checkout: Path) -> None:
    cache.store(KEY, seed(reads=reads_in(checkout)))
    (checkout / "README.md").write_text("words")
    (checkout / "data" / "__pycache__").mkdir()
    assert cache.lookup(KEY, checkout, MACHINE) is not None


@pytest.mark.parametrize(
    ("installed", "found"), [({"torch": "2.1"}, True), ({"torch": "2.2"}, False), ({}, False)]
)
def test_packages_are_compared_with_those_installed(
    cache: SeedCache,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: dict[str, str],
    found: bool,
) -> None:
    cache.store(KEY, seed(torch="2.1"))
    monkeypatch.setattr("pytest_mlregress.revisions.seed_cache.installed_version", installed.get)
    assert (cache.lookup(KEY, checkout, MACHINE) is not None) == found


def test_several_states_are_kept_and_the_oldest_go(cache: SeedCache, checkout: Path) -> None:
    model = checkout / "model.py"
    for step in range(MOST_ENTRIES + 2):
        model.write_text(f"lr = {step}\n")
        cache.store(KEY, seed(step, reads_in(checkout)))
        cache.store(KEY, seed(step, reads_in(checkout)))  # the same again takes no place
    for step, kept in ((0, False), (1, False), (2, True), (MOST_ENTRIES + 1, True)):
        model.write_text(f"lr = {step}\n")
        found = cache.lookup(KEY, checkout, MACHINE)
        assert (found is not None) == kept
        assert found is None or found.result["metrics"][0]["value"] == step


@pytest.mark.parametrize(
    "cached",
    [
        seed(reads=Reads(unseen=("connects to example.org",))),
        replace(seed(), result=SeedResult(3, "failed").to_builtins()),
    ],
)
def test_what_was_not_seen_or_did_not_pass_is_not_kept(
    cache: SeedCache, tmp_path: Path, cached: CachedSeed
) -> None:
    cache.store(KEY, cached)
    assert not (tmp_path / "cache").exists()


def edited(content: bytes) -> bytes:
    record = json.loads(gzip.decompress(content))
    record["content"] = record["content"].replace("0.9", "0.8")
    return gzip.compress(json.dumps(record).encode())


def of_version(content: bytes, **other: Any) -> bytes:
    import hashlib

    document = {**json.loads(json.loads(gzip.decompress(content))["content"]), **other}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    sealed = {"content": text, "digest": hashlib.sha256(text.encode()).hexdigest()}
    return gzip.compress(json.dumps(sealed).encode())


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda content: content[:-20], "it is truncated"),
        (lambda content: b"", "it is truncated"),
        (lambda content: b"garbage", "it is not an entry"),
        (edited, "its content was changed"),
        (lambda c: of_version(c, plugin="9.9"), "it was written by pytest-mlregress 9.9"),
        (lambda c: of_version(c, key=["x", "y", 3, "z"]), "it is the entry of another seed"),
        (lambda c: of_version(c, reads=3), "it is not an entry: TypeError*"),
    ],
)
def test_a_damaged_or_foreign_entry_is_ignored_with_one_warning(
    cache: SeedCache,
    checkout: Path,
    tmp_path: Path,
    said: list[str],
    damage: Callable[[bytes], bytes],
    problem: str,
) -> None:
    cache.store(KEY, seed())
    (file,) = (tmp_path / "cache").rglob("*.json.gz")
    file.write_bytes(damage(file.read_bytes()))
    assert cache.lookup(KEY, checkout, MACHINE) is None
    assert cache.lookup(KEY, checkout, MACHINE) is None
    (warning,) = said
    assert warning.startswith(f"cache: {file} is not used: {problem.rstrip('*')}")
    assert warning.endswith("delete it to be rid of this")


def test_a_place_that_cannot_be_written_is_told_once(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "file").write_text("")
    cache = SeedCache(FolderEntries(tmp_path / "file" / "cache"), said.append)
    cache.store(KEY, seed())
    cache.store(KEY, seed())
    (warning,) = said
    assert warning.startswith("cache: ")
    assert warning.endswith("this run goes on without it")


def test_a_url_keeps_seeds_and_names_no_credentials(checkout: Path, said: list[str]) -> None:
    pytest.importorskip("fsspec")
    entries = UrlEntries("memory://seeds")
    cache = SeedCache(entries, said.append)
    assert cache.lookup(KEY, checkout, MACHINE) is None
    cache.store(KEY, seed())
    assert cache.lookup(KEY, checkout, MACHINE) is not None
    assert said == []
    shown = UrlEntries("s3://me:secret@bucket/seeds").shown("group", "name")
    assert shown == "s3://bucket/seeds/group/name"
    unknown = SeedCache(entries_at("s4://me:secret@bucket"), said.append)
    assert unknown.lookup(KEY, checkout, MACHINE) is None
    assert "secret" not in said[0]
    assert "s3" in said[0]
    with pytest.raises(StoreError):
        UrlEntries("s4://bucket").names("group")


texts = st.text(max_size=8)
by_path = st.dictionaries(texts, texts, max_size=3)
manifests = st.builds(
    Reads,
    files=by_path,
    listings=by_path,
    absent=st.lists(texts, max_size=3, unique=True).map(lambda names: tuple(sorted(names))),
    unseen=st.lists(texts, max_size=2).map(tuple),
    variables=by_path,
)


@given(reads=manifests, value=st.floats(), packages=by_path)
def test_every_entry_is_read_back_bit_for_bit(
    reads: Reads, value: float, packages: dict[str, str]
) -> None:
    cached = replace(seed(value, reads), packages=packages)
    back = entry_in(bytes_of_entry(KEY, cached), KEY)
    assert (back.reads, back.packages) == (reads, packages)
    assert bits(back) == bits(cached)


@given(st.binary(max_size=60))
def test_no_bytes_are_trusted_or_end_a_run(content: bytes) -> None:
    with pytest.raises(EntryError):
        entry_in(content, KEY)
