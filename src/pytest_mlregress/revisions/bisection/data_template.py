"""Where versions of the data lie: a path such as ``data/v{version}``, in code and configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.revisions.command_error import CommandError

__all__ = ["DataTemplate"]

_FIELD: Final = "{version}"
_VERSION: Final = r"(?P<version>\w+(?:[.-]\w+)*)"


@dataclass(frozen=True, slots=True)
class DataTemplate:
    """A path with the version of the data in it.

    Attributes:
        text: the template as the user wrote it, with one ``{version}``.
    """

    text: str

    def __post_init__(self) -> None:
        """Check the template.

        Raises:
            CommandError: it has not exactly one ``{version}``, or nothing else.
        """
        if self.text.count(_FIELD) != 1 or self.text == _FIELD:
            raise CommandError(
                f"--data {self.text!r}: expected a path with one {_FIELD}, such as data/v{_FIELD}"
            )

    def version_of_path(self, path: str) -> str | None:
        """The version that a file of the data belongs to.

        Args:
            path: its path below the top of the repository.

        Returns:
            The version; None for a file elsewhere.
        """
        found = re.compile(rf"{self._pattern}(?:/|$)").match(path)
        return None if found is None else found["version"]

    def versions_in(self, text: str) -> frozenset[str]:
        """The versions that a text names.

        Args:
            text: the content of a file.

        Returns:
            The versions.
        """
        return frozenset(found["version"] for found in re.finditer(self._named, text))

    def with_version(self, text: str, version: str) -> str:
        """The text as it names another version.

        Args:
            text: the content of a file.
            version: the version.

        Returns:
            The text.
        """
        path = self.text.replace(_FIELD, version)
        return re.sub(self._named, lambda _: path, text)

    @property
    def _pattern(self) -> str:
        before, after = self.text.split(_FIELD)
        return f"{re.escape(before)}{_VERSION}{re.escape(after)}"

    @property
    def _named(self) -> str:
        """The path anywhere in a text, but not as the end of a longer name."""
        return rf"(?<![\w.-]){self._pattern}"
