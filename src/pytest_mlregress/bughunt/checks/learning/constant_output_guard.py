"""Models whose output is the same whatever they are given."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.learning import CONSTANT_OUTPUT
from pytest_mlregress.bughunt.listening.detector import Detector, Progress
from pytest_mlregress.bughunt.recording.source_lines import of_function

LATER = 3
ENOUGH = 3
FEWEST = 4
"""Examples in a batch that can show it."""


@dataclass(slots=True)
class _Seen:
    module: weakref.ref[nn.Module]
    constant: int = 0
    shape: tuple[int, ...] = ()
    line: str | None = None


class ConstantOutputs(Detector):
    """After the first steps, every look at a model that is trained finds one row for all examples.

    Heads that start at zero have moved by then. Only outputs that are one tensor of a row for
    each example count, of inputs that differ.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._seen: dict[int, _Seen] = {}

    def left(self, module: nn.Module, output: Any, given: Any) -> None:
        if self.progress.steps < LATER or not _is_answer(output, given):
            return
        seen = self._seen.get(id(module))
        if seen is None or seen.module() is not module:
            seen = self._seen[id(module)] = _Seen(weakref.ref(module))
        if seen.constant < 0:
            return
        if not _rows_alike(output):
            seen.constant = -1
            return
        if _rows_alike(given[0]):
            return
        seen.constant += 1
        seen.shape = tuple(output.shape)
        seen.line = None if _is_torchs(module) else of_function(type(module).forward)

    def finish(self) -> None:
        for seen in self._seen.values():
            if seen.constant >= ENOUGH:
                self.progress.report(
                    CONSTANT_OUTPUT.finding(
                        "while training",
                        location=seen.line,
                        evidence=f"all rows of an output of shape {seen.shape} are equal, at "
                        f"{seen.constant} looks after {LATER} steps",
                    )
                )


def _is_answer(output: Any, given: Any) -> bool:
    """Whether there is a row of numbers for each example of the first input."""
    if not isinstance(output, torch.Tensor) or not output.requires_grad or output.dim() < 2:
        return False
    if not given or not isinstance(given[0], torch.Tensor) or given[0].dim() < 2:
        return False
    return len(output) == len(given[0]) >= FEWEST and output.is_floating_point()


def _rows_alike(tensor: torch.Tensor) -> bool:
    values = tensor.detach()
    return torch.equal(values[0], values[-1]) and torch.equal(values, values[:1].expand_as(values))


def _is_torchs(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.")
