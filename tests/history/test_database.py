"""The database of past runs: many writers, kills, and files that are none of ours."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
from history_cases import run
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlregress.history import database, rows, schema
from pytest_mlregress.history.database import BUSY_TIMEOUT_S, Database
from pytest_mlregress.history.documents import DocumentError, dumps, loads
from pytest_mlregress.history.errors import HistoryError
from pytest_mlregress.history.records import RunRecord

ROOT = Path(__file__).parents[2]

WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from history_cases import run
    from pytest_mlregress.history.database import Database

    history = Database(Path(sys.argv[1]), busy_timeout_s=60.0)
    first, number = int(sys.argv[2]), int(sys.argv[3])
    print("ready", flush=True)
    for at in range(first, first + number):
        history.append([run(1 + at % 28, id=f"{at:032x}")])
    """
)


def writer(path: Path, first: int, number: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests/history'}"}
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(number)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


@pytest.fixture
def history(tmp_path: Path) -> Database:
    return Database(tmp_path / "history.sqlite")


def test_what_is_appended_is_read_again_whole(history: Database) -> None:
    runs = [run(2, baselines={"0123456789abcdef": {"schema": 3}}), run(1, 0.88)]
    assert history.append(runs) == 2
    found = history.read()
    assert found == (runs[1], replace(runs[0], baselines={}))
    assert history.baseline("0123456789abcdef") == {"schema": 3}
    assert history.baseline("unknown") is None


def test_non_finite_values_keep_their_kind(history: Database) -> None:
    nan, inf = float("nan"), float("inf")
    odd = run(1, metric={"values": {0: nan, 1: inf, 2: -inf}, "mean": nan, "margin": inf})
    history.append([odd])
    (found,) = history.read()
    assert dumps(found) == dumps(odd)


def test_the_same_run_twice_is_one(history: Database) -> None:
    assert history.append([run(1)]) == 1
    assert history.append([run(1), run(2)]) == 1
    assert len(history.read()) == 2


def test_a_selection_by_test_and_time(history: Database) -> None:
    other = run(3, test={"test": "tests/test_other.py::test_it"})
    history.append([run(1), run(2), other])
    assert [one.time[:10] for one in history.read(test="test_fit")] == ["2026-03-01", "2026-03-02"]
    assert history.read(since="2026-03-03T00:00:00Z") == (other,)
    assert history.read(test="nothing") == ()


def test_without_a_file_there_are_no_runs_and_none_is_made(history: Database) -> None:
    assert history.read() == ()
    assert not Path(history.place).exists()


def test_eight_processes_that_append_at_once_lose_nothing(history: Database) -> None:
    writers = [writer(Path(history.place), 100 * index, 12) for index in range(8)]
    assert [process.wait(120) for process in writers] == [0] * 8
    assert len(history.read()) == 8 * 12


def test_a_writer_that_is_killed_leaves_whole_runs(history: Database) -> None:
    process = writer(Path(history.place), 0, 100_000)
    assert process.stdout is not None
    process.stdout.readline()
    until = time.monotonic() + 60
    while not Path(history.place).exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = history.read()
    assert all(len(one.tests) == len(one.tests[0].metrics) == 1 for one in found)
    assert history.append([run(1, id="f" * 32)]) == 1
    with sqlite3.connect(history.place) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_transaction_that_fails_in_the_middle_leaves_nothing(
    history: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.append([run(1)])

    def fail(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(rows, "_insert_metric", fail)
    with pytest.raises(RuntimeError):
        history.append([run(2), run(3)])
    monkeypatch.undo()
    assert len(history.read()) == 1


def test_a_database_that_another_process_holds_is_a_clear_error(history: Database) -> None:
    history.append([run(1)])
    holder = sqlite3.connect(history.place, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(HistoryError) as error:
        Database(Path(history.place), busy_timeout_s=0.1).append([run(2)])
    assert str(error.value) == (
        f"{history.place}: is locked by another process; waited 0.1 s. See which process has it "
        "open (lsof), or name another file with --mlregress-history=PATH"
    )
    holder.close()
    assert BUSY_TIMEOUT_S <= 2.0  # a run waits no longer for what no verdict needs


def test_a_damaged_file_says_how_to_begin_again(history: Database) -> None:
    Path(history.place).write_bytes(b"not a database, and long enough to be looked at" * 100)
    for action in (lambda: history.append([run(1)]), history.read):
        with pytest.raises(HistoryError) as error:
            action()
        assert str(error.value) == (
            f"{history.place}: is damaged (file is not a database). Move it away, and the next run "
            f"begins a new one: mv {history.place} {history.place}.damaged"
        )


def test_a_file_that_is_cut_short_is_damaged(history: Database) -> None:
    history.append([run(number, id=f"{number:032x}") for number in range(1, 28)])
    path = Path(history.place)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(HistoryError, match="is damaged"):
        history.read()


def test_the_database_of_another_program_is_left_alone(history: Database) -> None:
    with sqlite3.connect(history.place) as connection:
        connection.execute("CREATE TABLE theirs (id)")
    with pytest.raises(HistoryError, match="is a database of another program"):
        history.append([run(1)])
    with sqlite3.connect(history.place) as connection:
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert names == [("theirs",)]


def test_a_newer_schema_is_refused(history: Database) -> None:
    history.append([run(1)])
    with sqlite3.connect(history.place) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(HistoryError) as error:
        history.read()
    assert "has schema 99, and this version of pytest-mlregress knows up to 1" in str(error.value)
    assert "Upgrade pytest-mlregress" in str(error.value)


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_runs(
    history: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.append([run(1)])
    longer = (*schema.MIGRATIONS, ("ALTER TABLE runs ADD COLUMN later TEXT",))
    for module in (schema, database):
        monkeypatch.setattr(module, "MIGRATIONS", longer)
    assert history.read() == (run(1),)
    with sqlite3.connect(history.place) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT later FROM runs").fetchall() == [(None,)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(history: Database) -> None:
    history.append([run(1)])
    folder = Path(history.place).parent
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    try:
        assert len(history.read()) == 1
        with pytest.raises(HistoryError, match="Make its folder writable"):
            history.append([run(2)])
    finally:
        folder.chmod(0o755)


def test_where_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(HistoryError) as error:
        Database(tmp_path / "taken" / "history.sqlite").append([run(1)])
    assert "Make its folder writable" in str(error.value)


class WithoutSharedMemory(sqlite3.Connection):
    """A connection on a file system without shared memory, such as a network's."""

    def execute(self, sql: str, *arguments: object) -> sqlite3.Cursor:
        if "journal_mode = WAL" in sql:
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *arguments)


def test_without_shared_memory_there_is_a_rollback_journal(
    history: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=WithoutSharedMemory)
    )
    history.append([run(1)])
    assert len(history.read()) == 1
    monkeypatch.undo()
    with sqlite3.connect(history.place) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_elsewhere_there_is_a_write_ahead_log(history: Database) -> None:
    history.append([run(1)])
    with sqlite3.connect(history.place) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


numbers = st.floats(allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some_runs = st.builds(
    run,
    st.integers(1, 28),
    st.floats(-1e6, 1e6),
    test=st.fixed_dictionaries(
        {
            "reasons": st.lists(texts).map(tuple),
            "data": st.dictionaries(texts, texts),
            "same_code": st.sampled_from([True, False, None]),
            "green_runs": st.dictionaries(
                texts, st.lists(st.dictionaries(st.integers(0, 9), numbers)).map(tuple)
            ),
        }
    ),
    metric=st.fixed_dictionaries(
        {
            "values": st.dictionaries(st.integers(0, 10**6), numbers),
            "declared": st.sampled_from(["auto", "1%", 0.01]),
            "p_harm": numbers,
            "level": st.none() | numbers,
        }
    ),
    facts=st.dictionaries(texts, texts),
    commit=st.none() | st.just("a" * 40),
)


@given(record=some_runs)
def test_a_document_holds_all_of_a_run(record: RunRecord) -> None:
    assert loads(dumps(record)) == record


@settings(max_examples=25)
@given(record=some_runs)
def test_the_database_holds_all_of_a_run(
    record: RunRecord, tmp_path_factory: pytest.TempPathFactory
) -> None:
    history = Database(tmp_path_factory.mktemp("history") / "history.sqlite")
    history.append([record])
    assert history.read() == (record,)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"schema": 1}', '{"schema": "1"}'])
def test_other_texts_are_no_runs(text: str) -> None:
    with pytest.raises(DocumentError, match="is no run of pytest-mlregress"):
        loads(text)


def test_a_newer_document_is_refused() -> None:
    with pytest.raises(DocumentError, match="upgrade pytest-mlregress"):
        loads(dumps(run(1)).replace('"schema":1', '"schema":2'))
