"""What is to be recorded of a seed, handed to its process in a folder that a variable names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.running.traced_run import VARIABLE

__all__ = ["VARIABLE", "TraceRequest", "asked_folder", "traces_in"]

_FILE: Final = "request.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRequest:
    """What is to be recorded of the next seeds of a process.

    Attributes:
        root: the checkout whose code is first-party.
        full_from: the first step of which every call is recorded.
        full_until: the first step after those.
        until_step: the step before which the training is ended; None to let it finish.
        nudge_step: the step whose first call with a gradient gets inputs that are moved by one ulp;
            None for none.
        max_bytes: where the file stops growing.
    """

    root: Path
    full_from: int = 0
    full_until: int = 3
    until_step: int | None = None
    nudge_step: int | None = None
    max_bytes: int = 256 * 1024 * 1024

    def write(self, folder: Path) -> None:
        """Ask for it; earlier traces in the folder are removed.

        Args:
            folder: that the environment variable of the process names.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for trace in traces_in(folder):
            trace.unlink()
        text = json.dumps({**asdict(self), "root": str(self.root)})
        (folder / _FILE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> TraceRequest:
        """The inverse of `write`.

        Args:
            folder: as for `write`.
        """
        record = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return cls(**{**record, "root": Path(record["root"])})


def traces_in(folder: Path) -> list[Path]:
    """The traces that processes have written.

    Args:
        folder: that the environment variable named.

    Returns:
        One file per seed that was trained.
    """
    return sorted(folder.glob("*.trace.jsonl"))


def asked_folder(variables: Mapping[str, str] = os.environ) -> Path | None:
    """Where this process is asked to record; None where it is not.

    Args:
        variables: the environment variables.
    """
    name = variables.get(VARIABLE, "")
    return Path(name) if name else None
