"""Hashes of data sets, so that a changed data set is never compared with the old one."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from io import IOBase, TextIOBase
from os import PathLike
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from pytest_mlregress.running.tables import table_parts

_SCALARS: Final = (complex, Decimal, Fraction, date, time, timedelta, tzinfo, UUID)
"""Numbers and times whose text is their value."""
_PANDAS_SCALARS: Final = frozenset({"NAType", "NaTType", "Period", "Interval"})

_CHUNK: Final = 1 << 20
_DIGITS: Final = 16


def fingerprint(data: Any) -> str:
    """A short hash of the content of ``data``.

    It takes arrays and tensors (dtype, shape and bytes; sparse ones too), tables and columns of
    pandas, polars, Arrow and Hugging Face (names, types, rows), paths of files and folders
    (relative names and bytes), open files (all of their bytes, whatever their position), bytes and
    text, numbers and times, and mappings and sequences of these. It is independent of device,
    memory layout and path.

    Text that names an existing file or folder is a path: a hash of the name only would not change
    with the data.

    Args:
        data: the data set.

    Returns:
        Hexadecimal digits.

    Raises:
        FileNotFoundError: a path that does not exist.
        TypeError: anything else; the message says what to pass. A hash of its ``repr`` could change
            from run to run.
    """
    digest = hashlib.sha256()
    _feed(digest, Path(data) if isinstance(data, str) and _is_path(data) else data)
    return digest.hexdigest()[:_DIGITS]


def _is_path(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):  # too long, or with characters that no name has
        return False


def _feed(digest: Any, data: Any) -> None:
    if isinstance(data, PathLike):
        _feed_path(digest, Path(data))
    elif isinstance(data, (bytes, bytearray, memoryview)):
        digest.update(b"bytes:")
        digest.update(data)
    elif data is None or isinstance(data, (str, bool, int, float)):
        digest.update(f"{type(data).__name__}:{data!r};".encode())
    elif (parts := table_parts(data)) is not None:
        for part in parts:
            _feed(digest, part)
    elif isinstance(data, Mapping):
        digest.update(f"mapping:{len(data)};".encode())
        for key in sorted(data, key=repr):
            _feed(digest, key)
            _feed(digest, data[key])
    elif hasattr(data, "dtype") and hasattr(data, "shape"):
        _feed_array(digest, data)
    elif isinstance(data, _SCALARS) or _is_pandas_scalar(data):
        digest.update(f"{type(data).__name__}:{data!r};".encode())
    elif isinstance(data, IOBase):
        _feed_open_file(digest, data)
    elif isinstance(data, Sequence):
        digest.update(f"sequence:{len(data)};".encode())
        for entry in data:
            _feed(digest, entry)
    else:
        raise TypeError(
            f"cannot fingerprint a {type(data).__name__}: pass an array, a tensor, a table of "
            "pandas, polars, Arrow or Hugging Face, bytes, text, a path, an open file, or a list "
            "or mapping of these"
        )


def _is_pandas_scalar(data: Any) -> bool:
    """A missing value, a period or an interval of a column."""
    kind = type(data)
    return kind.__module__.partition(".")[0] == "pandas" and kind.__name__ in _PANDAS_SCALARS


def _feed_array(digest: Any, data: Any) -> None:
    if hasattr(data, "detach"):
        _feed_tensor(digest, data)
        return
    import numpy as np

    if hasattr(data, "filled"):  # what lies under a mask is no content
        _feed(digest, np.ma.getmaskarray(data))
        data = data.filled()
    array = np.ascontiguousarray(data)
    digest.update(f"array:{array.dtype.str}:{array.shape};".encode())
    if array.dtype.hasobject:
        _feed(digest, array.tolist())
    else:
        digest.update(array.tobytes())


def _feed_tensor(digest: Any, data: Any) -> None:
    torch = sys.modules["torch"]
    try:
        tensor = data.detach().cpu()
        if tensor.layout != torch.strided:
            entries = tensor.to_sparse().coalesce()
            digest.update(f"sparse:{tuple(tensor.shape)};".encode())
            _feed_tensor(digest, entries.indices())
            _feed_tensor(digest, entries.values())
            return
        plain = tensor.resolve_conj().resolve_neg().contiguous()
        content = bytes(plain.flatten().view(torch.uint8).numpy())
    except (RuntimeError, NotImplementedError) as error:  # a meta tensor has no data
        raise TypeError(
            f"cannot fingerprint a tensor of dtype {data.dtype} on {data.device}: "
            f"{str(error).strip().splitlines()[0]}"
        ) from None
    digest.update(f"tensor:{tensor.dtype}:{tuple(tensor.shape)};".encode())
    digest.update(content)


def _feed_path(digest: Any, path: Path) -> None:
    if path.is_dir():
        for entry in sorted(path.rglob("*")):
            if entry.is_file():
                digest.update(f"file:{entry.relative_to(path).as_posix()};".encode())
                _feed_file(digest, entry)
        return
    digest.update(b"file:;")
    _feed_file(digest, path)


def _feed_file(digest: Any, path: Path) -> None:
    with path.open("rb") as stream:
        _feed_stream(digest, stream)


def _feed_open_file(digest: Any, file: Any) -> None:
    """As the path of the file would be, so that either of them gives the same hash."""
    raw = getattr(file, "buffer", file)  # the bytes under a file that is open as text
    if isinstance(raw, TextIOBase):
        _feed(digest, file.getvalue())
        return
    digest.update(b"file:;")
    position = file.tell()
    raw.seek(0)
    _feed_stream(digest, raw)
    file.seek(position)


def _feed_stream(digest: Any, stream: Any) -> None:
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
