"""What the processes of a run tell each other of the GPUs that they share, in a common folder.

It decides how many seeds train at once and nothing else: where the folder cannot be used, or a
line is torn because its process was killed, the run knows less.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from pytest_mlregress.resources.device_sharing import TrainedSeed
from pytest_mlregress.resources.nvml import DeviceMemory, device_memories

_GUARD: Final = "guard.lock"
_MEMORIES: Final = "memories.json"
_TRAINED: Final = "trained.jsonl"


class SharedDevices:
    """The GPUs of one machine, as the processes of a run see them.

    Args:
        folder: made when first used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trained: list[TrainedSeed] = []
        self._read = 0

    def memories(
        self, devices: Sequence[str], environ: Mapping[str, str]
    ) -> dict[str, DeviceMemory]:
        """The memory of GPUs as it was before this run used them.

        The first process that asks for one keeps it for the others.

        Args:
            devices: those that this process is about to use.
            environ: environment variables.

        Returns:
            By device; one that the driver does not tell of is missing.
        """
        file = self._folder / _MEMORIES
        found: dict[str, dict[str, int] | None] = {}
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / _GUARD):
                with suppress(OSError, ValueError):
                    found = json.loads(file.read_text("utf-8"))
                new = [device for device in devices if device not in found]
                if new:
                    for device, memory in device_memories(new, environ).items():
                        found[device] = asdict(memory) if memory is not None else None
                    file.write_text(json.dumps(found), encoding="utf-8")
        return {device: DeviceMemory(**kept) for device in devices if (kept := found.get(device))}

    def note(self, seed: TrainedSeed) -> None:
        """Tell the others of a seed that has passed.

        Args:
            seed: the seed.
        """
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            line = json.dumps(asdict(seed))
            with FileLock(self._folder / _GUARD), (self._folder / _TRAINED).open("ab") as file:
                file.write(f"\n{line}\n".encode())  # the last line before it may be torn

    def trained(self) -> Sequence[TrainedSeed]:
        """The seeds that have passed so far, in the order in which they were told of."""
        with suppress(OSError), (self._folder / _TRAINED).open("rb") as file:
            file.seek(self._read)
            text, end, _ = file.read().rpartition(b"\n")
            self._read += len(text) + len(end)
            for line in text.splitlines():
                with suppress(ValueError, TypeError, KeyError):
                    record: dict[str, Any] = json.loads(line)
                    record["devices"] = tuple(record["devices"])
                    self._trained.append(TrainedSeed(**record))
        return self._trained
