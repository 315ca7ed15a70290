"""Which rectifiers ever let something through."""

from __future__ import annotations

import torch

from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.torch_api.operators import RELUS


class Activity:
    """Listens to outputs; `active` and `runs` are keyed by module and ``file:line``."""

    def __init__(self) -> None:
        self.active: dict[tuple[str | None, str | None], bool] = {}
        self.runs: dict[tuple[str | None, str | None], int] = {}

    def __call__(self, call: RecordedCall, output: object) -> None:
        """Take in a call and what it returned."""
        if call.name not in RELUS or not isinstance(output, torch.Tensor):
            return
        key = call.module, call.location
        self.active[key] = self.active.get(key, False) or bool(output.any())
        self.runs[key] = self.runs.get(key, 0) + 1
