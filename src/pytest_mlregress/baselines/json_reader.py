"""Strict reading of a parsed JSON document: each value knows its place in the file.

A `Node` is asked for the one shape that the format allows there; anything else is an
`ArtifactError` that names the file, the path, the value and the remedy.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Final, NoReturn

from pytest_mlregress.baselines.errors import ArtifactError

__all__ = ["RESTORE", "Node", "are_seeds"]

RESTORE: Final = (
    "Restore the file from version control, or remove it and record the baseline again with "
    "--mlregress-update"
)
_NON_FINITE: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_SEED: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+")
_LONGEST_SHOWN: Final = 60
_MOST_BITS: Final = 2000
"""Most bits of an integer: every setting of Python's limit on digits reads and writes as many."""


class Node:
    """A value of the document.

    Most nodes are read without a question, so that the path is put together when one fails.

    Attributes:
        value: as `json.loads` returned it.
        source: the file, as a message prints it.
    """

    __slots__ = ("_parent", "_step", "source", "value")

    def __init__(
        self, value: object, source: str, parent: "Node | None" = None, step: str | int = "$"
    ) -> None:
        """``step`` is the key or position of the value in ``parent``."""
        self.value = value
        self.source = source
        self._parent = parent
        self._step = step

    @property
    def path(self) -> str:
        """Where the value is in the file."""
        if self._parent is None:
            return str(self._step)
        step = f"[{self._step}]" if isinstance(self._step, int) else _written(self._step)
        return f"{self._parent.path}{step}"

    def fail(self, expected: str, remedy: str = RESTORE) -> NoReturn:
        """Raise the `ArtifactError` that says what was expected here.

        Args:
            expected: the allowed values, in words.
            remedy: what to do about it.

        Raises:
            ArtifactError: always.
        """
        shown = ascii(self.value)
        if len(shown) > _LONGEST_SHOWN:
            shown = shown[: _LONGEST_SHOWN - 3] + "..."
        raise ArtifactError(self.source, self.path, f"expected {expected}, got {shown}", remedy)

    def fields(self, *names: str, optional: tuple[str, ...] = ()) -> dict[str, "Node"]:
        """The fields of an object that has exactly these.

        Args:
            *names: the fields that it must have.
            optional: those that it may have.

        Returns:
            The values by field.

        Raises:
            ArtifactError: it is no object, or a field is missing or unknown.
        """
        entries = dict(self.entries())
        missing = [name for name in names if name not in entries]
        if missing:
            raise ArtifactError(
                self.source, self.path, f"the field {missing[0]!r} is missing", RESTORE
            )
        unknown = sorted(entries.keys() - {*names, *optional})
        if unknown:
            entries[unknown[0]].fail("no such field here", "Remove it")
        return entries

    def entries(self) -> Iterator[tuple[str, "Node"]]:
        """The entries of an object with any keys."""
        if not isinstance(self.value, dict):
            self.fail("an object")
        for key, value in self.value.items():
            entry = Node(value, self.source, self, key)
            if not _is_text(key):
                entry.fail("a key of valid Unicode text")
            yield key, entry

    def by_seed(self) -> Iterator[tuple[int, "Node"]]:
        """The entries of an object whose keys are seeds."""
        for key, value in self.entries():
            if not _SEED.fullmatch(key):
                value.fail("a seed (a whole number from 0) as the key")
            yield int(key), value

    def items(self) -> Iterator["Node"]:
        """The items of a list."""
        if not isinstance(self.value, list):
            self.fail("a list")
        for position, item in enumerate(self.value):
            yield Node(item, self.source, self, position)

    def row(self, length: int, expected: str) -> tuple["Node", ...]:
        """The items of a list of exactly this length.

        Args:
            length: the length.
            expected: the allowed values, in words.

        Returns:
            The items.

        Raises:
            ArtifactError: it is no such list.
        """
        if not isinstance(self.value, list) or len(self.value) != length:
            self.fail(expected)
        return tuple(self.items())

    def text(self) -> str:
        """A string."""
        if not isinstance(self.value, str) or not _is_text(self.value):
            self.fail("a string of valid Unicode text")
        return self.value

    def optional_text(self) -> str | None:
        """A string or null."""
        return None if self.value is None else self.text()

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            self.fail("true or false")
        return self.value

    def whole(self) -> int:
        """An integer from 0; true and false are none."""
        if type(self.value) is not int or self.value < 0:
            self.fail("a whole number from 0")
        self._fail_if_huge(self.value)
        return self.value

    def optional_whole(self) -> int | None:
        """An integer from 0, or null."""
        return None if self.value is None else self.whole()

    def number(self) -> float:
        """A number, or one of the strings for non-finite numbers; true and false are none."""
        if isinstance(self.value, str) and self.value in _NON_FINITE:
            return _NON_FINITE[self.value]
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.fail('a number, or "nan", "inf" or "-inf"')
        try:
            return float(self.value)
        except OverflowError:
            self.fail("a number within the range of a float")

    def optional_size(self, expected: str, *, zero: bool) -> float | None:
        """Null, or a finite number above 0 (or from 0).

        Args:
            expected: the allowed values, in words.
            zero: whether 0 is allowed.

        Returns:
            The number, None for null.

        Raises:
            ArtifactError: it is anything else.
        """
        return None if self.value is None else self.size(expected, zero=zero)

    def size(self, expected: str, *, zero: bool) -> float:
        """A finite number above 0 (or from 0).

        Args:
            expected: the allowed values, in words.
            zero: whether 0 is allowed.

        Returns:
            The number.

        Raises:
            ArtifactError: it is anything else.
        """
        size = self.number()
        if not math.isfinite(size) or size < 0 or (size == 0 and not zero):
            self.fail(expected)
        return size

    def scalar(self) -> str | int | float | bool | None:
        """A string, number, true, false or null; `{"float": "nan"}` is a non-finite number."""
        if isinstance(self.value, dict):
            return self.fields("float")["float"].number()
        if isinstance(self.value, str):
            return self.text()
        if self.value is not None and not isinstance(self.value, bool | int | float):
            self.fail("a string, a number, true, false or null")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            self.fail("a finite number")
        if isinstance(self.value, int):
            self._fail_if_huge(self.value)
        return self.value

    def _fail_if_huge(self, whole: int) -> None:
        if whole.bit_length() > _MOST_BITS:
            raise ArtifactError(
                self.source,
                self.path,
                f"an integer has at most {_MOST_BITS} bits, this one {whole.bit_length()}",
                "Log it as a string or a float",
            )


def are_seeds(keys: Iterable[str]) -> bool:
    """Whether each of these is a seed as a key.

    Args:
        keys: those of an object.

    Returns:
        True for no keys.
    """
    return all(map(_SEED.fullmatch, keys))


def _written(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{json.dumps(key)}]"


def _is_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
