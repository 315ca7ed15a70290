"""A history at a URL: one object per run, and nothing lost."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from history_cases import run

from pytest_mlregress.history.errors import HistoryError
from pytest_mlregress.history.place import RunHistory, open_history
from s3_server import BUCKET


def history(url: str, folder: Path) -> RunHistory:
    found = open_history(url, folder)
    assert found is not None
    return found


def test_each_run_is_an_object_and_every_reader_sees_all(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    one, other = history(url, tmp_path / "one"), history(url, tmp_path / "other")
    one.append((run(1),))
    other.append((run(2, baselines={"0123456789abcdef": {"schema": 3}}),))
    names = sorted(path.name for path in (tmp_path / "shared/runs").iterdir())
    assert names == [f"2026030{n}100000-{n:032x}.jsonl" for n in (1, 2)]
    for reader in ("one", "other", "third"):
        found = history(url, tmp_path / reader)
        assert [record.id for record in found.read()] == [f"{n:032x}" for n in (1, 2)]
        assert found.baseline("0123456789abcdef") == {"schema": 3}


def test_a_later_look_fetches_what_is_new_alone(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    history(url, tmp_path).append((run(1),))
    assert len(history(url, tmp_path).read()) == 1
    (object_,) = (tmp_path / "shared/runs").iterdir()
    object_.write_text("no longer read")
    history(url, tmp_path).append((run(2),))
    assert len(history(url, tmp_path).read()) == 2


def test_nothing_there_is_no_run(tmp_path: Path) -> None:
    assert history(f"file://{tmp_path}/nothing", tmp_path).read() == ()


def test_an_object_that_is_no_run_is_named(tmp_path: Path) -> None:
    runs = tmp_path / "shared/runs"
    runs.mkdir(parents=True)
    (runs / "20260301-0a.jsonl").write_text("{}")
    with pytest.raises(HistoryError, match=r"shared/runs/20260301-0a.jsonl: is no run of pytest-"):
        history(f"file://{tmp_path}/shared", tmp_path).read()


def test_credentials_are_in_no_message(tmp_path: Path) -> None:
    with pytest.raises(HistoryError) as error:
        history("nosuch://user:secret@host/history", tmp_path).read()
    assert "secret" not in str(error.value)


@pytest.mark.usefixtures("s3")
def test_an_s3_bucket(tmp_path: Path) -> None:
    bucket = f"s3://{BUCKET}/suite"
    writers = [
        threading.Thread(target=history(bucket, tmp_path).append, args=((run(number),),))
        for number in range(1, 9)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(history(bucket, tmp_path / "reader").read()) == 8
