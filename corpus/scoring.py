"""Hunting one program, and judging what was reported against what is known."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from pytest_mlregress.bughunt import Finding, hunt

from .registry import Program


@dataclass(frozen=True)
class Hunted:
    """A program, what `hunt` said of it, how long that took, and what went wrong if it raised."""

    program: Program
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    failure: str | None = None
    skipped: tuple[Any, ...] = field(default=(), repr=False)

    @property
    def fitting(self) -> list[Finding]:
        """Findings that name the program's mistake."""
        return [finding for finding in self.findings if finding.check in self.program.slugs]

    @property
    def found(self) -> bool:
        """Whether the mistake was named."""
        return bool(self.fitting)

    @property
    def errors(self) -> list[Finding]:
        """Findings of severity ``error``."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def warnings(self) -> list[Finding]:
        """Findings of severity ``warning``."""
        return [finding for finding in self.findings if finding.severity == "warning"]

    @property
    def located(self) -> list[Finding]:
        """Fitting findings that carry a location."""
        return [finding for finding in self.fitting if finding.location]

    @property
    def on_line(self) -> list[Finding]:
        """Fitting findings whose location is a line of the mistake."""
        return [finding for finding in self.located if is_marked(finding, self.program)]


def hunt_program(program: Program, seed: int = 0, **options: Any) -> Hunted:
    """Build a program and hunt it under the seed; an exception is a result, not an end."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        arguments = program.build()
        started = time.perf_counter()
        try:
            findings = hunt(**arguments, **options)
        except Exception as error:
            seconds = time.perf_counter() - started
            return Hunted(program, seconds=seconds, failure=f"{type(error).__name__}: {error}")
        seconds = time.perf_counter() - started
    return Hunted(program, tuple(findings), seconds, None, tuple(getattr(findings, "skipped", ())))


def is_marked(finding: Finding, program: Program) -> bool:
    """Whether a finding's ``file:line`` is a marked line of the program's file."""
    file, _, line = (finding.location or "").rpartition(":")
    return line.isdigit() and Path(file).name == program.path.name and int(line) in program.marked
