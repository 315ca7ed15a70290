"""What is kept of the imports of seeds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.session.remembered_imports import RememberedImports


class Cache(dict[str, Any]):
    """pytest's cache, of one key."""

    def set(self, key: str, value: object) -> None:
        self[key] = value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "test_it.py"
    path.write_text("x = 1\n")
    return path


def imports(file: Path, cache: Cache | None) -> RememberedImports:
    config: Any = SimpleNamespace(rootpath=file.parent, cache=cache)
    return RememberedImports(config)


def wanted(file: Path, cache: Cache | None) -> list[str]:
    stash = {SEED_ITEM: None}
    item: Any = SimpleNamespace(path=file, stash=stash)
    return list(imports(file, cache).before_fork([item]))


def test_a_changed_file_is_learnt_again(file: Path) -> None:
    cache = Cache()
    before = imports(file, cache)
    before.add(file, ["colorsys", "this"])
    before.add(file, ["this"])
    before.leave_out(["colorsys"])
    before.save()
    assert wanted(file, cache) == ["this"]
    assert wanted(file.with_name("test_other.py"), cache) == []
    file.write_text("x = 2\n")
    assert wanted(file, cache) == []


def test_what_is_known_already_is_not_written_again(file: Path) -> None:
    cache = Cache()
    first = imports(file, cache)
    first.add(file, ["this"])
    first.save()
    cache.set = None  # type: ignore[assignment,method-assign]
    again = imports(file, cache)
    again.add(file, ["this"])
    again.leave_out([])
    again.save()


@pytest.mark.parametrize(
    "stored",
    [None, [], "text", {"files": 3, "left_out": {"a": 1}}, {"files": {"test_it.py": [1, 2, 3]}},
     {"files": {"test_it.py": ["", ["a b", 3]]}, "left_out": [4]}],
)  # fmt: skip
def test_an_odd_cache_is_an_empty_one(file: Path, stored: object) -> None:
    assert wanted(file, Cache({"mlregress/imports": stored})) == []


def test_nothing_is_kept_without_a_cache(file: Path) -> None:
    without = imports(file, None)
    without.add(file, ["this"])
    without.save()
    assert wanted(file, None) == []
