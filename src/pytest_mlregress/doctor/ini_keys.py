"""The settings that ``--fix`` writes into pytest's configuration file.

Each is written at the value that is in force without it, so that no verdict changes: the numbers of
a later release, or of a colleague's other release, then rest on the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pytest_mlregress.doctor.configuration import Configuration
from pytest_mlregress.settings import Settings

__all__ = ["KEYS", "corrections", "missing_keys"]

_DEFAULTS: Final = Settings()

KEYS: Final[Mapping[str, str]] = {
    "mlregress_alpha": f"{_DEFAULTS.alpha:g}",
    "mlregress_seeds": str(_DEFAULTS.default_seeds),
    "mlregress_threads": str(_DEFAULTS.threads),
    "mlregress_env_mismatch": _DEFAULTS.env_mismatch,
    "mlregress_missing": _DEFAULTS.missing,
}
"""What a verdict depends on, and the files of a repository do not say: the level, the seeds, the
threads that numbers depend on, and what another environment or a missing baseline does."""


def missing_keys(configuration: Configuration) -> list[str]:
    """The keys that the configuration does not set, in the order in which they are written."""
    return [key for key in KEYS if key not in configuration.values]


def corrections(configuration: Configuration) -> dict[str, str]:
    """The keys whose value switches the gate off, with the value that switches it on."""
    value = configuration.values.get("mlregress_missing", "").strip()
    return {"mlregress_missing": KEYS["mlregress_missing"]} if value == "warn" else {}
