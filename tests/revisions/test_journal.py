"""What a command has trained so far, on disk."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlregress.revisions.cells.journal import Journal
from pytest_mlregress.revisions.command_error import CommandError

QUESTION = {"command": "bisect", "good": "v1", "bad": "main"}


def file_of(folder: Path) -> Path:
    (file,) = folder.glob("*.jsonl")
    return file


def test_an_interrupted_run_is_gone_on_with(tmp_path: Path) -> None:
    first = Journal.open(tmp_path, QUESTION)
    first.put("9b1d3aa seed 0", {"value": 0.9})
    first.close()
    again = Journal.open(tmp_path, QUESTION)
    assert (again.resumed, again.get("9b1d3aa seed 0")) == (1, {"value": 0.9})


def test_an_answered_question_leaves_no_file(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, QUESTION)
    journal.put("key", {})
    journal.finish()
    assert list(tmp_path.glob("*.jsonl")) == []
    assert Journal.open(tmp_path, QUESTION).resumed == 0


def test_another_question_knows_nothing_of_it(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, QUESTION)
    journal.put("key", {})
    journal.close()
    assert Journal.open(tmp_path, {**QUESTION, "bad": "dev"}).resumed == 0


def test_fresh_forgets_what_was_kept(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, QUESTION)
    journal.put("key", {})
    journal.close()
    assert Journal.open(tmp_path, QUESTION, fresh=True).get("key") is None


@settings(max_examples=30, deadline=None)  # each syncs four lines to the disk
@given(cut=st.integers(min_value=0, max_value=200))
def test_a_kill_at_any_byte_loses_the_last_seed_at_most(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal.open(folder, QUESTION)
    for seed in range(3):
        journal.put(f"seed {seed}", {"value": seed})
    journal.close()
    content = file_of(folder).read_bytes()
    kept = content[: max(0, len(content) - cut)]
    file_of(folder).write_bytes(kept)
    again = Journal.open(folder, QUESTION)
    whole = [line for line in content.splitlines(keepends=True)[1:] if line in kept]
    if kept.startswith(content.splitlines()[0]):
        assert len(whole) <= again.resumed <= len(whole) + 1  # a line may lack its newline alone
    again.put("seed 3", {"value": 3})
    again.close()
    lines = file_of(folder).read_text().splitlines()
    assert [json.loads(line) for line in lines]  # no torn line stays inside
    last = Journal.open(folder, QUESTION)
    assert last.get("seed 3") == {"value": 3}
    last.close()


def test_the_same_command_does_not_run_twice_at_once(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, QUESTION)
    with pytest.raises(CommandError) as refused:
        Journal.open(tmp_path, QUESTION)
    assert str(refused.value) == (
        "the same command is running already; wait for it, or stop it and run this again: it "
        "goes on where that one was"
    )
    journal.close()
    Journal.open(tmp_path, QUESTION).close()


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    journal = Journal.open(None, QUESTION)
    journal.put("key", {"value": 1})
    assert journal.get("key") == {"value": 1}
    journal.finish()
    assert list(tmp_path.iterdir()) == []
