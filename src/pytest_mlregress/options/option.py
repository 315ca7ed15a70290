"""One setting as the command line and the ini file know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

INI_PREFIX: Final = "mlregress_"
FLAG_PREFIX: Final = "--mlregress-"


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as the command line and the ini file know it."""

    field: str
    help: str
    parse: Callable[[str, str], Any] | None
    """Text to value, raising `SettingError`; None for a flag."""
    metavar: str | None = None
    repeat: bool = False

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
        return "mlregress_" + self.field
