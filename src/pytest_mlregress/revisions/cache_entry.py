"""One trained seed as a file: compressed JSON with a hash of its own content, never pickle."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_mlregress import __version__
from pytest_mlregress.running.reads import Reads
from pytest_mlregress.running.result import SeedResult

SCHEMA: Final = 3
_LARGEST: Final = 256 * 2**20
"""Bytes of one entry before it is compressed: more would be no entry of ours."""


class EntryError(ValueError):
    """A file that is no entry of this version, or not the one that it says; the text says why."""


@dataclass(frozen=True, slots=True)
class SeedKey:
    """Which seed an entry is of.

    Attributes:
        test: the node id without the seed, from the top of the checkout.
        tier: the tier.
        seed: the seed.
        settings: the hash of the settings that a training can depend on.
    """

    test: str
    tier: str
    seed: int
    settings: str

    @property
    def digest(self) -> str:
        """A name for the folder of its entries, another one for those of another schema."""
        text = json.dumps([SCHEMA, self.test, self.tier, self.seed, self.settings])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class CachedSeed:
    """A seed that was trained before, with all that its result depended on.

    Attributes:
        result: what it recorded, as `SeedResult.to_builtins` gives it.
        environment: in which it trained, as facts by name.
        guards: what the bug guards found.
        reads: the part of the checkout that it depended on.
        packages: the versions of the packages that it had imported.
        machine: the hash of interpreter, processor and variables.
        guarded: whether bug guards watched it as the settings say; none watch a base.
        run: the run that trained it, as random digits.
        spent: what it took, which is another in every run: ``duration`` in seconds,
            ``peak_memory`` and ``peak_gpu_memory`` in bytes; empty where that is not known.
    """

    result: Mapping[str, Any]
    environment: Mapping[str, Any]
    guards: tuple[str, ...]
    reads: Reads
    packages: Mapping[str, str]
    machine: str
    guarded: bool = True
    run: str = ""
    spent: Mapping[str, Any] = field(default_factory=dict)


def bytes_of_entry(key: SeedKey, cached: CachedSeed) -> bytes:
    """The content of the entry's file; equal seeds give equal bytes.

    Args:
        key: which seed it is.
        cached: what it gave.

    Returns:
        The compressed text.
    """
    content = {
        "schema": SCHEMA,
        "plugin": __version__,
        "key": [key.test, key.tier, key.seed, key.settings],
        "result": cached.result,
        "environment": cached.environment,
        "guards": list(cached.guards),
        "reads": cached.reads.to_builtins(),
        "packages": dict(cached.packages),
        "machine": cached.machine,
        "guarded": cached.guarded,
        "run": cached.run,
        "spent": dict(cached.spent),
    }
    text = _text(_encoded(content))
    sealed = json.dumps({"digest": _digest(text), "content": text})
    return gzip.compress(sealed.encode("utf-8", "surrogatepass"), compresslevel=3, mtime=0)


def entry_in(content: bytes, key: SeedKey) -> CachedSeed:
    """The entry in a file's bytes.

    Args:
        content: the compressed text.
        key: which seed it has to be of.

    Returns:
        The seed.

    Raises:
        EntryError: it is damaged, was changed, or belongs to another version or seed.
    """
    text = _opened(content)
    try:
        record = _decoded(json.loads(text))
        if record["schema"] != SCHEMA or record["plugin"] != __version__:
            raise EntryError(f"it was written by pytest-mlregress {record['plugin']}")
        if record["key"] != [key.test, key.tier, key.seed, key.settings]:
            raise EntryError("it is the entry of another seed")
        result = SeedResult.from_builtins(record["result"])
        if result.outcome != "finished" or result.seed != key.seed:
            raise EntryError("it is not the result of a seed that finished")
        return CachedSeed(
            result=record["result"],
            environment=dict(record["environment"]),
            guards=tuple(record["guards"]),
            reads=Reads.from_builtins(record["reads"]),
            packages=dict(record["packages"]),
            machine=record["machine"],
            guarded=record["guarded"],
            run=record["run"],
            spent=dict(record.get("spent", {})),
        )
    except EntryError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EntryError(f"it is not an entry: {type(error).__name__}: {error}") from None


def _opened(content: bytes) -> str:
    """The text of an entry whose hash is right."""
    try:
        unpacked = zlib.decompressobj(wbits=31)
        sealed = unpacked.decompress(content, _LARGEST)
        if not unpacked.eof:
            raise EntryError("it is truncated")
        record = json.loads(sealed.decode("utf-8", "surrogatepass"))
        text, digest = record["content"], record["digest"]
        whole = isinstance(text, str) and digest == _digest(text)
    except EntryError:
        raise
    except (zlib.error, ValueError, TypeError, KeyError, RecursionError):
        raise EntryError("it is not an entry") from None
    if not whole:
        raise EntryError("its content was changed")
    return str(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def _encoded(value: Any) -> Any:
    """Non-finite floats by their eight bytes: JSON has none, and NaN has many."""
    match value:
        case float() if not math.isfinite(value):
            return {"float": struct.pack(">d", value).hex()}
        case Mapping():
            return {str(name): _encoded(entry) for name, entry in value.items()}
        case list() | tuple():
            return [_encoded(entry) for entry in value]
        case _:
            return value


def _decoded(value: Any) -> Any:
    match value:
        case {"float": str() as text} if len(value) == 1 and len(text) == 16:
            return struct.unpack(">d", bytes.fromhex(text))[0]
        case dict():
            return {name: _decoded(entry) for name, entry in value.items()}
        case list():
            return [_decoded(entry) for entry in value]
        case _:
            return value
