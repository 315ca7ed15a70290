"""What a test's ``mlregress`` marker puts in place of the settings of the run."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from pytest_mlregress.settings.run_settings import SettingError, Settings

MARKER_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "test": ("robust-t", "welch", "student", "paired", "rank"),
    "pairing": ("auto", "always", "never"),
    "expect": ("identical",),
    "deterministic": (True, False),
    "on_nonfinite": ("fail", "test"),
}
MARKER_ARGUMENTS: Final = (*MARKER_CHOICES, "suppress", "num_cpus", "num_gpus", "memory")


def override(settings: Settings, arguments: dict[str, Any]) -> Settings:
    """The settings with the arguments of a test's ``mlregress`` marker in place.

    ``None`` leaves a setting as it is. A seed has as many threads as it declares CPUs, unless the
    command line chooses them for the run.

    Raises:
        SettingError: an argument or its value is unknown.
    """
    accepted: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in MARKER_ARGUMENTS:
            close = get_close_matches(name, MARKER_ARGUMENTS, n=1)
            nearest = f"did you mean {close[0]}? " if close else ""
            raise SettingError(
                f"mlregress({name}=...): unknown argument; {nearest}known are "
                f"{', '.join(MARKER_ARGUMENTS)}"
            )
        if value is None:
            continue
        accepted[name] = _marker_value(name, value)
    if "num_cpus" in accepted and not settings.threads_chosen:
        accepted["threads"] = max(1, int(accepted["num_cpus"]))
    return replace(settings, **accepted)


def _marker_value(name: str, value: Any) -> Any:
    if name in MARKER_CHOICES:
        if value not in MARKER_CHOICES[name]:
            allowed = ", ".join(repr(choice) for choice in MARKER_CHOICES[name])
            raise SettingError(f"mlregress({name}={value!r}): not one of {allowed}")
        return value
    if name == "suppress":
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise SettingError(
                f"mlregress(suppress={value!r}): expected a list of check names, "
                "such as ['batch-leak']"
            )
        if not all(isinstance(entry, str) for entry in value):
            raise SettingError(f"mlregress(suppress={value!r}): every entry must be a string")
        return tuple(value)
    if name == "memory" and isinstance(value, str):
        return _bytes(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise SettingError(f"mlregress({name}={value!r}): expected a number >= 0")
    if name == "num_gpus" and value > 1 and not float(value).is_integer():
        raise SettingError(
            f"mlregress(num_gpus={value!r}): more than one GPU is a whole number; "
            "a share of one is below 1"
        )
    return float(value)


_UNITS: Final = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
                 "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}  # fmt: skip


def _bytes(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise SettingError(
            f"mlregress(memory={text!r}): expected a number of bytes, or one with kB, MB, GB, TB, "
            "KiB, MiB, GiB or TiB, such as '4GB'"
        )
    return float(found[1]) * _UNITS[found[2]]
