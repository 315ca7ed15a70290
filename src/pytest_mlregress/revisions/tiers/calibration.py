"""Calibrations: both tiers trained at a list of commits, and kept for later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.atomic import replace_file
from pytest_mlregress.revisions.tiers.state import TierSample, TierState

__all__ = ["keep_calibration", "kept_calibration"]

SCHEMA: Final = 1
_FOLDER: Final = "tiers"


def _file(folder: Path, test: str, tiers: tuple[str, str], machine: str) -> Path:
    text = json.dumps([test, *tiers, machine])
    return folder / _FOLDER / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def kept_calibration(
    folder: Path | None, test: str, tiers: tuple[str, str], machine: str
) -> tuple[TierState, ...]:
    """What earlier calibrations found; a file that cannot be read counts as none.

    Args:
        folder: where commands keep their state; None where nothing can be kept.
        test: the node id without the seed.
        tiers: the names of the fast and the full one.
        machine: the hash of the machine.

    Returns:
        The states.
    """
    if folder is None:
        return ()
    try:
        record = json.loads(_file(folder, test, tiers, machine).read_text("utf-8"))
        if record["schema"] != SCHEMA:
            return ()
        return tuple(
            TierState(
                key=str(state["commit"]),
                name=str(state["name"]),
                commit=str(state["commit"]),
                source="calibration",
                fast=TierSample.from_builtins(state["fast"]),
                full=TierSample.from_builtins(state["full"]),
            )
            for state in record["states"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def keep_calibration(
    folder: Path | None,
    test: str,
    tiers: tuple[str, str],
    machine: str,
    states: Iterable[TierState],
) -> str | None:
    """Keep states beside those that are kept already; a commit that is there is replaced.

    Args:
        folder: as in `kept_calibration`.
        test: as there.
        tiers: as there.
        machine: as there.
        states: of commits.

    Returns:
        Why they could not be kept; None where they are.
    """
    if folder is None:
        return "the calibration is not kept: pytest has no cache folder here"
    known = {state.key: state for state in kept_calibration(folder, test, tiers, machine)}
    known |= {state.key: state for state in states}
    file = _file(folder, test, tiers, machine)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, _text(test, tiers, tuple(known.values())).encode("utf-8"))
    except OSError as error:
        return f"the calibration is not kept: {file}: {error.strerror}"
    return None


def _text(test: str, tiers: tuple[str, str], states: Sequence[TierState]) -> str:
    record = {
        "schema": SCHEMA,
        "test": test,
        "tiers": list(tiers),
        "states": [
            {
                "commit": state.commit,
                "name": state.name,
                "fast": state.fast.to_builtins(),
                "full": state.full.to_builtins(),
            }
            for state in states
        ],
    }
    return json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n"
