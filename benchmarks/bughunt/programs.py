"""Choosing programs of the corpus and hunting them, once or many times."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest_mlregress

ROOT = Path(__file__).resolve().parents[2]
from corpus.measure import outcome  # noqa: E402
from corpus.registry import BLIND, CORPUS, PARTS, Program, programs  # noqa: E402
from corpus.scoring import Hunted, hunt_program  # noqa: E402
from corpus.trainings import guard_program  # noqa: E402

__all__ = [
    "BLIND",
    "PARTS",
    "Hunted",
    "Program",
    "chosen",
    "guard_program",
    "hunt_program",
    "outcome",
    "programs",
    "repeat",
]


def chosen(
    parts: Sequence[str] | None, only: str = "", kind: str | None = None, slug: str = ""
) -> list[Program]:
    """The programs of the parts (default: all) that fit the filters."""
    return [
        program
        for program in programs(*(parts or PARTS))
        if only in program.name
        and kind in (None, program.kind)
        and (not slug or program.slugs[:1] == (slug,))
    ]


def repeat(hunted: Sequence[Hunted], times: int, checks: list[str] | None) -> list[Hunted]:
    """Hunt randomly drawn correct programs under random seeds."""
    draw = random.Random(0)
    correct = [result.program for result in hunted if result.program.kind != "buggy"]
    return [
        hunt_program(draw.choice(correct), seed=draw.randrange(2**31), checks=checks)
        for _ in range(times)
    ]


def as_tool(hunted: Sequence[Hunted]) -> dict[str, Any]:
    """The hunt's own results in the form in which other tools' are recorded."""
    return {
        "version": pytest_mlregress.__version__,
        "results": [
            {
                "program": result.program.name,
                "kind": result.program.kind,
                "seconds": result.seconds,
                "complaints": [
                    ("warning: " if finding.severity == "warning" else "") + finding.check
                    for finding in result.findings
                ],
            }
            for result in hunted
        ],
    }


def record_misses(hunted: Sequence[Hunted]) -> None:
    """Write the tuning programs that were missed where the tests look for them."""
    names = sorted(
        result.program.name
        for result in hunted
        if result.program.part == "tuning" and result.program.kind == "buggy" and not result.found
    )
    (CORPUS / "known_misses.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
