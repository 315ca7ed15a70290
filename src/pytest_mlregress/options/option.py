"""One setting as the command line and the ini file know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

INI_PREFIX: Final = "mlregress_"
FLAG_PREFIX: Final = "--mlregress-"


class Option(NamedTuple):
    """One setting as the command line and the ini file know it.

    Attributes:
        field: the field of `Settings`.
        help: one sentence for ``pytest --help``.
        value: what it takes: the name of a parser of `options.values`, the words of which it is
            one, or None for a flag.
        metavar: how ``pytest --help`` shows the value.
        repeat: whether it may be given several times.
    """

    field: str
    help: str
    value: str | tuple[str, ...] | None
    metavar: str | None = None
    repeat: bool = False

    @property
    def parse(self) -> Callable[[str, str], Any] | None:
        """Text to value, raising `SettingError`; None for a flag."""
        if self.value is None:
            return None
        from pytest_mlregress.options import values  # not at every start of pytest

        return values.parser_of(self.value)

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return FLAG_PREFIX + self.field.replace("_", "-")

    @property
    def ini(self) -> str:
        """Its name in a configuration file."""
        return INI_PREFIX + self.field

    @property
    def dest(self) -> str:
        """Where pytest keeps its value."""
        return INI_PREFIX + self.field
