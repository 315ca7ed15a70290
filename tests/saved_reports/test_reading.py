"""Files that are no report are refused with what they are, and what to give instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_mlregress.saved_reports.errors import MergeError, SavedReportError
from pytest_mlregress.saved_reports.finding import files_named
from pytest_mlregress.saved_reports.reading import read_report

OURS = '"generator": {"name": "pytest-mlregress", "version": "0.0.1"}'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty; the job that was to write it has not ended"),
        ('{"schema": 3, "gen', "is no JSON, as if it was cut off: "),
        ("{nonsense}", "is no JSON: "),
        ('{"a": NaN}', "is no JSON: NaN is not JSON"),
        ("[]", "is no report of pytest-mlregress; give a file that --mlregress-report=FILE.json"),
        ('{"schema": 3}', "is no report of pytest-mlregress; "),
        ("[" * 100_000, "is nested too deeply to be a report"),
        (
            f'{{"schema": 1, {OURS}}}',
            "schema 1 is too old, it does not hold what verdicts rest on (this version reads "
            "schema 3); pytest-mlregress 0.0.1 wrote it, run the tests again with this version",
        ),
        (
            f'{{"schema": 2, {OURS}}}',
            "schema 2 is too old, it has other words for how a seed ended (this version reads "
            "schema 3); pytest-mlregress 0.0.1 wrote it, run the tests again with this version",
        ),
        (
            f'{{"schema": 4, {OURS}}}',
            "schema 4 is not known here, only 3; it was written by pytest-mlregress 0.0.1: install "
            "that version",
        ),
    ],
)
def test_what_is_no_report_of_today(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(content, "utf-8")
    with pytest.raises(SavedReportError) as found:
        read_report(file)
    assert str(found.value).startswith(f"{file}: {problem}")


def test_bytes_that_are_no_text_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(SavedReportError, match="is no JSON: it is not text in UTF-8"):
        read_report(file)
    with pytest.raises(SavedReportError, match="cannot be read: No such file"):
        read_report(tmp_path / "b.json")


def test_patterns_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("shard-2.json", "shard-1.json"):
        Path(name).write_text("{}", "utf-8")
    Path("folder").mkdir()
    names = [Path("shard-1.json"), Path("shard-2.json")]
    assert files_named(["shard-*.json"]) == names
    assert files_named(["shard-*.json", "shard-1.json"]) == [*names, names[0]]
    with pytest.raises(MergeError) as found:
        files_named(["none-*.json", "gone.json", "folder"])
    assert found.value.defects == (
        "none-*.json: no file matches; no shard has left a report here",
        "gone.json: there is no such file; its shard has left no report here",
        "folder: is a folder; name the reports in it: folder/shard-*.json",
    )
