"""The content of tables and sparse arrays, in an order that does not depend on their layout.

Nothing is imported for it: pandas, polars, Arrow, Hugging Face data sets, dask and scipy are
recognised by their attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

_BATCH: Final = 10_000
_NUMERIC: Final = "biufcmM"


class StreamedTableError(TypeError):
    """Rows that are not loaded yet; its text says how to load them."""


def table_parts(data: Any) -> Iterator[object] | None:
    """Arrays, lists and text with the content of a table, a column or a sparse array.

    Parts are equal for equal content: chunks, slices and the order of what a sparse array stores do
    not matter; names, types and the rows' labels do.

    Args:
        data: any value.

    Returns:
        The parts; None for anything else.

    Raises:
        StreamedTableError: a table whose rows are not loaded before it is run.
    """
    kind = next((parts for holds, parts in _KINDS if holds(data)), None)
    return kind(data) if kind is not None else None


def _has(*names: str) -> Callable[[Any], bool]:
    def holds(data: Any) -> bool:
        return not isinstance(data, type) and all(hasattr(data, name) for name in names)

    return holds


def _pandas_frame(data: Any) -> Iterator[object]:
    yield "table"
    yield from _column(data.index)
    for name, column in data.items():
        yield _label(name)
        yield from _column(column)


def _pandas_series(data: Any) -> Iterator[object]:
    yield "column"
    yield _label(data.name)
    yield from _column(data.index)
    yield from _column(data)


def _named_columns(data: Any) -> Iterator[object]:
    """A table of polars or Arrow."""
    yield "table"
    for name in getattr(data, "column_names", None) or data.columns:
        yield name
        yield from _column(data[name])


def _hugging_face(data: Any) -> Iterator[object]:
    """Read as Arrow: images and sounds stay bytes."""
    yield "rows"
    yield len(data)
    for batch in data.with_format("arrow").iter(batch_size=_BATCH):
        yield from _named_columns(batch)


def _stream(data: Any) -> Iterator[object]:
    raise StreamedTableError(
        f"the rows of a {type(data).__name__} are not there before it runs: pass what it reads "
        "(files, a list of its first rows), or collect it first"
    )


def _sparse(data: Any) -> Iterator[object]:
    import numpy as np

    entries = data.tocoo(copy=True)
    entries.sum_duplicates()
    coords = getattr(entries, "coords", None) or (entries.row, entries.col)
    kept = entries.data != 0
    coords = [np.asarray(axis, dtype=np.int64)[kept] for axis in coords]
    order = np.lexsort(coords[::-1])
    yield "sparse"
    yield [int(size) for size in entries.shape]
    yield [axis[order] for axis in coords]
    yield entries.data[kept][order]


def _column(column: Any) -> Iterator[object]:
    """Numbers and times as one array; everything else, missing values included, as a list."""
    array = None if _missing(column) else _as_array(column)
    if array is not None and array.dtype.kind in _NUMERIC:
        yield array
        return
    for name in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, name):
            yield getattr(column, name)()
            return


def _missing(column: Any) -> int:
    """Missing values that an array would turn into NaN."""
    count = getattr(column, "null_count", 0)
    return int(count() if callable(count) else count)


def _as_array(column: Any) -> Any:
    """None for what no array holds."""
    for how in ({}, {"zero_copy_only": False}):  # Arrow copies only where told to
        try:
            return column.to_numpy(**how)
        except (TypeError, ValueError, NotImplementedError):
            continue
    return None


def _label(name: object) -> object:
    return name if isinstance(name, tuple) else str(name)


_KINDS: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any], Iterator[object]]], ...]] = (
    (_has("tocoo", "dtype", "shape"), _sparse),
    (_has("collect", "collect_schema"), _stream),  # a polars LazyFrame
    (_has("__dask_graph__", "divisions"), _stream),
    (_has("iloc", "columns", "index"), _pandas_frame),
    (_has("iloc", "index", "to_numpy"), _pandas_series),
    (_has("features", "with_format", "__len__"), _hugging_face),
    (_has("features", "with_format", "__iter__"), _stream),
    (_has("schema", "column_names", "num_rows"), _named_columns),  # an Arrow table
    (_has("get_columns", "columns", "to_numpy"), _named_columns),  # a polars DataFrame
    (_has("to_pylist", "null_count"), _column),  # an Arrow column
    (_has("to_list", "null_count", "to_numpy"), _column),  # a polars Series
)
