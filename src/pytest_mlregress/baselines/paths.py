"""Where the baseline of a test is: names that are safe on every file system.

A name is kept if it is safe. Whatever had to be changed, and whatever could clash with another id
on a file system that ignores case, gets a short hash of the exact id, so that two ids never share a
file and nothing needs to be known of the other tests of a suite.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.node_ids import dotted_name, in_file, split_file, split_parameters

__all__ = ["FOLDER", "BaselineKey", "artifact_path"]

FOLDER: Final = "__baselines__"
"""The folder beside a test file that holds the baselines of its tests."""

SUFFIX: Final = ".json"

_UNSAFE: Final = re.compile(r"[^a-z0-9_.\[\]+=,-]+")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_LONGEST: Final = 100
_HASH_LENGTH: Final = 8


@dataclass(frozen=True, slots=True, order=True)
class BaselineKey:
    """One baseline of a suite, wherever the suite's baselines are kept.

    Attributes:
        directory: the directory of the test file, relative to pytest's rootdir.
        path: the file below the baseline folder, from `artifact_path`.

    Raises:
        StoreError: the directory is outside the rootdir.
    """

    directory: PurePosixPath
    path: PurePosixPath

    def __post_init__(self) -> None:
        for part in (self.directory, self.path):
            if part.is_absolute() or ".." in part.parts:
                raise StoreError(
                    str(self.directory / self.path),
                    "the tests lie outside pytest's rootdir, where baselines have no place",
                    "Pass a --rootdir that contains them",
                )

    def node_id(self, test: str) -> str:
        """The node id of a test of the directory, as pytest takes it.

        Args:
            test: as the baseline names it, with no folder before its file.

        Returns:
            The node id without the seed.
        """
        file, names = split_file(test)
        return in_file((self.directory / file).as_posix(), names)


def artifact_path(test_id: str, tier: str) -> PurePosixPath:
    """The file that keeps the baseline of a test and tier, below a baseline folder.

    Args:
        test_id: `<file name>::<Class>::<name>[params]`; any text is made safe.
        tier: the name of the tier; any text is made safe.

    Returns:
        `<test file stem>/<Class>.<name>[params].<tier>.json`, always two parts of lower-case
        ASCII that stay below the folder.
    """
    file_name, names = split_file(test_id)
    name, _ = split_parameters(names)
    test = dotted_name(test_id)
    folder = _safe(file_name.removesuffix(".py"), file_name, dots=False)
    return PurePosixPath(folder) / (
        _safe(test, test_id, ambiguous="." in name) + f".{_safe(tier, tier, dots=False)}{SUFFIX}"
    )


def _safe(text: str, identity: str, *, dots: bool = True, ambiguous: bool = False) -> str:
    """`text` if it is safe in a file name, otherwise its readable part and a hash.

    Args:
        text: the part of the file name.
        identity: what the hash is taken of.
        dots: whether the part may contain dots.
        ambiguous: whether another identity can have the same text.
    """
    safe = _UNSAFE.sub("-", text.lower()).strip(".-") if text else ""
    if not dots:
        safe = safe.replace(".", "-")
    safe = safe[:_LONGEST].rstrip(".-")
    if safe == text and safe and not ambiguous and not _RESERVED.match(safe):
        return safe
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return f"{safe}-{digest}" if safe else digest
