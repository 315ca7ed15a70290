"""Files behind a URL that fsspec understands: opened, and written whole or not at all."""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.urls import without_credentials

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = [
    "REACH",
    "TEMPORARY",
    "OvertakenError",
    "address",
    "check_unchanged",
    "digest",
    "missing_bucket",
    "open_url",
    "reason_of",
    "replace_remote_file",
    "replace_unchanged_file",
]

TEMPORARY: Final = ".mlregress-tmp"
REACH: Final = "Check the URL, your credentials for it and the network, then run again"

_EXTRAS: Final = {"s3": "s3", "s3a": "s3"}
_BUCKETS: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
# A server that accepts connections and never answers costs four times `read_timeout`: s3fs tries
# twice, botocore twice each time. Their own limits add up to seven minutes.
_PATIENCE: Final[Mapping[str, Any]] = {
    "connect_timeout": 5,
    "read_timeout": 10,
    "retries": {"max_attempts": 1},
}
_TRIES: Final = 2
_ONE_SLASH: Final = re.compile(r"(?<=^http):/|(?<=^https):/")
_NOT_AS_READ: Final = ("PreconditionFailed", "ConditionalRequestConflict")


class OvertakenError(Exception):
    """A file is no longer the one that was read: someone has written, or removed, it since."""


def open_url(url: str) -> tuple["AbstractFileSystem", PurePosixPath]:
    """The file system and the folder behind a URL.

    Args:
        url: `<protocol>://<path>`.

    Returns:
        Both.

    Raises:
        StoreError: fsspec or the protocol's package is missing, or the URL is invalid.
    """
    place = without_credentials(url)
    protocol, _, _ = url.partition("://")
    try:
        from fsspec import available_protocols
        from fsspec.config import conf
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise StoreError(place, "URLs need fsspec", _install("remote")) from error
    try:
        files, root = url_to_fs(url, **_options(protocol, conf))
    except ImportError as error:  # fsspec names the package, such as s3fs
        extra = _EXTRAS.get(protocol)
        remedy = _install(extra) if extra is not None else "Install that package"
        raise StoreError(place, without_credentials(str(error)), remedy) from error
    except Exception as error:  # each protocol has its own, from ValueError to network errors
        _, named, unknown = str(error).partition("Protocol not known: ")
        if named:
            raise _unknown_protocol(place, unknown, available_protocols()) from error
        raise StoreError(place, reason_of(error), REACH) from error
    if protocol in ("s3", "s3a"):
        files.retries = _TRIES
    return files, PurePosixPath(root)


def address(path: PurePosixPath) -> str:
    """A path as its file system takes it.

    fsspec's paths for HTTP are whole URLs, of whose two slashes a `PurePosixPath` keeps one.

    Args:
        path: the folder of `open_url`, or a path below it.

    Returns:
        The text.
    """
    return _ONE_SLASH.sub("://", str(path), count=1)


def _install(extra: str) -> str:
    return f"Install it with: pip install 'pytest-mlregress[{extra}]'"


def _options(protocol: str, configured: Mapping[str, Any]) -> dict[str, Any]:
    """What a file system is opened with, unless fsspec's own configuration says it already."""
    if protocol in ("s3", "s3a") and "config_kwargs" not in configured.get("s3", {}):
        return {"config_kwargs": dict(_PATIENCE)}
    return {}


def _unknown_protocol(place: str, unknown: str, known: Sequence[str]) -> StoreError:
    close = get_close_matches(unknown, known, n=1, cutoff=0.5)  # s4 is half of s3
    remedy = (
        f"Did you mean {close[0]}://?"
        if close
        else "Use a folder, git:REF, or a protocol of fsspec such as s3://, gs://, az:// or sftp://"
    )
    return StoreError(place, f"fsspec knows no protocol {unknown!r}", remedy)


def missing_bucket(files: "AbstractFileSystem", protocol: str, root: PurePosixPath) -> str | None:
    """The bucket of a folder in an object store, if there is no such bucket.

    There, a folder without objects and a misspelt bucket look alike.

    Args:
        files: the file system.
        protocol: its protocol.
        root: the folder.

    Returns:
        The bucket's name; None if it exists, or the file system has no buckets.
    """
    if protocol not in _BUCKETS:
        return None
    bucket = next((part for part in root.parts if part != "/"), "")
    try:
        files.info(bucket)
    except FileNotFoundError:
        return bucket
    except Exception:  # who may read a folder may not always look at its bucket
        return None
    return None


