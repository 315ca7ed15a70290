"""Tables and sparse arrays: the same hash for the same content, however it lies in memory."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from pytest_mlregress.running.fingerprints import fingerprint

pd = pytest.importorskip("pandas")


def frame() -> Any:
    return pd.DataFrame(
        {
            "n": [1, 2, 3],
            "text": ["x", "y", None],
            "kind": pd.Categorical(["a", "b", "a"]),
            "gap": pd.array([1, None, 2], dtype="Int64"),
            "time": pd.date_range("2020", periods=3, tz="UTC"),
            "day": [datetime.date(2020, 1, 1)] * 3,
            "month": pd.period_range("2020", periods=3, freq="M"),
        }
    )


def test_a_frame_is_its_content() -> None:
    table = frame()
    same = table.iloc[::-1].iloc[::-1]
    assert fingerprint(table) == fingerprint(same) == fingerprint(frame())
    assert fingerprint(table["text"]) == fingerprint(same["text"])


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.rename(columns={"n": "m"}),
        lambda table: table.iloc[::-1],
        lambda table: table.set_index("text"),
        lambda table: table.assign(n=table["n"].astype("int32")),
        lambda table: table.assign(gap=[1, 0, 2]),
        lambda table: table[["text", *table.columns.drop("text")]],
        lambda table: table["n"],
    ],
)
def test_a_changed_frame_has_another_hash(change: Any) -> None:
    assert fingerprint(change(frame())) != fingerprint(frame())


def test_arrow_tables_are_their_content_in_any_chunks() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1, 2, None], "s": ["x", None, "z"], "f": [1.0, 2.0, 3.0]})
    chunks = pa.concat_tables([table.slice(0, 1), table.slice(1, 2)])
    assert fingerprint(table) == fingerprint(chunks) != fingerprint(table.slice(0, 2))
    assert fingerprint(table["a"]) == fingerprint(chunks["a"])


def test_polars_frames_are_their_content_and_lazy_ones_are_refused() -> None:
    pl = pytest.importorskip("polars")
    table = pl.DataFrame({"a": [1, 2, None], "s": ["x", None, "z"]})
    chunks = pl.concat([table[:1], table[1:]], rechunk=False)
    assert fingerprint(table) == fingerprint(chunks) != fingerprint(table[:2])
    with pytest.raises(TypeError, match=r"^the rows of a LazyFrame are not there"):
        fingerprint(table.lazy())


class Column:
    """The interface of an Arrow column."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values
        self.null_count = values.count(None)

    def to_numpy(self, zero_copy_only: bool = True) -> Any:
        if zero_copy_only:
            raise ValueError("needs a copy")
        return np.array(self.values)

    def to_pylist(self) -> list[Any]:
        return self.values


class Table:
    """The interface of an Arrow table."""

    schema = None

    def __init__(self, **columns: list[Any]) -> None:
        self.column_names = list(columns)
        self.columns_by_name = columns
        self.num_rows = len(next(iter(columns.values())))

    def __getitem__(self, name: str) -> Column:
        return Column(self.columns_by_name[name])


class HuggingFace:
    """The interface of `datasets.Dataset`."""

    features = None

    def __init__(self, **columns: list[Any]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def with_format(self, name: str) -> HuggingFace:
        assert name == "arrow"
        return self

    def iter(self, batch_size: int) -> Iterator[Table]:
        for k in range(0, len(self), batch_size):
            yield Table(**{name: c[k : k + batch_size] for name, c in self.columns.items()})


class Streamed:
    """The interface of `datasets.IterableDataset`."""

    features = None

    def with_format(self, name: str) -> Streamed:
        raise AssertionError("is not read")

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("is not read")


@pytest.mark.parametrize("kind", [Table, HuggingFace])
def test_tables_of_arrow_and_hugging_face(kind: Any) -> None:
    table = kind(text=["a", None], label=[0, 1])
    assert fingerprint(table) == fingerprint(kind(text=["a", None], label=[0, 1]))
    assert fingerprint({"train": table}) != fingerprint(table)
    for other in (
        kind(text=["a", "None"], label=[0, 1]),
        kind(text=["a", None], label=[1, 0]),
        kind(words=["a", None], label=[0, 1]),
        kind(text=["a", None]),
    ):
        assert fingerprint(other) != fingerprint(table)


def test_a_stream_is_refused_with_what_to_pass() -> None:
    with pytest.raises(TypeError) as raised:
        fingerprint(Streamed())
    assert str(raised.value) == (
        "the rows of a Streamed are not there before it runs: pass what it reads (files, a list of "
        "its first rows), or collect it first"
    )


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok"])
def test_a_sparse_array_is_its_entries(form: str) -> None:
    dense = np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]])
    expected = fingerprint(sparse.csr_array(dense))
    assert fingerprint(sparse.csr_array(dense).asformat(form)) == expected
    stored_zero = sparse.coo_array(([1.0, 2.0, 3.0, 0.0], ([0, 1, 1, 0], [1, 0, 2, 0])), (2, 3))
    assert fingerprint(stored_zero) == expected
    for other in (dense.T, dense[:, :2], dense * 2, dense.astype("float32")):
        assert fingerprint(sparse.csr_array(other)) != expected


def test_what_lies_under_a_mask_is_no_content() -> None:
    one, other = (np.ma.array([1.0, hidden], mask=[False, True]) for hidden in (2.0, 3.0))
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one) != fingerprint(np.ma.array([1.0, 2.0]))


def test_tensors_without_plain_storage() -> None:
    torch = pytest.importorskip("torch")
    dense = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    assert fingerprint(dense.to_sparse()) == fingerprint(dense.to_sparse().coalesce())
    assert fingerprint(dense.to_sparse()) != fingerprint((dense * 2).to_sparse())
    with pytest.raises(TypeError, match=r"^cannot fingerprint a tensor of dtype torch.float32 on "):
        fingerprint(torch.ones(2, device="meta"))
