"""Hashes of data sets, so that a changed data set is never compared with the old one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from io import IOBase, TextIOBase
from os import PathLike
from pathlib import Path
from typing import Any, Final

_CHUNK: Final = 1 << 20
_DIGITS: Final = 16


def fingerprint(data: Any) -> str:
    """A short hash of the content of ``data``.

    Takes arrays and tensors (dtype, shape and bytes), paths of files and folders (relative names
    and bytes), open files (all of their bytes, wherever they are read to), bytes and text,
    numbers, and mappings and sequences of these.  Independent of device, memory layout and path.

    Text that names a file or folder which exists is a path: the hash of the mere name would stay
    when the data change.

    Raises:
        FileNotFoundError: a path that does not exist.
        TypeError: anything else; a hash of its ``repr`` could change from run to run.
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
    elif isinstance(data, Mapping):
        digest.update(f"mapping:{len(data)};".encode())
        for key in sorted(data, key=repr):
            _feed(digest, key)
            _feed(digest, data[key])
    elif hasattr(data, "dtype") and hasattr(data, "shape"):
        _feed_array(digest, data)
    elif isinstance(data, IOBase):
        _feed_open_file(digest, data)
    elif isinstance(data, Sequence):
        digest.update(f"sequence:{len(data)};".encode())
        for entry in data:
            _feed(digest, entry)
    else:
        raise TypeError(
            f"cannot fingerprint a {type(data).__name__}: pass an array, a tensor, bytes, text, "
            "a path, an open file, or a list or mapping of these"
        )


def _feed_array(digest: Any, data: Any) -> None:
    if hasattr(data, "detach"):
        tensor = data.detach().cpu().contiguous()
        digest.update(f"tensor:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(bytes(tensor.flatten().view(_torch_uint8()).numpy()))
        return
    import numpy as np

    array = np.ascontiguousarray(data)
    digest.update(f"array:{array.dtype.str}:{array.shape};".encode())
    if array.dtype.hasobject:
        _feed(digest, array.tolist())
    else:
        digest.update(array.tobytes())


def _torch_uint8() -> Any:
    import torch

    return torch.uint8


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
    """As the path of the file would be, so that it does not matter which of them is given."""
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