def replace_unchanged_file(
    files: "AbstractFileSystem", path: str, content: bytes, *, before: bytes | None
) -> None:
    """Replace a file unless it was written since it was read.

    It is read again just before. What is written between that and the replacement is refused by S3
    itself, whatever the time (`If-Match`, `If-None-Match`), and a second creation by every object
    store; in other file systems it is lost.

    Args:
        files: the file system.
        path: the file.
        content: its new content.
        before: the `digest` of its content when it was read, None if there was no file.

    Raises:
        OvertakenError: it was written or removed since.
    """
    version = check_unchanged(files, path, before=before)
    condition = _condition(files, version, exists=before is not None)
    try:
        replace_remote_file(files, path, content, **condition)
    except Exception as error:
        if condition and _says(error, *_NOT_AS_READ, "NoSuchKey"):
            raise OvertakenError from error
        if isinstance(error, FileExistsError):
            raise OvertakenError from error
        if not (condition and _says(error, "NotImplemented")):  # an S3 that knows no conditions
            raise
        replace_remote_file(files, path, content)


def check_unchanged(files: "AbstractFileSystem", path: str, *, before: bytes | None) -> str:
    """Refuse a file that was written since it was read.

    Args:
        files: the file system.
        path: the file.
        before: the `digest` of its content when it was read, None if there was no file.

    Returns:
        The entity tag of S3; empty elsewhere, and for a file that does not exist.

    Raises:
        OvertakenError: it was written or removed since.
    """
    files.invalidate_cache()  # others write here too
    version = _version(files, path)  # first: what is written between the two fails the condition
    if _digest_of(files, path) != before:
        raise OvertakenError
    return version


def digest(content: bytes) -> bytes:
    """What tells one content of a file from another.

    Args:
        content: the content.

    Returns:
        Its hash.
    """
    return hashlib.sha256(content).digest()


def _digest_of(files: "AbstractFileSystem", path: str) -> bytes | None:
    try:
        return digest(bytes(files.cat_file(path)))
    except FileNotFoundError:
        return None


def _version(files: "AbstractFileSystem", path: str) -> str:
    try:
        return str(files.info(path).get("ETag") or "")
    except FileNotFoundError:
        return ""


def _condition(files: "AbstractFileSystem", version: str, *, exists: bool) -> dict[str, str]:
    if not exists:
        return {"mode": "create"} if files.async_impl else {}
    return {"IfMatch": version} if version and _is_s3(files) else {}


def _is_s3(files: "AbstractFileSystem") -> bool:
    return "s3" in ((files.protocol,) if isinstance(files.protocol, str) else files.protocol)


def _says(error: BaseException, *codes: str) -> bool:
    """Whether a server of S3 gave one of these reasons."""
    response = getattr(error.__cause__, "response", None) or {}
    return response.get("Error", {}).get("Code") in codes


def replace_remote_file(
    files: "AbstractFileSystem", path: str, content: bytes, **condition: str
) -> None:
    """Write a file in one step, as far as the file system can.

    An object store (these are fsspec's asynchronous file systems) shows an object when it is
    complete; elsewhere, as over SSH, a file is written under another name and then moved.

    Args:
        files: the file system.
        path: the file.
        content: its new content.
        condition: of the request, in an object store that takes one.
    """
    if files.async_impl:
        files.pipe_file(path, content, **condition)
        return
    files.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
    temporary = str(PurePosixPath(path).with_name(f".{secrets.token_hex(8)}{TEMPORARY}"))
    try:
        files.pipe_file(temporary, content)
        files.mv(temporary, path)
    except BaseException:
        if files.exists(temporary):
            files.rm_file(temporary)
        raise


def reason_of(error: Exception) -> str:
    """The error in one line, without the URL of a request, which may hold a token.

    Args:
        error: the error.

    Returns:
        The line.
    """
    return without_credentials(f"{type(error).__name__}: {error}").rstrip(". ")
