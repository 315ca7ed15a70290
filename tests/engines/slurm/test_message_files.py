from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.engines.message_files import MessageReader, MessageWriter, framed
from pytest_mlregress.engines.messages import ConnectionLost

MESSAGES = st.lists(
    st.tuples(st.sampled_from(["ready", "report"]), st.binary(max_size=40) | st.integers(-9, 9)),
    max_size=6,
)


@given(MESSAGES, st.data())
def test_any_interleaving_of_partial_writes_gives_each_message_once_and_whole(
    tmp_path_factory: pytest.TempPathFactory,
    messages: list[tuple[object, ...]],
    data: st.DataObject,
) -> None:
    """Pages of a file on NFS may arrive in any order; what is not yet there reads as zeros."""
    file = tmp_path_factory.getbasetemp() / "messages"
    content = b"".join(map(framed, messages))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(content)), max_size=8)) | {0, len(content)})
    parts = data.draw(st.permutations(list(pairwise(cuts))))
    file.write_bytes(b"")
    reader = MessageReader(file)
    received = []
    for start, end in parts:
        with file.open("r+b") as written:
            written.seek(start)
            written.write(content[start:end])
        received += reader.received()
    assert received == messages
    assert reader.received() == []


def test_a_reader_gets_what_a_writer_sends_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "messages"
    file.touch()
    reader, writer = MessageReader(file), MessageWriter(file)
    assert reader.received() == []
    writer.send(("here", {"machine": "node7"}), ("ready",))
    assert reader.received() == [("here", {"machine": "node7"}), ("ready",)]
    writer.send(("report", "x" * 100_000))
    writer.send(("end",))
    assert reader.received() == [("report", "x" * 100_000), ("end",)]


def test_what_an_interrupted_write_has_left_is_written_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a job is pre-empted while its last report is written."""
    file = tmp_path / "messages"
    file.touch()
    reader, writer = MessageReader(file), MessageWriter(file)
    writer.send(("ready",))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_, **__: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            writer.send(("report", 1))
    half = framed(("report", 1))[:-3]
    file.write_bytes(file.read_bytes() + half)
    assert reader.received() == [("ready",)]
    writer.send(("lost", "pre-empted"))
    assert reader.received() == [("report", 1), ("lost", "pre-empted")]


def test_a_file_that_is_gone_is_a_lost_connection(tmp_path: Path) -> None:
    with pytest.raises(ConnectionLost, match="No such file"):
        MessageReader(tmp_path / "gone").received()
    with pytest.raises(ConnectionLost, match="No such file"):
        MessageWriter(tmp_path / "gone").send(("ready",))
